package rtnl

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"hookd/events"
)

// Link is what hooks care about of an interface.
type Link struct {
	Index  int
	Name   string
	Type   string // hardware type
	Kind   string // of a virtual interface
	MAC    string
	Alias  string
	MTU    int
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

// Hop is a next hop of a default route. A dead one is not used: its interface is down.
type Hop struct {
	Gateway netip.Addr
	Index   int
	Dead    bool
}

// Route is a default route of the main table. One of another type than unicast (unreachable, blackhole …) has no hops:
// it is no way out, and it keeps those with a larger metric from being one.
type Route struct {
	Family int
	Metric uint32
	Hops   []Hop
	gen    int
	seq    uint64 // order in the kernel's list; it prefers the first one of equals
	next   uint64 // the same in the dump that is under way; in force when all of it is known
}

// same says whether a message speaks of a route that is known; whether hops are alive is no part of that.
func (r Route) same(o Route) bool {
	return r.equal(o) && slices.EqualFunc(r.Hops, o.Hops, func(a, b Hop) bool { return a.Index == b.Index && a.Gateway == b.Gateway })
}

// table is the kernel's state as messages have told it.
type table struct {
	ifaces map[int]*iface
	ports  map[int]map[int]bool // by the index of their master
	routes []Route
	gen    int
	seq    uint64
}

func newTable() *table { return &table{ifaces: map[int]*iface{}, ports: map[int]map[int]bool{}} }

// view is what hooks have been told, or would be told now, about one interface: a value that never changes.
type view struct {
	Link
	there  bool
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
	v := view{Link: i.Link, there: true, master: t.name(i.Master), state: t.stateOf(i)}
	for _, a := range i.addrs {
		v.addrs = append(v.addrs, a.Addr)
	}
	slices.SortFunc(v.addrs, func(a, b Addr) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Bits, b.Bits), a.Peer.Compare(b.Peer))
	})
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

// world makes the view of the host: of each family the first hop that is alive of the first way out decides.
func (t *table) world() world {
	var w world
	for n, family := range [...]int{unix.AF_INET, unix.AF_INET6} {
		for _, r := range t.waysOut(family) {
			if hop, alive := r.hop(); alive && !w.def[n].there {
				w.def[n] = best{true, t.name(hop.Index), hop.Gateway, r.Metric, hop.Index}
			}
			w.online = w.online || t.usable(r)
		}
	}
	return w
}

// waysOut lists the default routes of a family in the order in which the kernel tries them, up to one that leads nowhere.
func (t *table) waysOut(family int) []Route {
	var out []Route
	for _, r := range t.routes {
		if r.Family == family {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Route) int { return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.seq, b.seq)) })
	if i := slices.IndexFunc(out, func(r Route) bool { return len(r.Hops) == 0 }); i >= 0 {
		out = out[:i]
	}
	return out
}

func (r Route) hop() (Hop, bool) {
	i := slices.IndexFunc(r.Hops, func(h Hop) bool { return !h.Dead })
	if i < 0 {
		return Hop{}, false
	}
	return r.Hops[i], true
}

// usable says whether a route leaves by an interface that is up. After a loss of carrier the kernel keeps the IPv4
// routes of an interface.
func (t *table) usable(r Route) bool {
	return slices.ContainsFunc(r.Hops, func(h Hop) bool {
		i, there := t.ifaces[h.Index]
		return there && !h.Dead && i.Up()
	})
}

// diffView lists the events that lead from one view of an interface to the next: what goes away first, with the last
// known values, then the interface itself, then what comes, and its state last.
func diffView(old, now view) []events.Event {
	var out []events.Event
	emit := func(name string, v view, more ...events.Param) {
		out = append(out, event(name, v, more...))
	}
	for _, a := range old.addrs {
		if _, still := find(now.addrs, a.key()); !still {
			emit("address.removed", old, address(a)...)
		}
	}
	if old.there && old.Up() && !(now.there && now.Up()) {
		emit("link.down", old)
	}
	switch {
	case !old.there && now.there:
		emit("link.added", now)
	case old.there && now.there:
		out = append(out, diffLink(old, now)...)
	}
	if now.there && now.Up() && !(old.there && old.Up()) {
		emit("link.up", now)
	}
	for _, a := range now.addrs {
		switch before, known := find(old.addrs, a.key()); {
		case !known:
			emit("address.added", now, address(a)...)
		case before != a:
			emit("address.changed", now, address(a)...)
		}
	}
	if old.state != now.state {
		emit("interface.state", now.or(old), events.Param{Key: "from", Value: old.state}, events.Param{Key: "to", Value: now.state})
	}
	if old.there && !now.there {
		emit("link.removed", old)
	}
	return out
}

