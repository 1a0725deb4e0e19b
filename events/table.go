package events

import (
	"slices"
	"strings"
	"sync"
)

// Spec describes one event of the table.
type Spec struct {
	Name     string
	Doc      string
	Params   []ParamSpec
	Teardown bool     // tells of something going away: Reverse=yes turns the order round
	Open     bool     // any parameter is allowed
	Prefixes []string // parameters that begin so are allowed, too
}

// ParamSpec describes one parameter of an event.
type ParamSpec struct {
	Name     string
	Doc      string
	Optional bool     // there are events of this name without it
	Values   []string // the only values it can have, where they are few
}

// states are the words of interface.state, from networkctl(1), in ascending order.
var states = [...]string{"missing", "off", "no-carrier", "dormant", "degraded-carrier", "carrier", "degraded", "enslaved", "routable"}

var families = [...]string{"ipv4", "ipv6"}

// later are families that the format has a place for and this version no source.
var later = [...]string{"path", "dbus"}

// link are the parameters that every event about an interface carries.
var link = [...]ParamSpec{
	{Name: "interface", Doc: "its name"},
	{Name: "index", Doc: "its index; a name may be used again, an index not while the host is up"},
	{Name: "type", Doc: "the hardware type: ether, loopback, none, ppp, …"},
	{Name: "kind", Doc: "the kind of a virtual interface: bridge, veth, tun, vlan, …", Optional: true},
	{Name: "mac", Doc: "the hardware address", Optional: true},
	{Name: "mtu", Doc: "the largest packet, in bytes"},
	{Name: "master", Doc: "the bridge or bond it is a port of", Optional: true},
	{Name: "alias", Doc: "its description (ip link set … alias)", Optional: true},
}

var address = [...]ParamSpec{
	{Name: "address", Doc: "the address, without its prefix length"},
	{Name: "prefix-length", Doc: "the length of its prefix"},
	{Name: "family", Doc: "ipv4 or ipv6", Values: families[:]},
	{Name: "scope", Doc: "global, site, link, host or a number (rtnetlink(7))"},
	{Name: "peer", Doc: "the far end of a point-to-point link", Optional: true},
	{Name: "label", Doc: "the label of an IPv4 address", Optional: true},
	{Name: "deprecated", Doc: "yes when its preferred lifetime is over", Optional: true},
}

var defaultRoute = [...]ParamSpec{
	{Name: "family", Doc: "ipv4 or ipv6", Values: families[:]},
	{Name: "interface", Doc: "the interface it leaves by; the first one's when it has several next hops", Optional: true},
	{Name: "gateway", Doc: "the next hop; absent on point-to-point links", Optional: true},
	{Name: "metric", Doc: "its metric; the smallest decides"},
}

var route = [...]ParamSpec{
	{Name: "family", Doc: "ipv4 or ipv6", Values: families[:]},
	{Name: "destination", Doc: "the addresses it leads to, with the length of their prefix; 0.0.0.0/0 or ::/0 for all"},
	{Name: "table", Doc: "the number of its table: 254 for main, 255 for local"},
	{Name: "type", Doc: "unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit or throw (ip-route(8))"},
	{Name: "protocol", Doc: "who made it: kernel, boot, static, dhcp, ra, … or a number (rtnetlink(7))", Optional: true},
	{Name: "interface", Doc: "the interface it leaves by; the first one's when it has several next hops", Optional: true},
	{Name: "gateway", Doc: "the next hop; absent where the destination is on the link", Optional: true},
	{Name: "metric", Doc: "its metric, where it has one; the smallest decides", Optional: true},
}

var neighbor = [...]ParamSpec{
	{Name: "interface", Doc: "the name of the interface it is reached by"},
	{Name: "index", Doc: "the index of that interface"},
	{Name: "family", Doc: "ipv4 or ipv6", Values: families[:]},
	{Name: "address", Doc: "its address"},
	{Name: "mac", Doc: "its hardware address; absent on links without", Optional: true},
	{Name: "router", Doc: "yes when it says that it is a router (IPv6)", Optional: true},
}

var results = [...]string{"done", "failed", "timeout", "canceled", "interrupted"}

var result = [...]ParamSpec{
	{Name: "hook", Doc: "the hook's name"},
	{Name: "instance", Doc: "the instance it ran for"},
	{Name: "event", Doc: "the event it ran for"},
	{Name: "run", Doc: "the run it was part of"},
	{Name: "result", Doc: "done, failed, timeout, canceled or interrupted", Values: results[:]},
	{Name: "exit-status", Doc: "the exit status; absent when it could not be started or a signal ended it", Optional: true},
	{Name: "signal", Doc: "the signal that ended it", Optional: true},
}

