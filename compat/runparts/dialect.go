package runparts

import (
	"strconv"
	"strings"
	"syscall"
)

// Dialect is a version of debianutils whose run-parts is spoken.
type Dialect uint8

// The dialects. With Host it is 5.7 where the host's run-parts is older than 5.21, which changed the most, else 5.23.
const (
	Host Dialect = iota
	V5_7
	V5_23
	V5_24 // as 5.23; --after and --before can be abbreviated
)

func dialects(text string) (Dialect, bool) {
	switch text {
	case "5.7":
		return V5_7, true
	case "5.23":
		return V5_23, true
	case "5.24":
		return V5_24, true
	}
	return Host, false
}

// Old says whether it is the dialect of before 5.21. It looks at the host only when it is asked, and once: for most calls
// both dialects are the same, and then nothing is read.
func (d *Dialect) Old() bool {
	if *d == Host {
		*d = V5_23
		if hostIsOld() {
			*d = V5_7
		}
	}
	return *d == V5_7
}

// hostIsOld asks the host's own run-parts, which has its version in a text. That is thirty kilobytes; the list of
// installed packages is megabytes.
func hostIsOld() bool {
	for _, path := range []string{"/usr/bin/run-parts", "/bin/run-parts"} {
		if text, found := readStart(path); found {
			return isOld(text)
		}
	}
	return false
}

// isOld finds the version in a program. A link to a hookshim has none.
func isOld(program string) bool {
	_, behind, found := strings.Cut(program, "run-parts program, version 5.")
	minor, _, ended := strings.Cut(behind[:min(len(behind), 8)], "\n")
	minor, _, _ = strings.Cut(minor, ".")
	n, err := strconv.Atoi(minor)
	return found && ended && err == nil && n < 21
}

// readStart reads a program that is not larger than run-parts can be.
func readStart(path string) (string, bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", false
	}
	defer syscall.Close(fd)
	text := make([]byte, 1<<17)
	for n := 0; n < len(text); {
		more, err := syscall.Read(fd, text[n:])
		if err != nil {
			return "", false
		}
		if more == 0 {
			return string(text[:n]), true
		}
		n += more
	}
	return "", true
}
