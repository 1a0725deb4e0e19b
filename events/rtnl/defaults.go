package rtnl

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"
)

// defaultRoute is a default route of the main table. One of another type than unicast has no hops here: it is no way out, and
// it keeps those with a larger metric from being one.
type defaultRoute struct {
	Route
	gen  int
	seq  uint64 // order in the kernel's list; it prefers the first one of equals
	next uint64 // the same in the dump that is under way; in force when all of it is known
}

// wayOut is the route as one of those that default-route.* tells of; false where it is none of them.
func (r Route) wayOut() (Route, bool) {
	if r.Type != unix.RTN_UNICAST {
		r.Hops = nil
	}
	return r, r.Dst.Bits() == 0 && !r.From.IsValid() && r.TOS == 0 && r.Table == unix.RT_TABLE_MAIN
}

// equal says whether two default routes share what the kernel tells routes apart by.
func (r Route) equal(o Route) bool {
	return r.Family == o.Family && r.Metric == o.Metric
}

// same says whether a message speaks of a default route that is known; whether hops are alive is no part of that.
func (r Route) same(o Route) bool {
	return r.equal(o) && slices.EqualFunc(r.Hops, o.Hops, func(a, b Hop) bool { return a.Index == b.Index && a.Gateway == b.Gateway })
}

// newDefault adds a default route. Replacing sends no message for the route that goes (rtnetlink(7), NLM_F_REPLACE); which
// of several equal ones it was, and where a new one stands among them, only a dump can tell.
func (t *table) newDefault(r Route, replace, dumped bool) change {
	equal := slices.DeleteFunc(slices.Clone(t.defaults), func(o defaultRoute) bool { return !r.equal(o.Route) })
	if replace {
		t.dropDefaults(r.equal)
	} else {
		t.dropDefaults(r.same)
	}
	t.seq++
	d := defaultRoute{r, t.gen, t.seq, t.seq}
	if i := slices.IndexFunc(equal, func(o defaultRoute) bool { return r.same(o.Route) }); dumped && i >= 0 {
		d.seq = equal[i].seq
	}
	t.defaults = append(t.defaults, d)
	alone := len(equal) == 0 || len(equal) == 1 && (replace || equal[0].same(r))
	if dumped || alone {
		return change{}
	}
	return change{dump: []int{r.Family}}
}

func (t *table) delDefault(r Route) change {
	before := len(t.defaults)
	t.dropDefaults(r.same)
	if len(t.defaults) == before {
		return change{dump: []int{r.Family}} // part of a route with several next hops
	}
	return change{}
}

func (t *table) hasDefault(r Route) bool {
	return slices.ContainsFunc(t.defaults, func(d defaultRoute) bool { return r.same(d.Route) })
}

func (t *table) dropDefaults(which func(Route) bool) {
	t.defaults = slices.DeleteFunc(t.defaults, func(d defaultRoute) bool { return which(d.Route) })
}

// sweepDefaults drops the default routes of a family that a finished dump did not show.
func (t *table) sweepDefaults(family int) {
	t.defaults = slices.DeleteFunc(t.defaults, func(d defaultRoute) bool { return d.Family == family && d.gen < t.gen })
	for i := range t.defaults {
		t.defaults[i].seq = t.defaults[i].next
	}
}

// familiesOver lists the families with a default route over an interface. When an interface goes down, loses its last
// address or a next hop object, the kernel takes IPv4 routes away and says nothing (fib_frontend.c: fib_disable_ip), and
// IPv6 ones where net.ipv6.route.skip_notify_on_dev_down is set; next hops of a larger route die and revive in silence.
func (t *table) familiesOver(index int) []int {
	return t.families(func(r Route) bool { return r.over(index) })
}

// everyFamily lists the families of which routes can vanish with an interface, while all routes are followed.
func (t *table) everyFamily() []int {
	if t.routes == nil {
		return nil
	}
	return []int{unix.AF_INET, unix.AF_INET6}
}

// families lists those that have a route for which the condition holds.
func (t *table) families(holds func(Route) bool) []int {
	var out []int
	for _, r := range t.defaults {
		if holds(r.Route) && !slices.Contains(out, r.Family) {
			out = append(out, r.Family)
		}
	}
	return out
}

// world makes the view of the host: of each family the first hop that is alive of the first way out decides.
func (t *table) world() world {
	var w world
	for n, family := range [...]int{unix.AF_INET, unix.AF_INET6} {
		for _, r := range t.waysOut(family) {
			if hop, alive := r.hop(); alive && !w.def[n].there {
				w.def[n] = best{true, t.name(hop.Index), hop.Gateway, r.Metric, hop.Index}
			}
			w.online = w.online || t.usable(r.Route)
		}
	}
	return w
}

// waysOut lists the default routes of a family in the order in which the kernel tries them, up to one that leads nowhere.
func (t *table) waysOut(family int) []defaultRoute {
	var out []defaultRoute
	for _, r := range t.defaults {
		if r.Family == family {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b defaultRoute) int { return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.seq, b.seq)) })
	if i := slices.IndexFunc(out, func(r defaultRoute) bool { return len(r.Hops) == 0 }); i >= 0 {
		out = out[:i]
	}
	return out
}

// hop is the first next hop that is alive.
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
