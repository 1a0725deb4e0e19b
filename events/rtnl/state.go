package rtnl

import (
	"cmp"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Traits are what hooks are told of an interface itself.
type Traits struct {
	Index int
	Name  string
	Type  string // hardware type
	Kind  string // of a virtual interface
	MAC   string
	Alias string
	MTU   int
}

// Link is an interface as the kernel has it.
type Link struct {
	Traits
	Master int // index
	Flags  uint32
	Oper   uint8 // operational state, RFC 2863
}

// Up says whether the interface can carry packets: operational state up, or unknown with a lower layer that is up, as
// loopback and tun have it (Documentation/networking/operstates.rst).
func (l Link) Up() bool {
	return l.Oper == operUp || l.Oper == operUnknown && l.Flags&unix.IFF_LOWER_UP != 0 && l.Flags&unix.IFF_UP != 0
}

const (
	operUnknown = 0
	operDormant = 5
	operUp      = 6
)

// addrKey tells the addresses of an interface apart, as the kernel does: IPv4 ones by all three, IPv6 ones by the address
// alone, the rest being zero.
type addrKey struct {
	addr netip.Addr
	bits int
	peer netip.Addr
}

// Addr is a usable address.
type Addr struct {
	Addr       netip.Addr
	Bits       int // length of the prefix
	Peer       netip.Addr
	Scope      uint8
	Label      string
	Deprecated bool
}

func (a Addr) key() addrKey {
	if a.Addr.Is4() {
		return addrKey{a.Addr, a.Bits, a.Peer}
	}
	return addrKey{addr: a.Addr}
}

func (a Addr) compare(b Addr) int {
	return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Bits, b.Bits), a.Peer.Compare(b.Peer))
}

// iface is one interface with its usable addresses. Each object carries the generation of the dump that it was last seen
// in or after.
type iface struct {
	Link
	gen   int
	addrs map[addrKey]addrEntry
}

type addrEntry struct {
	Addr
	gen int
}

// table is the kernel's state as messages have told it.
type table struct {
	ifaces   map[int]*iface
	ports    map[int]map[int]bool // by the index of their master
	defaults []defaultRoute
	gen      int // of the dump that is under way or was the last one
	seq      uint64
	heard    map[any]bool // what notifications spoke of while a dump is under way; nil when none is

	routes    *followed[routeKey, routeValue] // nil while nobody asks for them, and so the neighbors
	neighbors *followed[neighborKey, neighborValue]
}

func newTable() *table { return &table{ifaces: map[int]*iface{}, ports: map[int]map[int]bool{}} }

// view is what hooks have been told, or would be told now, about one interface: a value that never changes.
type view struct {
	Traits
	there  bool
	up     bool
	master string
	addrs  []Addr // sorted
	state  string // word of interface.state
}

// world is what they have been told about the host as a whole.
type world struct {
	def    [2]best // IPv4, IPv6
	online bool
}

// best is the default route that decides for a family.
type best struct {
	there   bool
	iface   string
	gateway netip.Addr
	metric  uint32
	index   int
}

// view makes the view of an interface.
func (t *table) view(index int) view {
	i, there := t.ifaces[index]
	if !there {
		return view{state: "missing"}
	}
	v := view{Traits: i.Traits, there: true, up: i.Up(), master: t.name(i.Master), state: t.stateOf(i)}
	for _, a := range i.addrs {
		v.addrs = append(v.addrs, a.Addr)
	}
	slices.SortFunc(v.addrs, Addr.compare)
	return v
}

func (t *table) name(index int) string {
	if i, there := t.ifaces[index]; there {
		return i.Name
	}
	return ""
}

// Ranks of the carrier states that interface.state is made of, in ascending order.
const (
	off = iota
	noCarrier
	dormant
	degradedCarrier
	carrier
	enslaved
)

// stateOf computes the word of networkctl(1) for an interface as systemd-networkd does, but from the kernel alone.
func (t *table) stateOf(i *iface) string {
	c := t.carrier(i)
	if c >= carrier && t.hasDegradedPort(i.Index) {
		c = degradedCarrier
	}
	words := [...]string{"off", "no-carrier", "dormant", "degraded-carrier", "carrier", "enslaved"}
	scope := uint8(unix.RT_SCOPE_NOWHERE)
	for _, a := range i.addrs {
		scope = min(scope, a.Scope)
	}
	switch {
	case c < degradedCarrier || scope >= unix.RT_SCOPE_HOST:
		return words[c]
	case scope < unix.RT_SCOPE_SITE:
		return "routable"
	case c < enslaved:
		return "degraded"
	}
	return words[c]
}

func (t *table) carrier(i *iface) int {
	switch {
	case i.Oper == operDormant:
		return dormant
	case i.Up() && i.Master != 0:
		return enslaved
	case i.Up():
		return carrier
	case i.Flags&unix.IFF_UP != 0:
		return noCarrier
	}
	return off
}

func (t *table) hasDegradedPort(master int) bool {
	for index := range t.ports[master] {
		if t.carrier(t.ifaces[index]) < carrier {
			return true
		}
	}
	return false
}
