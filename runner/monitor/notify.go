package monitor

import (
	"fmt"
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

// notice is a message of sd_notify(3), with who sent it.
type notice struct {
	pid  int
	text string
}

func (n notice) says(word string) bool {
	for _, l := range strings.Split(n.text, "\n") {
		if l == word {
			return true
		}
	}
	return false
}

// listenNotices opens a socket that has a name nobody can guess and no file: a service that runs as somebody else can
// reach it. Who sends is told by the kernel.
func listenNotices() (*net.UnixConn, string, error) {
	name := "@hookd/notify/" + newInvocation()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, "", fmt.Errorf("cannot make the socket for its notices: %w", err)
	}
	raw, err := c.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	}
	if err != nil {
		c.Close()
		return nil, "", fmt.Errorf("cannot prepare the socket for its notices: %w", err)
	}
	return c, name, nil
}

// hear passes notices on until the socket is closed. While the channel is full senders wait, as they do for systemd.
func hear(c *net.UnixConn, to chan<- notice) {
	text, control := make([]byte, 4<<10), make([]byte, 4<<10)
	for {
		n, oob, _, _, err := c.ReadMsgUnix(text, control)
		if err != nil {
			return
		}
		if pid := sender(control[:oob]); pid > 0 {
			to <- notice{pid, string(text[:n])}
		}
	}
}

// sender is the process that sent a message. Descriptors that came along are closed, which is all that BARRIER=1 asks for.
func sender(control []byte) int {
	messages, _ := unix.ParseSocketControlMessage(control)
	pid := 0
	for _, m := range messages {
		if c, err := unix.ParseUnixCredentials(&m); err == nil {
			pid = int(c.Pid)
		}
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}
	return pid
}
