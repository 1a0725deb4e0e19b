package paths

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// watches are the directories that inotify(7) watches for us. All are made anew at each look. Whether an old one still
// belongs to its path cannot be known for certain: a new directory may have the inode number of a removed one, a watch
// moves away with an ancestor of its directory in silence, and the word of either may be lost where the queue overflows.
// Renewing one takes a few microseconds.
type watches struct {
	hints chan struct{} // holds one wake-up; another one would say the same
	open  func() (*fsnotify.Watcher, error)
	stall func() // called before each reading; tests make the reader slow with it

	heard     atomic.Int64 // events that matter
	overflows atomic.Int64

	// Owned by the goroutine of Watcher.Run:
	inotify *fsnotify.Watcher // nil while there is none
	reader  sync.WaitGroup
	number  int               // of the look
	deaf    error             // the first reason in this look why something is not reported
	names   map[string]string // of this look: path of a directory → path under which its events are reported
	inodes  map[inode]string  // of this look: the same path

	mu      sync.Mutex
	matters map[string]int // path whose events are hints, with / at its end for all that is in it → last look to want it
}

// inode tells directories apart. One that two paths lead to (bind mounts) is watched once and reported under the first.
type inode struct{ dev, ino uint64 }

func newWatches() *watches {
	return &watches{hints: make(chan struct{}, 1), open: fsnotify.NewWatcher, stall: func() {}, matters: map[string]int{}}
}

// begin drops the watches of the look before. What changes from here on until they are back is seen by this look. Where
// there was no inotify, or no room for a watch, each look tries again.
func (w *watches) begin() {
	w.number++
	w.deaf, w.names, w.inodes = nil, map[string]string{}, map[inode]string{}
	if w.inotify == nil {
		w.start()
		return
	}
	for _, path := range w.inotify.WatchList() {
		w.inotify.Remove(path) // fails when the kernel has dropped it already
	}
}

func (w *watches) start() {
	inotify, err := w.open()
	if err != nil {
		w.blame("cannot use inotify", err)
		return
	}
	w.inotify = inotify
	w.reader.Go(func() { w.read(inotify) })
}

// add watches a directory for a name, or for all names when it is "".
func (w *watches) add(dir, name string) {
	as, known := w.names[dir]
	if !known {
		as = w.addDir(dir)
		w.names[dir] = as
	}
	w.want(join(as, name))
}

func join(dir, name string) string {
	if name == "" {
		return dir + "/"
	}
	return filepath.Join(dir, name)
}

// addDir returns the path under which events of a directory are reported. What is no directory, or none any more, needs
// no watch: the one in which its own name stands was added before, and reports what becomes of it.
func (w *watches) addDir(dir string) string {
	fi, err := os.Stat(dir)
	if err != nil || !fi.IsDir() {
		return dir
	}
	st := fi.Sys().(*syscall.Stat_t)
	key := inode{uint64(st.Dev), st.Ino}
	if as, twice := w.inodes[key]; twice {
		return as
	}
	w.inodes[key] = dir
	w.want(dir) // its own mode and owner
	if w.inotify == nil {
		return dir
	}
	if err := w.inotify.Add(dir); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
		w.blame("cannot watch "+events.Show(dir), err)
	} else if mute(dir) {
		w.blame("cannot watch "+events.Show(dir), errors.New("its file system does not report all changes"))
	}
	return dir
}

func (w *watches) want(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.matters[path] = w.number
}

// end forgets what only earlier looks wanted. It returns why not everything is watched; nil when it is.
func (w *watches) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.matters, func(_ string, number int) bool { return number != w.number })
	return w.deaf
}

// read takes what fsnotify has to say, always and without waiting for anybody: fsnotify may hold the lock of add and begin
// while it gets rid of an error. An error is a hint too: after an overflow nobody knows what was lost.
func (w *watches) read(inotify *fsnotify.Watcher) {
	for {
		w.stall()
		select {
		case e, open := <-inotify.Events:
			if !open {
				return
			}
			if !w.matter(e.Name) {
				continue
			}
			w.heard.Add(1)
		case err, open := <-inotify.Errors:
			if !open {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.overflows.Add(1)
			}
		}
		select {
		case w.hints <- struct{}{}:
		default:
		}
	}
}

// matter keeps the noise of busy directories such as /tmp away.
func (w *watches) matter(path string) bool {
	path = filepath.Clean(path) // what is in / is reported as //name
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.matters[path] > 0 || w.matters[filepath.Dir(path)+"/"] > 0
}

func (w *watches) close() {
	if w.inotify != nil {
		w.inotify.Close()
	}
	w.reader.Wait()
}

// blame keeps the first reason why something is not reported.
func (w *watches) blame(what string, err error) {
	switch {
	case w.deaf != nil:
	case errors.Is(err, unix.EMFILE): // inotify_init(2)
		w.deaf = errors.New("too many open inotify instances (fs.inotify.max_user_instances) or files")
	case errors.Is(err, unix.ENOSPC): // inotify_add_watch(2)
		w.deaf = errors.New("too many inotify watches (fs.inotify.max_user_watches)")
	default:
		w.deaf = fmt.Errorf("%s: %v", what, err)
	}
}

// mute says whether a directory is on a file system that other hosts, programs or the kernel change without inotify(7)
// reporting it.
func mute(dir string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.AFS_SUPER_MAGIC,
		unix.CEPH_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.V9FS_MAGIC, unix.FUSE_SUPER_MAGIC, unix.PROC_SUPER_MAGIC,
		unix.SYSFS_MAGIC:
		return true
	}
	return false
}
