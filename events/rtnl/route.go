package rtnl

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Hop is a next hop of a route. A dead one is not used: its interface is down.
type Hop struct {
	Gateway netip.Addr
	Index   int
	Dead    bool
}

// Route is a route of any table. One that leads nowhere (unreachable, blackhole …) has no hops.
type Route struct {
	Family   int
	Dst      netip.Prefix
	Table    uint32
	Metric   uint32
	Type     uint8
	Protocol uint8
	TOS      uint8
	From     netip.Prefix // the packets that it is for, by their source; not valid where it is for all (IPv6 only)
	Source   netip.Addr   // of packets that the host sends by it, where the route says so
	Hops     []Hop
}

// decodeRoute reads a route; where only the default ones of the main table matter, others are not looked at.
func decodeRoute(data []byte, every bool) (Route, bool) {
	if len(data) < unix.SizeofRtMsg {
		return Route{}, false
	}
	head := nl.DeserializeRtMsg(data)
	if head.Flags&unix.RTM_F_CLONED != 0 || !every && head.Dst_len != 0 {
		return Route{}, false
	}
	attrs, err := nl.ParseRouteAttr(data[head.Len():])
	if err != nil || head.Family != unix.AF_INET && head.Family != unix.AF_INET6 {
		return Route{}, false
	}
	r := Route{Family: int(head.Family), Table: uint32(head.Table), Type: head.Type, Protocol: head.Protocol, TOS: head.Tos,
		Dst: netip.PrefixFrom(unspecified(head.Family), int(head.Dst_len))}
	hop := Hop{Dead: head.Flags&unix.RTNH_F_DEAD != 0}
	for _, a := range attrs {
		r.set(a, head)
		hop.set(a)
	}
	switch {
	case r.nowhere():
		r.Hops = nil
	case len(r.Hops) == 0:
		r.Hops = []Hop{hop}
	}
	return r, r.Dst.IsValid()
}

// unspecified is the address of a default route, which the kernel leaves out.
func unspecified(family uint8) netip.Addr {
	if family == unix.AF_INET {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func (r *Route) set(a syscall.NetlinkRouteAttr, head *nl.RtMsg) {
	switch a.Attr.Type {
	case unix.RTA_DST:
		r.Dst = prefix(a.Value, head.Dst_len)
	case unix.RTA_SRC:
		r.From = prefix(a.Value, head.Src_len)
	case unix.RTA_TABLE:
		r.Table = u32(a.Value)
	case unix.RTA_PRIORITY:
		r.Metric = u32(a.Value)
	case unix.RTA_PREFSRC:
		r.Source, _ = netip.AddrFromSlice(a.Value)
	case unix.RTA_MULTIPATH:
		r.Hops = decodeHops(a.Value)
	}
}

func prefix(b []byte, bits uint8) netip.Prefix {
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, int(bits))
}

// nowhere says whether a route of this type leads nowhere, though IPv6 names an interface for it: lo.
func (r Route) nowhere() bool {
	return slices.Contains([]uint8{unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_THROW}, r.Type)
}

func (h *Hop) set(a syscall.NetlinkRouteAttr) {
	switch a.Attr.Type {
	case unix.RTA_OIF:
		h.Index = int(u32(a.Value))
	case unix.RTA_GATEWAY:
		h.Gateway, _ = netip.AddrFromSlice(a.Value)
	case unix.RTA_VIA: // a gateway of the other family: its family, then its address
		h.Gateway, _ = netip.AddrFromSlice(a.Value[min(2, len(a.Value)):])
	}
}

// decodeHops reads the list of struct rtnexthop in RTA_MULTIPATH.
func decodeHops(b []byte) []Hop {
	var hops []Hop
	for len(b) >= unix.SizeofRtNexthop {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtNexthop || n > len(b) {
			break
		}
		h := Hop{Index: int(u32(b[4:])), Dead: b[2]&unix.RTNH_F_DEAD != 0}
		attrs, _ := nl.ParseRouteAttr(b[unix.SizeofRtNexthop:n])
		for _, a := range attrs {
			h.set(a)
		}
		hops = append(hops, h)
		b = b[min((n+3)&^3, len(b)):]
	}
	return hops
}

// over says whether a route leaves by an interface.
func (r Route) over(index int) bool {
	return slices.ContainsFunc(r.Hops, func(h Hop) bool { return h.Index == index })
}
