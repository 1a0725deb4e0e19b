package rtnl

import (
	"slices"

	"golang.org/x/sys/unix"
)

// change says what a message may have changed, for the views to be compared again.
type change struct {
	ifaces []int // indexes
	dump   []int // families whose default routes must be read again: what became of them no message says
}

// apply puts one message into the table.
func (t *table) apply(m message) change {
	switch m.kind {
	case unix.RTM_NEWLINK:
		return t.newLink(m.link)
	case unix.RTM_DELLINK:
		return t.delLink(m.link.Index)
	case unix.RTM_NEWADDR:
		return t.newAddr(m.index, m.addr, m.usable)
	case unix.RTM_DELADDR:
		return t.delAddr(m.index, m.addr)
	case unix.RTM_NEWROUTE:
		return t.newRoute(m.route, m.replace, m.dumped)
	case unix.RTM_DELROUTE:
		return t.delRoute(m.route)
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		return change{dump: t.families(func(Route) bool { return true })}
	}
	return change{}
}

func (t *table) newLink(l Link) change {
	i, known := t.ifaces[l.Index]
	if !known {
		i = &iface{addrs: map[addrKey]addrEntry{}}
		t.ifaces[l.Index] = i
	}
	c := change{ifaces: []int{l.Index}}
	for _, master := range []int{i.Master, l.Master} {
		if master != 0 {
			c.ifaces = append(c.ifaces, master)
		}
	}
	t.setMaster(i.Link, l.Master)
	if i.Flags&unix.IFF_UP != l.Flags&unix.IFF_UP || i.Up() != l.Up() {
		c.dump = t.familiesOver(l.Index)
	}
	i.Link, i.gen = l, t.gen
	if l.Master != 0 {
		t.addPort(l.Master, l.Index)
	}
	return c
}

// setMaster takes a port away from the master it had.
func (t *table) setMaster(old Link, master int) {
	if old.Master != master {
		delete(t.ports[old.Master], old.Index)
		if len(t.ports[old.Master]) == 0 {
			delete(t.ports, old.Master)
		}
	}
}

func (t *table) addPort(master, port int) {
	if t.ports[master] == nil {
		t.ports[master] = map[int]bool{}
	}
	t.ports[master][port] = true
}

func (t *table) delLink(index int) change {
	i, known := t.ifaces[index]
	if !known {
		return change{}
	}
	t.setMaster(i.Link, 0)
	delete(t.ifaces, index)
	return change{ifaces: []int{index, i.Master}, dump: t.familiesOver(index)}
}

// familiesOver lists the families with a default route over an interface. When an interface goes down, loses its last
// address or a next hop object, the kernel takes IPv4 routes away and says nothing (fib_frontend.c: fib_disable_ip), and
// IPv6 ones where net.ipv6.route.skip_notify_on_dev_down is set; next hops of a larger route die and revive in silence.
func (t *table) familiesOver(index int) []int {
	return t.families(func(r Route) bool { return r.over(index) })
}

// families lists those that have a route for which the condition holds.
func (t *table) families(holds func(Route) bool) []int {
	var out []int
	for _, r := range t.defaults {
		if holds(r) && !slices.Contains(out, r.Family) {
			out = append(out, r.Family)
		}
	}
	return out
}

func (t *table) newAddr(index int, a Addr, usable bool) change {
	i, known := t.ifaces[index]
	switch {
	case !known:
		return change{} // its link is gone already
	case usable:
		i.addrs[a.key()] = addrEntry{a, t.gen}
	default:
		delete(i.addrs, a.key())
	}
	return change{ifaces: []int{index}}
}

func (t *table) delAddr(index int, a Addr) change {
	i, known := t.ifaces[index]
	if !known {
		return change{}
	}
	delete(i.addrs, a.key())
	c := change{ifaces: []int{index}}
	if a.Addr.Is4() { // routes go with the last address of their interface and with the one that is their source, in silence
		c.dump = t.families(func(r Route) bool { return r.Family == unix.AF_INET && (r.over(index) || r.Source == a.Addr) })
	}
	return c
}

// newRoute adds a default route. Replacing sends no message for the route that goes (rtnetlink(7), NLM_F_REPLACE); which
// of several equal ones it was, and where a new one stands among them, only a dump can tell.
func (t *table) newRoute(r Route, replace, dumped bool) change {
	equal := t.equals(r)
	if replace {
		t.defaults = slices.DeleteFunc(t.defaults, r.equal)
	} else {
		t.defaults = slices.DeleteFunc(t.defaults, r.same)
	}
	t.seq++
	r.seq, r.next, r.gen = t.seq, t.seq, t.gen
	if i := slices.IndexFunc(equal, r.same); dumped && i >= 0 {
		r.seq = equal[i].seq
	}
	t.defaults = append(t.defaults, r)
	alone := len(equal) == 0 || len(equal) == 1 && (replace || equal[0].same(r))
	if dumped || alone {
		return change{}
	}
	return change{dump: []int{r.Family}}
}

func (t *table) delRoute(r Route) change {
	before := len(t.defaults)
	t.defaults = slices.DeleteFunc(t.defaults, r.same)
	if len(t.defaults) == before {
		return change{dump: []int{r.Family}} // part of a route with several next hops
	}
	return change{}
}

// equals lists the routes that share what the kernel tells routes apart by.
func (t *table) equals(r Route) []Route {
	var out []Route
	for _, o := range t.defaults {
		if r.equal(o) {
			out = append(out, o)
		}
	}
	return out
}

func (r Route) equal(o Route) bool {
	return r.Family == o.Family && r.Metric == o.Metric
}

// sweep drops the objects of one kind that a finished dump did not show.
func (t *table) sweep(d dump) []int {
	var touched []int
	switch d.request {
	case unix.RTM_GETLINK:
		for index, i := range t.ifaces {
			if i.gen < t.gen {
				touched = append(touched, t.delLink(index).ifaces...)
			}
		}
	case unix.RTM_GETADDR:
		for index, i := range t.ifaces {
			for key, a := range i.addrs {
				if a.gen < t.gen {
					delete(i.addrs, key)
					touched = append(touched, index)
				}
			}
		}
	case unix.RTM_GETROUTE:
		t.defaults = slices.DeleteFunc(t.defaults, func(r Route) bool { return r.Family == d.family && r.gen < t.gen })
		for i := range t.defaults {
			t.defaults[i].seq = t.defaults[i].next
		}
	}
	return touched
}
