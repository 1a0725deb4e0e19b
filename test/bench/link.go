package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// link is the interface bench0 of a network namespace, and a socket there by which it is set up and down.
type link struct {
	socket   int
	up, down []byte // the requests
	answer   []byte
}

// newLink takes this thread to a new network namespace with a bridge that is down and has no ports. Once set up it is up
// at once, and the kernel says so in one message: operational state unknown, lower layer up. A veth pair needs two, and
// the second comes from a work queue of the kernel, which may take its time (linkwatch in net/core/link_watch.c).
func newLink() (*link, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("cannot make a network namespace: %w", err)
	}
	if err := ip("link", "add", "name", "bench0", "type", "bridge"); err != nil {
		return nil, err
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err == nil { // no addresses, which would be told as well
		if err := ip("link", "set", "dev", "bench0", "addrgenmode", "none"); err != nil {
			return nil, err
		}
	}
	bench0, err := net.InterfaceByName("bench0")
	if err != nil {
		return nil, err
	}
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	return &link{socket, request(bench0.Index, unix.IFF_UP), request(bench0.Index, 0), make([]byte, 4096)}, nil
}

// request is the message that sets IFF_UP or takes it away (rtnetlink(7)).
func request(index int, flags uint32) []byte {
	const size = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg
	header := unix.NlMsghdr{Len: size, Type: unix.RTM_NEWLINK, Flags: unix.NLM_F_REQUEST | unix.NLM_F_ACK}
	body := unix.IfInfomsg{Index: int32(index), Flags: flags, Change: unix.IFF_UP}
	message, _ := binary.Append(nil, binary.NativeEndian, header) // has no error for values of fixed size
	message, _ = binary.Append(message, binary.NativeEndian, body)
	return message
}

// ask sends a request. The kernel has carried it out, and told those who listen, when this returns.
func (l *link) ask(request []byte) error {
	if err := unix.Sendto(l.socket, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("cannot ask the kernel to change bench0: %w", err)
	}
	n, _, err := unix.Recvfrom(l.socket, l.answer, 0)
	if err != nil || n < unix.SizeofNlMsghdr+4 {
		return fmt.Errorf("the kernel does not answer: %w", err)
	}
	if errno := -int32(binary.NativeEndian.Uint32(l.answer[unix.SizeofNlMsghdr:])); errno != 0 {
		return fmt.Errorf("the kernel does not change bench0: %w", unix.Errno(errno))
	}
	return nil
}

func (l *link) close() { unix.Close(l.socket) }

// ip runs ip(8) in the namespace of this thread.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