// service are the parameters of every event about a service.
var service = [...]ParamSpec{
	{Name: "service", Doc: "the name of the hook that declares it"},
	{Name: "instance", Doc: "the instance, as Instance= gives it; empty for a service that has only one"},
	{Name: "unit", Doc: "the unit of systemd; absent where hookd supervises it itself", Optional: true},
	{Name: "cause", Doc: "why: the event it was started or stopped for, while, hookctl, restart, exit, removed or found"},
	{Name: "restarts", Doc: "how often it was started again since it was started"},
}

var serviceEnd = [...]ParamSpec{
	{Name: "result", Doc: "how it ended: success, exit-code, signal, timeout, start-limit-hit, … (systemd.exec(5), $SERVICE_RESULT), start-failed, or unknown"},
	{Name: "exit-status", Doc: "its exit status; absent when a signal ended it", Optional: true},
	{Name: "signal", Doc: "the signal that ended it", Optional: true},
}

var restarting = ParamSpec{Name: "restarting", Doc: "yes when it is started again, else no", Values: yesNo[:]}

var yesNo = [...]string{"yes", "no"}

func with(base []ParamSpec, more ...ParamSpec) []ParamSpec {
	return append(base[:len(base):len(base)], more...)
}

var old = [...]ParamSpec{
	{Name: "old-interface", Doc: "the interface of the route that decided before", Optional: true},
	{Name: "old-gateway", Doc: "the gateway of the route that decided before", Optional: true},
	{Name: "old-metric", Doc: "the metric of the route that decided before"},
}

// table is the one list of events; hookd-events(7) is held against it by a test. The open family comes last.
// It is made when somebody asks: a shim that runs scripts alone never does.
var table = sync.OnceValue(func() []Spec {
	return slices.Concat(own(), reported(), []Spec{{Name: "user.*", Doc: "whatever you like, from hookctl emit user.NAME", Open: true}})
})

// own are the events that hookd itself finds out about.
func own() []Spec {
	return []Spec{
		{Name: "link.added", Doc: "an interface came into being", Params: link[:]},
		{Name: "link.removed", Doc: "an interface is gone; the parameters are the last known ones", Params: link[:], Teardown: true},
		{Name: "link.renamed", Doc: "an interface has another name", Params: with(link[:], ParamSpec{Name: "old-interface", Doc: "the name before"})},
		{Name: "link.up", Doc: "an interface can carry packets: its operational state is up, or unknown with a lower layer that is up (lo, tun)", Params: link[:]},
		{Name: "link.down", Doc: "an interface can no longer carry packets", Params: link[:], Teardown: true},
		{Name: "link.changed", Doc: "the mac, mtu or alias of an interface changed", Params: link[:]},
		{Name: "address.added", Doc: "an address can be used (for IPv6: after duplicate address detection)", Params: with(link[:], address[:]...)},
		{Name: "address.changed", Doc: "the scope, label or deprecation of an address changed, or the peer or prefix of an IPv6 one; a renewed lifetime is no change", Params: with(link[:], address[:]...)},
		{Name: "address.removed", Doc: "an address can no longer be used", Params: with(link[:], address[:]...), Teardown: true},
		{Name: "interface.state", Doc: "an interface went from one state to another, in the words of networkctl(1)", Params: with(link[:],
			ParamSpec{Name: "from", Doc: "the state before: " + strings.Join(states[:], ", "), Values: states[:]},
			ParamSpec{Name: "to", Doc: "the state now, one of the same words", Values: states[:]})},
		{Name: "default-route.added", Doc: "a family got its first default route in the main table", Params: defaultRoute[:]},
		{Name: "default-route.changed", Doc: "another default route decides now", Params: with(defaultRoute[:], old[:]...)},
		{Name: "default-route.removed", Doc: "a family lost its last default route; the parameters are the last known ones", Params: defaultRoute[:], Teardown: true},
		{Name: "route.added", Doc: "a route came into being, in whichever table; a changed one is removed and added", Params: route[:]},
		{Name: "route.removed", Doc: "a route is gone; the parameters are the last known ones", Params: route[:], Teardown: true},
		{Name: "neighbor.added", Doc: "the hardware address of a neighbor is known (ARP, neighbor discovery); a changed one is removed and added", Params: neighbor[:]},
		{Name: "neighbor.removed", Doc: "a neighbor is not known any more, or does not answer", Params: neighbor[:], Teardown: true},
		{Name: "network.online", Doc: "the host has a default route, of either family, over an interface that is up"},
		{Name: "network.offline", Doc: "the host has no such route any more", Teardown: true},
		{Name: "hook.finished", Doc: "a hook succeeded", Params: result[:]},
		{Name: "hook.failed", Doc: "a hook did not succeed", Params: result[:]},
		{Name: "service.starting", Doc: "a service is being started", Params: service[:]},
		{Name: "service.started", Doc: "a service runs and is ready", Params: service[:]},
		{Name: "service.failed", Doc: "a service did not come up, or ended when it should not have", Params: with(with(service[:], serviceEnd[:]...), restarting), Teardown: true},
		{Name: "service.stopping", Doc: "a service is being stopped", Params: with(service[:], restarting), Teardown: true},
		{Name: "service.stopped", Doc: "a service is gone for good, and was told to have started, or failed, before", Params: with(service[:], serviceEnd[:]...), Teardown: true},
		{Name: "hookd.started", Doc: "hookd runs and has read its hooks", Params: []ParamSpec{{Name: "version", Doc: "hookd's version"}}},
		{Name: "hookd.reloaded", Doc: "hookd has read its hooks anew", Params: []ParamSpec{
			{Name: "hooks", Doc: "how many hooks are loaded"}, {Name: "faults", Doc: "how many faults were found"}}},
		{Name: "hookd.lost", Doc: "the kernel dropped messages; the net difference follows", Params: []ParamSpec{
			{Name: "overruns", Doc: "how often this has happened since hookd started"}}},
	}
}

