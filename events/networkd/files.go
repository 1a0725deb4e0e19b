package networkd

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// files are those of systemd-networkd: links/INDEX for each interface that it knows, and state, which is there once it has
// run. They are rewritten as a whole, under another name, and renamed.
type files struct {
	dir     string
	running bool
	known   map[int]readFile // by index
}

// readFile is what a file said, and by what it is known again.
type readFile struct {
	inode uint64
	mtime syscall.Timespec
	admin string
}

// maxFile is more than systemd-networkd ever writes.
const maxFile = 64 << 10

// read returns the administrative state of each interface that systemd-networkd knows, by index. Files that have not changed
// are not read again.
func (f *files) read() map[int]string {
	out := map[int]string{}
	if f.dir == "" {
		return out
	}
	_, err := os.Stat(filepath.Join(f.dir, "state"))
	f.running = err == nil
	before := f.known
	f.known = map[int]readFile{}
	names, _ := os.ReadDir(filepath.Join(f.dir, "links")) // it is not there without systemd-networkd
	for _, n := range names {
		index, err := strconv.Atoi(n.Name())
		if err != nil || index <= 0 {
			continue // a file that is being written
		}
		if one, ok := readLink(filepath.Join(f.dir, "links", n.Name()), before[index]); ok {
			f.known[index], out[index] = one, one.admin
		}
	}
	return out
}

// readLink reads one file unless it is as it was.
func readLink(path string, before readFile) (readFile, bool) {
	fi, err := os.Lstat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return readFile{}, false
	}
	st := fi.Sys().(*syscall.Stat_t)
	if before.inode == st.Ino && before.mtime == st.Mtim {
		return before, true
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return readFile{}, false
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	admin := adminState(string(text))
	return readFile{st.Ino, st.Mtim, admin}, err == nil && admin != ""
}

// adminState finds the administrative state in a file of lines KEY=VALUE. A word that is no state is none (failures: S1).
func adminState(text string) string {
	for line := range strings.Lines(text) {
		word, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "ADMIN_STATE=")
		if found && slices.Contains(administrative[:], word) {
			return word
		}
	}
	return ""
}
