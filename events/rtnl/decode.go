package rtnl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// message is one decoded netlink message.
type message struct {
	kind     uint16
	link     Link
	index    int // of the interface an address belongs to
	addr     Addr
	usable   bool // the address is neither tentative nor a duplicate
	route    Route
	replace  bool
	neighbor neighbor
	dumped   bool // the message is part of a dump
}

// decode reads a message; false when it is none that matters here: AF_BRIDGE and other families speak of links with
// another meaning (their RTM_DELLINK is no removal, failures: R4), and of routes only the default ones count unless every one
// does.
func decode(m syscall.NetlinkMessage, every bool) (message, bool) {
	out := message{kind: m.Header.Type, replace: m.Header.Flags&unix.NLM_F_REPLACE != 0}
	var ok bool
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		out.link, ok = decodeLink(m.Data)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		ok = out.decodeAddr(m.Data)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		out.route, ok = decodeRoute(m.Data, every)
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		out.neighbor, ok = decodeNeighbor(m.Data)
		out.neighbor.there = out.neighbor.there && m.Header.Type == unix.RTM_NEWNEIGH
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		ok = true
	}
	return out, ok
}

// cstring reads a string attribute. Names are bytes: nothing but the closing NUL is taken off.
func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

func decodeLink(data []byte) (Link, bool) {
	if len(data) < unix.SizeofIfInfomsg || data[0] != unix.AF_UNSPEC {
		return Link{}, false
	}
	head := nl.DeserializeIfInfomsg(data)
	attrs, err := nl.ParseRouteAttr(data[head.Len():])
	if err != nil {
		return Link{}, false
	}
	l := Link{Traits: Traits{Index: int(head.Index), Type: head.EncapType()}, Flags: head.Flags}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFLA_WIRELESS: // news of a driver: such a message has the name and none of the values (wext-core.c)
			return Link{}, false
		case unix.IFLA_IFNAME:
			l.Name = cstring(a.Value)
		case unix.IFLA_ADDRESS:
			l.MAC = net.HardwareAddr(a.Value).String()
		case unix.IFLA_MTU:
			l.MTU = int(u32(a.Value))
		case unix.IFLA_MASTER:
			l.Master = int(u32(a.Value))
		case unix.IFLA_IFALIAS:
			l.Alias = cstring(a.Value)
		case unix.IFLA_OPERSTATE:
			l.Oper = a.Value[0]
		case unix.IFLA_LINKINFO:
			l.Kind = decodeKind(a.Value)
		}
	}
	return l, l.Name != ""
}

func decodeKind(info []byte) string {
	attrs, _ := nl.ParseRouteAttr(info)
	for _, a := range attrs {
		if a.Attr.Type == unix.IFLA_INFO_KIND {
			return cstring(a.Value)
		}
	}
	return ""
}

func (m *message) decodeAddr(data []byte) bool {
	if len(data) < unix.SizeofIfAddrmsg {
		return false
	}
	head := nl.DeserializeIfAddrmsg(data)
	attrs, err := nl.ParseRouteAttr(data[head.Len():])
	if err != nil || head.Family != unix.AF_INET && head.Family != unix.AF_INET6 {
		return false
	}
	flags := uint32(head.Flags)
	var local, far netip.Addr
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(a.Value)
		case unix.IFA_ADDRESS:
			far, _ = netip.AddrFromSlice(a.Value)
		case unix.IFA_FLAGS:
			flags = u32(a.Value)
		case unix.IFA_LABEL:
			m.addr.Label = cstring(a.Value)
		}
	}
	if !local.IsValid() {
		local, far = far, netip.Addr{} // IPv6 without a peer has IFA_ADDRESS only
	}
	if far != local {
		m.addr.Peer = far
	}
	m.index, m.addr.Scope = int(head.Index), head.Scope
	m.addr.Addr, m.addr.Bits = local, int(head.Prefixlen)
	m.addr.Deprecated = flags&unix.IFA_F_DEPRECATED != 0
	tentative := flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_OPTIMISTIC == 0
	m.usable = !tentative && flags&unix.IFA_F_DADFAILED == 0
	return local.IsValid()
}

// messageError reads the errno that an NLMSG_ERROR or NLMSG_DONE begins with; nil for success.
func messageError(m syscall.NetlinkMessage) error {
	if code := -int32(u32(m.Data)); code > 0 {
		return fmt.Errorf("the kernel refuses a dump: %w", unix.Errno(code))
	}
	return nil
}

// transient says whether a dump that was refused may work when it is asked for again.
func transient(err error) bool {
	return errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EBUSY) ||
		errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN)
}
