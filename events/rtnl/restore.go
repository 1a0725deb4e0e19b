package rtnl

import (
	"net/netip"
	"slices"
	"strconv"

	"hookd/events"
)

// past is what an earlier hookd told, as far as events say it.
type past struct {
	views  map[int]view
	byName map[string]int
	world  world

	routes    map[routeKey][]object[routeValue]
	neighbors map[neighborKey][]object[neighborValue]
}

// restore reads what hooks were told from the events that tell it from nothing, interfaces before what leads over them.
// Each event is judged for itself: one that cannot be read, or that speaks of an interface which none before it added,
// counts as not told.
func restore(saved []events.Event) past {
	p := past{views: map[int]view{}, byName: map[string]int{},
		routes: map[routeKey][]object[routeValue]{}, neighbors: map[neighborKey][]object[neighborValue]{}}
	for _, e := range saved {
		p.put(e)
	}
	for _, v := range p.views {
		slices.SortFunc(v.addrs, Addr.compare)
	}
	return p
}

func (p *past) put(e events.Event) {
	switch e.Name {
	case "link.added":
		p.putLink(e)
	case "link.up", "address.added", "interface.state":
		index, _ := strconv.Atoi(param(e, "index"))
		if v, there := p.views[index]; there {
			v.put(e)
			p.views[index] = v
		}
	case "default-route.added":
		p.putDefault(e)
	case "network.online":
		p.world.online = true
	case "route.added":
		if k, v, ok := restoreRoute(e, p.byName); ok {
			p.routes[k] = append(p.routes[k], remembered(v, param(e, "interface")))
		}
	case "neighbor.added":
		if k, v, ok := restoreNeighbor(e); ok {
			p.neighbors[k] = append(p.neighbors[k], remembered(v, param(e, "interface")))
		}
	}
}

func param(e events.Event, key string) string {
	value, _ := e.Get(key)
	return value
}

func (p *past) putLink(e events.Event) {
	index, _ := strconv.Atoi(param(e, "index"))
	mtu, err := strconv.Atoi(param(e, "mtu"))
	name := param(e, "interface")
	_, twice := p.views[index]
	_, taken := p.byName[name]
	if index <= 0 || err != nil || name == "" || twice || taken {
		return
	}
	p.byName[name] = index
	p.views[index] = view{there: true, master: param(e, "master"), Traits: Traits{Index: index, Name: name, MTU: mtu,
		Type: param(e, "type"), Kind: param(e, "kind"), MAC: param(e, "mac"), Alias: param(e, "alias")}}
}

// put takes in what an event tells of an interface that is there.
func (v *view) put(e events.Event) {
	switch e.Name {
	case "link.up":
		v.up = true
	case "interface.state":
		v.state = param(e, "to")
	case "address.added":
		a, ok := restoreAddr(e)
		if _, twice := find(v.addrs, a.key()); ok && !twice {
			v.addrs = append(v.addrs, a)
		}
	}
}

func restoreAddr(e events.Event) (Addr, bool) {
	local, known := parseAddr(param(e, "address"))
	bits, err := strconv.Atoi(param(e, "prefix-length"))
	scope, ok := parseWord(scopes[:], param(e, "scope"))
	far, plain := parseAddr(param(e, "peer"))
	valid := known && err == nil && bits >= 0 && bits <= local.BitLen() && ok && (plain || param(e, "peer") == "")
	return Addr{Addr: local, Bits: bits, Peer: far, Scope: scope, Label: param(e, "label"),
		Deprecated: param(e, "deprecated") == "yes"}, valid
}

// parseAddr reads an address as the kernel has it, without a zone.
func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Zone() == ""
}

// putDefault takes in the default route that decides for a family. One over an interface that nobody knows by that name
// was told all the same.
func (p *past) putDefault(e events.Event) {
	metric, err := strconv.ParseUint(param(e, "metric"), 10, 32)
	gateway, plain := parseAddr(param(e, "gateway"))
	n := slices.Index(families[:], param(e, "family"))
	if err != nil || !plain && param(e, "gateway") != "" || n < 0 || p.world.def[n].there {
		return
	}
	name := param(e, "interface")
	p.world.def[n] = best{true, name, gateway, uint32(metric), p.byName[name]}
}
