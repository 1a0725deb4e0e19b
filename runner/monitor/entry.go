package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/runner"
)

// directory holds two files for each monitor: a lock that it holds while it lives, with the record of its service, and the
// socket on which it listens. Only its owner may look into it. It is addressed by its descriptor, so that the path may be
// longer than a socket's may be.
type directory struct {
	path string
	file *os.File
}

const (
	lockSuffix   = ".lock"
	socketSuffix = ".sock"
)

// key names the files of a service: its own name has bytes that no file name should, and no bound.
func key(id runner.ServiceID) string {
	sum := sha256.Sum256([]byte(id.Hook + "\x00" + id.Instance))
	return hex.EncodeToString(sum[:16])
}

// openDirectory makes the directory if need be.
func openDirectory(path string) (*directory, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("cannot make the directory of services: %w", err)
	}
	fd, err := unix.Open(path, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the directory of services %s: %w", path, err)
	}
	d := &directory{path: path, file: os.NewFile(uintptr(fd), path)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0 {
		d.file.Close()
		return nil, fmt.Errorf("the directory of services %s must belong to uid %d and be closed to others", path, os.Geteuid())
	}
	return d, nil
}

// at is the path of a file of a service by way of the descriptor.
func (d *directory) at(key, suffix string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s%s", d.file.Fd(), key, suffix)
}

// keys lists the services that have files.
func (d *directory) keys() []string {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d", d.file.Fd()))
	var keys []string
	for _, e := range entries {
		if k, is := strings.CutSuffix(e.Name(), lockSuffix); is && len(k) == 32 {
			keys = append(keys, k)
		}
	}
	return keys
}

// errHeld says that the monitor lives.
var errHeld = errors.New("its monitor lives")

// take takes the lock of a service and makes its file if there is none. The lock belongs to the open file: a monitor
// that inherits it holds it on.
func (d *directory) take(key string) (*os.File, error) {
	for {
		f, err := os.OpenFile(d.at(key, lockSuffix), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("cannot open the lock of a service: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, errHeld
			}
			return nil, fmt.Errorf("cannot lock the lock of a service: %w", err)
		}
		if d.names(key, f) {
			return f, nil
		}
		f.Close() // it was taken away while we opened it
	}
}

// names says whether the lock of a service is this very file.
func (d *directory) names(key string, f *os.File) bool {
	ours, err := f.Stat()
	named, err2 := os.Lstat(d.at(key, lockSuffix))
	return err == nil && err2 == nil && os.SameFile(ours, named)
}

// drop takes the files of a service away, the lock last: without one nobody looks for the other. Who calls holds it.
func (d *directory) drop(key string) {
	os.Remove(d.at(key, socketSuffix))
	os.Remove(d.at(key, lockSuffix))
}

// listen makes the socket of a service, in place of one that is stale; who calls holds the lock.
func (d *directory) listen(key string) (*os.File, error) {
	os.Remove(d.at(key, socketSuffix))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.at(key, socketSuffix), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot make the socket of a service: %w", err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	return l.File()
}

// dial connects to the monitor of a service and makes sure whose socket it is.
func (d *directory) dial(key string) (*net.UnixConn, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: d.at(key, socketSuffix), Net: "unix"})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, errLeft
	}
	if err != nil {
		return nil, fmt.Errorf("cannot reach the monitor of a service: %w", err)
	}
	if !peerIsOwner(c) {
		c.Close()
		return nil, errors.New("cannot reach the monitor of a service: the socket is somebody else's")
	}
	return c, nil
}

// peerIsOwner says whether the other end of a connection is of the same user, or root.
func peerIsOwner(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return err == nil && peer != nil && (int(peer.Uid) == os.Geteuid() || peer.Uid == 0)
}

// record is what the lock of a service says for the time when its monitor is dead. Processes of the service carry its
// invocation in their environment or live in its group; the main one is known by its id and the time of its start.
type record struct {
	Hook, Instance events.Bytes
	Invocation     string
	Group          string
	Main           int
	Start          uint64
	Signal         int32
	StopTimeout    time.Duration
	Last           *state // it has ended for good
	Told           bool   // and hookd knows
}

// write replaces the record in place, because the lock belongs to this very file. What is left of a longer one when we die
// in between is not read: the first value counts.
func (r record) write(f *os.File) error {
	text := line(r)
	if _, err := f.WriteAt(text, 0); err != nil {
		return fmt.Errorf("cannot write the record of a service: %w", err)
	}
	return f.Truncate(int64(len(text)))
}

// readRecord is false where none was written.
func readRecord(f *os.File) (record, bool) {
	var r record
	err := json.NewDecoder(io.NewSectionReader(f, 0, maxAnswer)).Decode(&r)
	return r, err == nil
}