func diffLink(old, now view) []events.Event {
	var out []events.Event
	if old.Name != now.Name {
		out = append(out, event("link.renamed", now, events.Param{Key: "old-interface", Value: old.Name}))
	}
	if old.MAC != now.MAC || old.MTU != now.MTU || old.Alias != now.Alias {
		out = append(out, event("link.changed", now))
	}
	return out
}

// orMissing is the view, or that of an interface which nobody has been told of.
func (v view) orMissing() view {
	if v.state == "" {
		v.state = "missing"
	}
	return v
}

// or is the view itself, or the other one when the interface is gone: then the last known values are told.
func (v view) or(old view) view {
	if v.there {
		return v
	}
	return old
}

func find(addrs []Addr, key addrKey) (Addr, bool) {
	for _, a := range addrs {
		if a.key() == key {
			return a, true
		}
	}
	return Addr{}, false
}

// event makes an event about an interface; parameters without a value are left out.
func event(name string, v view, more ...events.Param) events.Event {
	e := events.Event{Name: name, Subject: v.Name}
	e.Params = given([]events.Param{
		{Key: "interface", Value: v.Name}, {Key: "index", Value: strconv.Itoa(v.Index)}, {Key: "type", Value: v.Type},
		{Key: "kind", Value: v.Kind}, {Key: "mac", Value: v.MAC}, {Key: "mtu", Value: strconv.Itoa(v.MTU)},
		{Key: "master", Value: v.master}, {Key: "alias", Value: v.Alias},
	})
	for _, p := range more {
		if p.Key == "old-interface" {
			e.Also = []string{p.Value}
		}
		e.Params = append(e.Params, p)
	}
	return e
}

func given(params []events.Param) []events.Param {
	return slices.DeleteFunc(params, func(p events.Param) bool { return p.Value == "" })
}

func address(a Addr) []events.Param {
	params := []events.Param{
		{Key: "address", Value: a.Addr.String()}, {Key: "prefix-length", Value: strconv.Itoa(a.Bits)},
		{Key: "family", Value: familyOf(a.Addr)}, {Key: "scope", Value: scopeName(a.Scope)}, {Key: "label", Value: a.Label},
	}
	if a.Peer.IsValid() {
		params = append(params, events.Param{Key: "peer", Value: a.Peer.String()})
	}
	if a.Deprecated {
		params = append(params, events.Param{Key: "deprecated", Value: "yes"})
	}
	return given(params)
}

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

func scopeName(scope uint8) string {
	switch scope {
	case unix.RT_SCOPE_UNIVERSE:
		return "global"
	case unix.RT_SCOPE_SITE:
		return "site"
	case unix.RT_SCOPE_LINK:
		return "link"
	case unix.RT_SCOPE_HOST:
		return "host"
	}
	return strconv.Itoa(int(scope))
}

// diffWorld lists the events that lead from one view of the host to the next.
func diffWorld(old, now world) []events.Event {
	var out []events.Event
	for n, family := range [...]string{"ipv4", "ipv6"} {
		a, b := old.def[n], now.def[n]
		switch {
		case !a.there && b.there:
			out = append(out, routeEvent("default-route.added", family, b))
		case a.there && !b.there:
			out = append(out, routeEvent("default-route.removed", family, a))
		case a.differs(b):
			e := routeEvent("default-route.changed", family, b)
			e.Params = append(e.Params, given([]events.Param{{Key: "old-interface", Value: a.iface},
				{Key: "old-gateway", Value: text(a.gateway)}, {Key: "old-metric", Value: strconv.Itoa(int(a.metric))}})...)
			out = append(out, e)
		}
	}
	if old.online != now.online {
		name := "network.offline"
		if now.online {
			name = "network.online"
		}
		out = append(out, events.Event{Name: name, Subject: "network/"})
	}
	return out
}

// differs says whether another route decides. The name of an interface does not count: a rename is an event of its own.
func (b best) differs(o best) bool {
	return b.index != o.index || b.gateway != o.gateway || b.metric != o.metric
}

func routeEvent(name, family string, b best) events.Event {
	return events.Event{Name: name, Subject: "default-route/" + family, Params: given([]events.Param{
		{Key: "family", Value: family}, {Key: "interface", Value: b.iface},
		{Key: "gateway", Value: text(b.gateway)}, {Key: "metric", Value: strconv.Itoa(int(b.metric))}})}
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
