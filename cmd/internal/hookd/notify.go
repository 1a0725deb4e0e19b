package hookd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"hookd/hookspec"
	"hookd/internal/control"
)

// The service manager is told how hookd is (sd_notify(3)), if it asks; without one these do nothing.

// notifyReady says nothing before the state of the kernel has been told.
func (d *daemon) notifyReady(set *hookspec.Set) {
	if d.ready {
		d.notify("READY=1\nSTATUS=" + statusLine(set))
	}
}

// notifyReloading begins a reload, which notifyReady ends (systemd.service(5), Type=notify-reload).
func (d *daemon) notifyReloading() {
	if !d.ready {
		return
	}
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	d.notify("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10))
}

func (d *daemon) notifyStopping() { d.notify("STOPPING=1\nSTATUS=ending") }

// notify waits for nobody: a service manager that does not read misses what does not fit into its socket. That is why it
// does not use SdNotify of go-systemd, whose writing has no end then.
func (d *daemon) notify(state string) {
	d.trouble.about("service manager")(send(os.Getenv("NOTIFY_SOCKET"), state))
}

func send(path, state string) error {
	if path == "" {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Sendto(fd, []byte(state), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		return fmt.Errorf("cannot tell the service manager at %s: %w", path, err)
	}
	return nil
}

func statusLine(set *hookspec.Set) string {
	line := counted(len(set.Hooks), "hook") + " in force"
	if n := set.Hard(); n > 0 {
		line += ", " + counted(n, "fault") + ": see hookctl check"
	}
	return line
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// watchdog is how often the service manager wants to hear that hookd is alive; zero for never.
func watchdog() time.Duration {
	every, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return every
}

// listen takes the control socket over from the service manager (sd_listen_fds(3)) or makes it. remove takes away what
// was made.
func listen(path string, trust hookspec.Trust) (l *net.UnixListener, remove func(), err error) {
	files := activation.Files(true)
	switch {
	case len(files) > 1:
		return nil, nil, fmt.Errorf("%d sockets were handed over; there is one control socket", len(files))
	case len(files) == 1:
		l, err = handedOver(files[0])
		return l, func() {}, err
	}
	if _, err := trust.Resolve(filepath.Dir(path)); err != nil {
		return nil, nil, fmt.Errorf("the control socket would not be safe: %w", err)
	}
	if l, err = control.Listen(path); err != nil {
		return nil, nil, err
	}
	made, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, nil, fmt.Errorf("cannot look at the control socket: %w", err)
	}
	return l, func() { control.Remove(path, made) }, nil
}

func handedOver(f *os.File) (*net.UnixListener, error) {
	defer f.Close()
	kind, _ := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_TYPE)
	listens, _ := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if kind != unix.SOCK_STREAM || listens == 0 {
		return nil, errors.New("what was handed over is no stream socket that listens")
	}
	any, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("the socket that was handed over cannot be listened at: %w", err)
	}
	l, ok := any.(*net.UnixListener)
	if !ok {
		any.Close()
		return nil, errors.New("the socket that was handed over is no Unix socket")
	}
	l.SetUnlinkOnClose(false) // it is not ours
	return l, nil
}
