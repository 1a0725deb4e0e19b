package rtnl

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// routeFilter is a program of classic BPF (Documentation/networking/filter.rst) by which the kernel keeps notifications
// about routes from us, unless they are about default routes: a router has many others, and reading them costs more than
// all the rest (failures: R5). A notification is one message, and an answer to a dump is many, of which the program sees the
// first; so the parts of a dump pass as they are. Everything that is no route passes, too.
//
// A program loads values as big-endian ones, while a header of netlink is in the order of the host, which is given.
func routeFilter(order binary.ByteOrder) []unix.SockFilter {
	const (
		load8   = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		load16  = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		ifEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ifBits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		give    = unix.BPF_RET | unix.BPF_K
	)
	host := func(v uint16) uint32 {
		var b [2]byte
		order.PutUint16(b[:], v)
		return uint32(binary.BigEndian.Uint16(b[:]))
	}
	line := func(code uint16, yes, no uint8, value uint32) unix.SockFilter { // yes, no: how many lines to skip
		return unix.SockFilter{Code: code, Jt: yes, Jf: no, K: value}
	}
	return []unix.SockFilter{
		line(load16, 0, 0, 4),                        // 0: nlmsghdr.nlmsg_type
		line(ifEqual, 1, 0, host(unix.RTM_NEWROUTE)), // 1: a route that comes: on with 3
		line(ifEqual, 0, 4, host(unix.RTM_DELROUTE)), // 2: a route that goes: on with 3; no route: 7
		line(load16, 0, 0, 6),                        // 3: nlmsghdr.nlmsg_flags
		line(ifBits, 2, 0, host(unix.NLM_F_MULTI)),   // 4: a part of a dump: 7
		line(load8, 0, 0, unix.SizeofNlMsghdr+1),     // 5: rtmsg.rtm_dst_len, the length of the prefix
		line(ifEqual, 0, 1, 0),                       // 6: a default route: 7; another one: 8
		line(give, 0, 0, 1<<32-1),                    // 7: let all of it pass
		line(give, 0, 0, 0),                          // 8: let nothing pass
	}
}

// filter lays routeFilter on the socket, or takes it off.
func (s *Source) filter(on bool) error {
	if !on {
		if err := unix.SetsockoptInt(s.sock.GetFd(), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); err != nil {
			return fmt.Errorf("cannot take the filter off: %w", err)
		}
		return nil
	}
	lines := routeFilter(binary.NativeEndian)
	program := unix.SockFprog{Len: uint16(len(lines)), Filter: &lines[0]}
	if err := unix.SetsockoptSockFprog(s.sock.GetFd(), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("cannot lay a filter on it: %w", err)
	}
	return nil
}
