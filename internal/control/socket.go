package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// SocketName is the name of the control socket in the state directory.
const SocketName = "control.sock"

// Listen makes the socket at path, with mode 0600 from its first moment. It takes the place of a socket that nobody
// listens at any more, and of nothing else.
func Listen(path string) (*net.UnixListener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	addr, done, err := address(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s: %w", path, err)
	}
	defer done()
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // it knows the path by a number that is gone by then
	return l, nil
}

// A hookd that was killed while it started a program leaves its socket to that one until it has begun.
const (
	staleTries = 25
	stalePause = 20 * time.Millisecond
)

func removeStale(path string) error {
	fi, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return fmt.Errorf("cannot look at the control socket: %w", err)
	case fi.Mode()&os.ModeSocket == 0:
		return fmt.Errorf("%s is no socket, and is left as it is", path)
	}
	for try := 0; ; try++ {
		c, dialed := dial(context.Background(), path)
		if err = dialed; err != nil {
			break
		}
		c.Close()
		if try == staleTries {
			return fmt.Errorf("another hookd listens at %s (name another socket with --socket)", path)
		}
		time.Sleep(stalePause)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("cannot replace the control socket: %w", err)
	}
	return os.Remove(path)
}

// Remove takes the socket of a listener away, unless another one stands in its place by now.
func Remove(path string, made os.FileInfo) {
	if now, err := os.Lstat(path); err == nil && os.SameFile(now, made) {
		os.Remove(path)
	}
}

// address names a socket through its directory's descriptor: a path of more than 107 bytes does not fit into a socket
// address (unix(7)).
func address(path string) (*net.UnixAddr, func(), error) {
	dir, err := os.OpenFile(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, nil, err
	}
	name := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	return &net.UnixAddr{Name: name, Net: "unix"}, func() { dir.Close() }, nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	addr, done, err := address(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{}).DialContext(ctx, "unix", addr.Name)
}

// Peer is the process at the other end, as the kernel knows it.
type Peer struct {
	UID uint32
	PID int32
}

func peerOf(c *net.UnixConn) (Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || credErr != nil {
		return Peer{}, fmt.Errorf("cannot read who is at the other end of the control socket: %v, %v", err, credErr)
	}
	return Peer{cred.Uid, cred.Pid}, nil
}
