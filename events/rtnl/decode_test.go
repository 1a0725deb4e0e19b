package rtnl

import (
	"syscall"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// packet makes a message as the kernel would send it.
func packet(kind uint16, flags uint16, head nl.NetlinkRequestData, attrs ...*nl.RtAttr) syscall.NetlinkMessage {
	m := syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: kind, Flags: flags}, Data: head.Serialize()}
	for _, a := range attrs {
		m.Data = append(m.Data, a.Serialize()...)
	}
	return m
}

// Wireless drivers send messages about a link that have its name and none of its values: they must change nothing.
func TestWirelessNewsIsNoLink(t *testing.T) {
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = 3
	name := nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("wlan0"))
	if _, ok := decode(packet(unix.RTM_NEWLINK, 0, head, name, nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(1500))), false); !ok {
		t.Error("a message about a link is not read")
	}
	if m, ok := decode(packet(unix.RTM_NEWLINK, 0, head, name, nl.NewRtAttr(unix.IFLA_WIRELESS, make([]byte, 8))), false); ok {
		t.Errorf("a wireless event is read as %+v", m.link)
	}
}
