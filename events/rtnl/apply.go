package rtnl

import "golang.org/x/sys/unix"

// change says what a message may have changed, for the views to be compared again.
type change struct {
	ifaces []int // indexes
	dump   []int // families whose routes must be read again: what became of them no message says
}

// apply puts one message into the table.
func (t *table) apply(m message) change {
	if t.outdated(m) {
		return change{}
	}
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
		return t.newRoute(m)
	case unix.RTM_DELROUTE:
		return t.delRoute(m.route)
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		return change{dump: append(t.families(func(Route) bool { return true }), t.everyFamily()...)}
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		return t.newNeighbor(m.neighbor)
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
	switched := i.Flags&unix.IFF_UP != l.Flags&unix.IFF_UP
	if switched || i.Up() != l.Up() {
		c.dump = t.familiesOver(l.Index)
	}
	if switched {
		c.dump = append(c.dump, t.everyFamily()...)
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
	return change{ifaces: []int{index, i.Master}, dump: append(t.familiesOver(index), t.everyFamily()...)}
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
		if t.routes != nil {
			c.dump = append(c.dump, unix.AF_INET)
		}
	}
	return c
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
		t.sweepDefaults(d.family)
		t.sweepRoutes(d)
	case unix.RTM_GETNEIGH:
		if t.neighbors != nil {
			t.neighbors.sweep(t.gen, func(neighborKey) bool { return true })
		}
	}
	return touched
}
