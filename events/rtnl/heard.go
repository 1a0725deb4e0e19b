package rtnl

import "golang.org/x/sys/unix"

// A part of a dump is written first and put into the queue of the socket then. A notification may come between: the part that
// stands behind it is older (net/netlink/af_netlink.c: netlink_dump; routes and addresses are not even locked for a dump any
// more). So what notifications said while a dump is under way counts, and what the dump says of the same does not.

// What notifications and dumps tell objects apart by; of neighbors it is their key.
type (
	linkID int
	addrID struct {
		index int
		addrKey
	}
	routeID struct {
		routeKey
		routeValue
	}
)

// id is what a message speaks of; nil for nothing that a dump shows.
func (m message) id() any {
	switch m.kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return linkID(m.link.Index)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return addrID{m.index, m.addr.key()}
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return routeID{m.route.key(), m.route.value()}
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		return m.neighbor.neighborKey
	}
	return nil
}

// hear begins a dump, from which on it counts what notifications say; unhear ends that.
func (t *table) hear()   { t.gen, t.heard = t.gen+1, map[any]bool{} }
func (t *table) unhear() { t.heard = nil }

// outdated says whether a message is a part of a dump that a notification has overtaken.
func (t *table) outdated(m message) bool {
	switch {
	case t.heard == nil:
		return false
	case m.dumped:
		return len(t.heard) > 0 && t.heard[m.id()]
	}
	t.heard[m.id()] = true
	if m.kind == unix.RTM_NEWROUTE || m.kind == unix.RTM_DELROUTE {
		t.heard[m.route.key()] = true
	}
	return false
}

// doubtful says whether a part of a dump shows a route that is not known and in whose place a notification may have put another
// one: whether it is there only another dump tells.
func (t *table) doubtful(m message) bool {
	if !m.dumped || len(t.heard) == 0 || !t.heard[m.route.key()] {
		return false
	}
	k, v := m.route.key(), m.route.value()
	if t.routes != nil {
		return !t.routes.has(k, v)
	}
	r, _ := m.route.wayOut()
	return !t.hasDefault(r)
}