// Table lists every event, in the order of the manual.
func Table() []Spec { return slices.Clone(table()) }

// Lookup finds the event of that exact name. Any user.NAME is one.
func Lookup(name string) (Spec, bool) {
	for _, s := range table() {
		if s.Name == name && !s.Open {
			return s, true
		}
		if s.Open && isUserEvent(name) {
			s.Name = name
			return s, true
		}
	}
	return Spec{}, false
}

// isUserEvent accepts user. and the letters of a parameter name, dots between.
func isUserEvent(name string) bool {
	parts := strings.Split(name, ".")
	for _, p := range parts[1:] {
		if !IsParamName(p) {
			return false
		}
	}
	return parts[0] == "user" && len(parts) > 1
}

// Has says whether events of this name may carry the parameter.
func (s Spec) Has(param string) bool {
	if s.Open {
		return true
	}
	for _, p := range s.Params {
		if p.Name == param {
			return true
		}
	}
	return slices.ContainsFunc(s.Prefixes, func(prefix string) bool { return len(param) > len(prefix) && strings.HasPrefix(param, prefix) })
}

// ParamNames lists the parameters of the event.
func (s Spec) ParamNames() []string {
	var names []string
	for _, p := range s.Params {
		names = append(names, p.Name)
	}
	return names
}

// subject says whose queue an event belongs to.
func (s Spec) subject(e Event) (string, []string) {
	get := func(key string) string { v, _ := e.Get(key); return v }
	switch e.Family() {
	case "link", "address", "interface":
		if old, renamed := e.Get("old-interface"); renamed {
			return get("interface"), []string{old}
		}
		return get("interface"), nil
	case "default-route":
		return "default-route/" + get("family"), nil
	case "route":
		return "route/" + get("destination"), nil
	case "neighbor":
		return "neighbor/" + get("address"), nil
	case "hook":
		return "hook/" + get("hook"), nil
	case "service":
		return strings.TrimSuffix("service/"+get("service")+"/"+get("instance"), "/"), nil
	case "ifupdown", "ppp", "dhclient", "networkmanager", "networkd":
		return e.Family() + "/" + get("interface"), nil
	case "user":
		return "user/" + strings.TrimPrefix(e.Name, "user."), nil
	}
	return e.Family() + "/", nil
}

// Teardown says whether the event tells of something going away.
func (e Event) Teardown() bool {
	if e.Name == "interface.state" {
		from, _ := e.Get("from")
		to, _ := e.Get("to")
		return stateRank(to) < stateRank(from)
	}
	if e.Name == "system.sleep" {
		when, _ := e.Get("phase")
		return when == "post"
	}
	s, _ := Lookup(e.Name)
	return s.Teardown
}

func stateRank(word string) int {
	for i, s := range states {
		if s == word {
			return i
		}
	}
	return -1
}
