package paths

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ticks are two of the longest steps of the clock that the times of changes are taken from: a kernel takes at least 100 of
// them in a second (CONFIG_HZ).
const ticks = 20 * time.Millisecond

// maxLinks is how many links a path may lead through, as in the kernel (path_resolution(7)).
const maxLinks = 40

// view is what a look has found: all that how the directories are read depends on.
type view struct {
	text   string // is compared and never read
	unsure bool   // a file changed in the tick of the look, and another change in that tick may leave the same view
}

func (v view) same(before view) bool { return !before.unsure && v.text == before.text }

// look takes a view of directories, whose paths are absolute. It calls watch with each directory and the name that it is
// going to look up there, or "" for all names, before it does: then a change is either seen here or reported later.
func look(roots []string, watch func(dir, name string)) view {
	v := survey(roots, watch)
	if v.unsure {
		time.Sleep(ticks) // most often the change was the last one
		v = survey(roots, watch)
	}
	return v
}

// surveyor takes one view.
type surveyor struct {
	watch  func(dir, name string)
	begin  int64 // in nanoseconds of the clock that the times of changes are taken from
	text   strings.Builder
	unsure bool
}

func survey(roots []string, watch func(dir, name string)) view {
	s := surveyor{watch: watch, begin: coarseTime()}
	for _, root := range roots {
		if path, mode := s.follow("/", root); isDir(mode) {
			s.list(path, true)
		}
	}
	s.note("/") // last, because it is watched by now
	return view{s.text.String(), s.unsure}
}

// coarseTime is the time of the last tick, or 0, the safe side, should the kernel not know it.
func coarseTime() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// list notes what a directory holds, and what its sub-directories of drop-ins hold.
func (s *surveyor) list(dir string, deep bool) {
	s.watch(dir, "")
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.fault(err)
	}
	for _, e := range entries {
		path, mode := s.follow(dir, e.Name())
		if deep && isDir(mode) && strings.HasSuffix(e.Name(), ".d") {
			s.list(path, false)
		}
	}
}

// follow goes a path name by name and link by link and notes each step. It returns where that ends, without links, and
// the mode of what is there; the mode is 0 when nothing is.
func (s *surveyor) follow(at, path string) (end string, mode uint32) {
	rest, links := strings.Split(path, "/"), 0
	mode = unix.S_IFDIR
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "..":
			at, mode = filepath.Dir(at), unix.S_IFDIR
			continue
		case "", ".":
			continue
		}
		found, target := s.step(at, name)
		switch {
		case found == 0:
			return "", 0
		case target == "":
			at, mode = filepath.Join(at, name), found
			continue
		case links == maxLinks:
			s.fault(unix.ELOOP)
			return "", 0
		case strings.HasPrefix(target, "/"):
			at = "/"
		}
		links++
		rest, mode = append(strings.Split(target, "/"), rest...), unix.S_IFDIR
	}
	return at, mode
}

// step notes what has a name in a directory. Whoever watches /dev for /dev/null, which masks hooks, hears of all that is
// written to it by anybody before Linux 6.19; so nobody does.
func (s *surveyor) step(dir, name string) (mode uint32, target string) {
	path := filepath.Join(dir, name)
	if path != os.DevNull {
		s.watch(dir, name)
	}
	return s.note(path)
}

// note puts down what is at a path and returns its mode, or 0 when nothing can be seen there, and where it leads if it is
// a link. The times of directories do not count: they change with files that are gone again, and with those that do not
// matter. Those of devices and the like tell of their use.
func (s *surveyor) note(path string) (mode uint32, target string) {
	fi, err := os.Lstat(path)
	if err == nil && fi.Mode()&os.ModeSymlink != 0 {
		target, err = os.Readlink(path)
	}
	if err != nil {
		s.fault(err)
		return 0, ""
	}
	st := fi.Sys().(*syscall.Stat_t)
	fmt.Fprintf(&s.text, "%q %d %d %o %d %d", path, st.Dev, st.Ino, st.Mode, st.Uid, st.Gid)
	if fi.Mode().IsRegular() || target != "" {
		changed := st.Ctim.Nano()
		fmt.Fprintf(&s.text, " %q %d %d %d", target, st.Size, st.Mtim.Nano(), changed)
		s.unsure = s.unsure || target == "" && s.begin <= changed && changed <= time.Now().UnixNano()
	}
	s.text.WriteByte('\n')
	return st.Mode, target
}

func (s *surveyor) fault(err error) { fmt.Fprintf(&s.text, "%q\n", err) }

func isDir(mode uint32) bool { return mode&unix.S_IFMT == unix.S_IFDIR }
