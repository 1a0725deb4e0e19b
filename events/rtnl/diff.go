package rtnl

import (
	"net/netip"
	"slices"
	"strconv"

	"hookd/events"
)

// diffView lists the events that lead from one view of an interface to the next: what goes away first, with the last
// known values, then the interface itself, then what comes, and its state last.
func diffView(old, now view) []events.Event {
	if missing := (view{state: "missing"}); old.another(now) {
		return append(diffView(old, missing), diffView(missing, now)...)
	}
	var out []events.Event
	emit := func(name string, v view, more ...events.Param) {
		out = append(out, event(name, v, more...))
	}
	for _, a := range old.addrs {
		if _, still := find(now.addrs, a.key()); !still {
			emit("address.removed", old, address(a)...)
		}
	}
	if old.up && !now.up {
		emit("link.down", old)
	}
	switch {
	case !old.there && now.there:
		emit("link.added", now)
	case old.there && now.there:
		out = append(out, diffLink(old, now)...)
	}
	if now.up && !old.up {
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

// another says whether two views of one index are of different interfaces: whoever makes one may ask for an index that
// was used before (ip-link(8)). An interface never changes its kind; its name and its address it changes one at a time.
func (v view) another(now view) bool {
	return v.there && now.there && (v.Kind != now.Kind || v.Name != now.Name && v.MAC != now.MAC)
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
		{Key: "family", Value: familyOf(a.Addr)}, {Key: "scope", Value: word(scopes[:], a.Scope)}, {Key: "label", Value: a.Label},
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

// families are the words for those that world has a default route of, in its order.
var families = [...]string{"ipv4", "ipv6"}

// diffWorld lists the events that lead from one view of the host to the next.
func diffWorld(old, now world) []events.Event {
	var out []events.Event
	for n, family := range families {
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
