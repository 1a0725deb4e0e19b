package rtnl

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// neighborKey is what the kernel tells neighbors apart by.
type neighborKey struct {
	index int // of the interface
	addr  netip.Addr
}

// neighborValue is what is known of a neighbor.
type neighborValue struct {
	mac    string
	router bool
}

func (v neighborValue) shown() neighborValue        { return v }
func (v neighborValue) replaces(neighborValue) bool { return true }

// present are the states of an entry that stands for a neighbor. Among them it goes back and forth by itself, as it is used
// and confirmed. INCOMPLETE and FAILED are questions without an answer. NOARP is what the kernel makes up by itself where
// there is nobody to ask: for multicast and broadcast addresses, for loopback and for interfaces without neighbors.
const present = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT

// neighbor is a message about a neighbor.
type neighbor struct {
	neighborKey
	neighborValue
	there bool
}

// decodeNeighbor reads an entry of the tables of ARP and neighbor discovery. Those of bridges (AF_BRIDGE) stand for ports, and
// proxies for addresses that the host itself answers for.
func decodeNeighbor(data []byte) (neighbor, bool) {
	if len(data) < unix.SizeofNdMsg || data[0] != unix.AF_INET && data[0] != unix.AF_INET6 || data[10]&unix.NTF_PROXY != 0 {
		return neighbor{}, false
	}
	attrs, err := nl.ParseRouteAttr(data[unix.SizeofNdMsg:])
	if err != nil {
		return neighbor{}, false
	}
	// struct ndmsg: family, 3 bytes of nothing, interface, state (2 bytes), flags, type
	n := neighbor{there: binary.NativeEndian.Uint16(data[8:])&present != 0}
	n.index, n.router = int(int32(u32(data[4:]))), data[10]&unix.NTF_ROUTER != 0
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.NDA_DST:
			n.addr, _ = netip.AddrFromSlice(a.Value)
		case unix.NDA_LLADDR:
			n.mac = net.HardwareAddr(a.Value).String()
		}
	}
	return n, n.addr.IsValid()
}

// neighbors says how neighbors are told.
func neighbors() kind[neighborKey, neighborValue] {
	return kind[neighborKey, neighborValue]{
		family:  "neighbor",
		subject: func(k neighborKey) string { return k.addr.String() },
		index:   func(k neighborKey, _ neighborValue) int { return k.index },
		params:  neighborParams,
	}
}

func neighborParams(k neighborKey, v neighborValue, iface string) []events.Param {
	params := []events.Param{{Key: "interface", Value: iface}, {Key: "index", Value: strconv.Itoa(k.index)},
		{Key: "family", Value: familyOf(k.addr)}, {Key: "address", Value: k.addr.String()}, {Key: "mac", Value: v.mac}}
	if v.router {
		params = append(params, events.Param{Key: "router", Value: "yes"})
	}
	return params
}

func (t *table) newNeighbor(n neighbor) change {
	switch {
	case t.neighbors == nil:
	case n.there:
		t.neighbors.put(n.neighborKey, n.neighborValue, t.gen, true)
	default:
		t.neighbors.drop(n.neighborKey, object[neighborValue].isThere)
	}
	return change{}
}

// restoreNeighbor reads a neighbor from the event that told of it.
func restoreNeighbor(e events.Event) (k neighborKey, v neighborValue, ok bool) {
	addr, plain := parseAddr(param(e, "address"))
	index, err := strconv.Atoi(param(e, "index"))
	return neighborKey{index, addr}, neighborValue{param(e, "mac"), param(e, "router") == "yes"}, plain && err == nil && index > 0
}
