package runparts

import (
	"os"
	"syscall"
)

// copyStdin copies standard input to a file without a name. The descriptor is negative where that failed; the message may
// come without that, as in debianutils: it copies nothing to no file without a complaint.
func copyStdin() (fd int, failure string) {
	dir, has := os.LookupEnv("TMPDIR")
	if !has {
		dir = "/tmp"
	}
	const tmpfile = 0x410000 // O_TMPFILE of open(2): with O_DIRECTORY
	fd, err := syscall.Open(dir, tmpfile|syscall.O_RDWR|syscall.O_EXCL, 0o600)
	if err != nil {
		fd = -1
	}
	var buf [4096]byte
	for {
		n, err := syscall.Read(0, buf[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return -1, "run-parts: failed to read from stdin\n"
		case n == 0:
			return fd, ""
		}
		if !writeAll(fd, buf[:n]) {
			return -1, "run-parts: failed to write to temporary file\n"
		}
	}
}

func writeAll(fd int, data []byte) bool {
	for len(data) > 0 {
		n, err := syscall.Write(fd, data)
		if err != nil && err != syscall.EINTR {
			return false
		}
		data = data[max(n, 0):]
	}
	return true
}
