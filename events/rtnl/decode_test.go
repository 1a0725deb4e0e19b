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

func linkMessage(index int32, name string, attrs ...*nl.RtAttr) syscall.NetlinkMessage {
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = index
	return packet(unix.RTM_NEWLINK, 0, head, append(attrs, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))...)
}

// Wireless drivers send messages about a link that have its name and none of its values: they must change nothing.
func TestWirelessNewsIsNoLink(t *testing.T) {
	if _, ok := decode(linkMessage(3, "wlan0", nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(1500))), false); !ok {
		t.Error("a message about a link is not read")
	}
	if m, ok := decode(linkMessage(3, "wlan0", nl.NewRtAttr(unix.IFLA_WIRELESS, make([]byte, 8))), false); ok {
		t.Errorf("a wireless event is read as %+v", m.link)
	}
}
