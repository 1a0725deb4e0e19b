package rtnl

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// follower is a source that knows the interfaces a and b, and has told of them. It follows routes and neighbors.
func follower() *Source {
	s := New(nil)
	s.origin = events.SourceKernel
	s.followRoutes(true)
	s.followNeighbors(true)
	s.table.routes.opening, s.table.neighbors.opening, s.dumps = false, false, nil
	s.feed(aLink(2, "a"), aLink(3, "b"))
	s.queue = nil
	return s
}

// feed has messages taken in and told, one after the other.
func (s *Source) feed(list ...message) {
	for _, m := range list {
		s.take(m)
	}
}

func aLink(index int, name string) message {
	return message{kind: unix.RTM_NEWLINK, link: Link{Traits: Traits{Index: index, Name: name}}}
}

// aRoute is a message about a unicast route of the main table to dst by hops.
func aRoute(kind uint16, dst string, hops ...Hop) message {
	r := Route{Family: unix.AF_INET, Dst: netip.MustParsePrefix(dst), Table: 254, Type: unix.RTN_UNICAST, Hops: hops}
	if !r.Dst.Addr().Is4() {
		r.Family = unix.AF_INET6
	}
	return message{kind: kind, route: r}
}

func (m message) with(change func(*message)) message { change(&m); return m }

func replacing(m *message) { m.replace = true }

func via(index int, gateway string) Hop {
	if gateway == "" {
		return Hop{Index: index}
	}
	return Hop{Index: index, Gateway: netip.MustParseAddr(gateway)}
}

func aNeighbor(addr, mac string, router, there bool) message {
	return message{kind: unix.RTM_NEWNEIGH, neighbor: neighbor{neighborKey{2, netip.MustParseAddr(addr)}, neighborValue{mac, router}, there}}
}

// comeAndGo makes every event of the kinds that are followed.
func comeAndGo() []events.Event {
	s := follower()
	s.feed(aRoute(unix.RTM_NEWROUTE, "10.0.0.0/8", via(2, "192.0.2.1")), aRoute(unix.RTM_DELROUTE, "10.0.0.0/8", via(2, "192.0.2.1")),
		aNeighbor("fe80::1", "02:00:00:00:00:01", true, true), aNeighbor("fe80::1", "", false, false))
	return s.queue
}

// Messages about routes and neighbors, and what hooks hear of them.
func TestFollow(t *testing.T) {
	const net4, net6 = "10.0.0.0/8", "2001:db8::/32"
	const add, del = unix.RTM_NEWROUTE, unix.RTM_DELROUTE
	one, two := via(2, "192.0.2.1"), via(3, "192.0.2.2")
	one6, two6 := via(2, "fe80::1"), via(3, "fe80::2")
	tos := func(m *message) { m.route.TOS = 16 }
	for _, test := range []struct {
		name string
		feed []message
		want string
		dump []int
	}{
		{"comes and goes", []message{aRoute(add, net4, one), aRoute(del, net4, one)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -", nil},
		{"told again", []message{aRoute(add, net4, one), aRoute(add, net4, one), aRoute(add, net4, one).with(replacing)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -", nil},
		{"replaced", []message{aRoute(add, net4, one), aRoute(add, net4, two).with(replacing)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\n" +
				"route.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.added 10.0.0.0/8 254 unicast - b 192.0.2.2 -", nil},
		{"replaced by one that only its source tells apart", []message{aRoute(add, net4, one),
			aRoute(add, net4, one).with(replacing).with(func(m *message) { m.route.Source = netip.MustParseAddr("10.1.1.1") }),
			aRoute(del, net4, one).with(func(m *message) { m.route.Source = netip.MustParseAddr("10.1.1.1") })},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -", nil},
		{"a second one beside it", []message{aRoute(add, net4, one), aRoute(add, net4, two), aRoute(del, net4, one)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.added 10.0.0.0/8 254 unicast - b 192.0.2.2 -\n" +
				"route.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -", nil},
		{"in the place of one of two", []message{aRoute(add, net4, one), aRoute(add, net4, two), aRoute(add, net4, via(2, "192.0.2.3")).with(replacing)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.added 10.0.0.0/8 254 unicast - b 192.0.2.2 -\n" +
				"route.added 10.0.0.0/8 254 unicast - a 192.0.2.3 -", []int{unix.AF_INET}},
		{"for another type of service", []message{aRoute(add, net4, one), aRoute(add, net4, one).with(tos), aRoute(del, net4, one),
			aRoute(add, net4, one), aRoute(add, net4, one).with(replacing), aRoute(del, net4, one), aRoute(del, net4, one).with(tos)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -", nil},
		{"several next hops", []message{aRoute(add, net4, one, two), aRoute(del, net4, one, two)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -", nil},
		{"a second next hop of IPv6", []message{aRoute(add, net6, one6), aRoute(add, net6, one6, two6)},
			"route.added 2001:db8::/32 254 unicast - a fe80::1 -", []int{unix.AF_INET6}},
		{"one next hop of IPv6 goes", []message{aRoute(add, net6, one6, two6), aRoute(del, net6, one6)},
			"route.added 2001:db8::/32 254 unicast - a fe80::1 -", []int{unix.AF_INET6}},
		{"the same on two interfaces", []message{aRoute(add, net6, via(2, "")), aRoute(add, net6, via(3, "")), aRoute(del, net6, via(2, ""))},
			"route.added 2001:db8::/32 254 unicast - a - -\nroute.added 2001:db8::/32 254 unicast - b - -\n" +
				"route.removed 2001:db8::/32 254 unicast - a - -", nil},
		{"of an interface with a new name", []message{aRoute(add, net4, one), aLink(2, "c"), aRoute(del, net4, one)},
			"route.added 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nlink.renamed c was a\nroute.removed 10.0.0.0/8 254 unicast - c 192.0.2.1 -", nil},
		{"that is not known goes", []message{aRoute(del, net4, one)}, "", []int{unix.AF_INET}},
		{"a neighbor", []message{aNeighbor("10.0.0.1", "m", false, true), aNeighbor("10.0.0.1", "m", false, true), aNeighbor("10.0.0.1", "m", false, false)},
			"neighbor.added 10.0.0.1 a m -\nneighbor.removed 10.0.0.1 a m -", nil},
		{"another hardware address", []message{aNeighbor("10.0.0.1", "m", false, true), aNeighbor("10.0.0.1", "n", false, true), aNeighbor("10.0.0.1", "", false, false)},
			"neighbor.added 10.0.0.1 a m -\nneighbor.removed 10.0.0.1 a m -\nneighbor.added 10.0.0.1 a n -\nneighbor.removed 10.0.0.1 a n -", nil},
		{"a router", []message{aNeighbor("fe80::1", "m", false, true), aNeighbor("fe80::1", "m", true, true)},
			"neighbor.added fe80::1 a m -\nneighbor.removed fe80::1 a m -\nneighbor.added fe80::1 a m yes", nil},
		{"a question without an answer", []message{aNeighbor("10.0.0.1", "", false, false)}, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := follower()
			s.feed(test.feed...)
			if diff := cmp.Diff(test.want, showAll(s.queue)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var dump []int
			for _, d := range s.dumps {
				dump = append(dump, d.family)
			}
			if diff := cmp.Diff(test.dump, dump); diff != "" {
				t.Errorf("families to dump (-want +got):\n%s", diff)
			}
		})
	}
}

// What comes after the begin is no start, even where there was nothing at the begin.
func TestFollowFromNothing(t *testing.T) {
	s := follower()
	s.followNeighbors(false)
	s.followNeighbors(true)
	s.feed(aNeighbor("10.0.0.1", "m", false, true).with(dumped))
	if len(s.queue) > 0 {
		t.Errorf("told before the end of the dump:\n%s", showAll(s.queue))
	}
	s.dumped()
	s.feed(aNeighbor("10.0.0.2", "m", false, true))
	s.followRoutes(false)
	s.followRoutes(true)
	s.dumped()
	s.feed(aRoute(unix.RTM_NEWROUTE, "10.0.0.0/8", via(2, "")))
	if len(s.dumps) != 1 || len(s.queue) != 2 {
		t.Errorf("told before the second of two dumps:\n%s", showAll(s.queue))
	}
	s.dumped()
	s.feed(aRoute(unix.RTM_NEWROUTE, "10.1.0.0/16", via(2, "")))
	var sources []string
	for _, e := range s.queue {
		sources = append(sources, e.Source)
	}
	want := []string{events.SourceStart, events.SourceKernel, events.SourceStart, events.SourceKernel}
	if diff := cmp.Diff(want, sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	s.queue = nil
	s.followNeighbors(false)
	s.followNeighbors(true)
	s.dumped()
	s.feed(aNeighbor("10.0.0.2", "m", false, true))
	if len(s.queue) != 1 || s.queue[0].Source != events.SourceKernel {
		t.Errorf("after a begin with nothing:\n%v", s.queue)
	}
}

// What a dump finds is told at its end: what is gone first.
func TestFollowDump(t *testing.T) {
	s := follower()
	const net = "10.0.0.0/8"
	s.feed(aRoute(unix.RTM_NEWROUTE, net, via(2, "192.0.2.1")), aRoute(unix.RTM_NEWROUTE, "fe80::/64", via(2, "")))
	s.feed(aRoute(unix.RTM_NEWROUTE, net, via(2, "192.0.2.7")).with(func(m *message) { m.route.Table = 99 }))
	s.queue = nil
	s.dumps, s.sent = []dump{{request: unix.RTM_GETROUTE, family: unix.AF_INET, table: 254}}, true
	s.table.hear()
	s.feed(aRoute(unix.RTM_NEWROUTE, net, via(3, "192.0.2.2")).with(func(m *message) { m.dumped = true }))
	if len(s.queue) > 0 {
		t.Errorf("told before the end of the dump:\n%s", showAll(s.queue))
	}
	s.dumped()
	const want = "route.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.added 10.0.0.0/8 254 unicast - b 192.0.2.2 -"
	if diff := cmp.Diff(want, showAll(s.queue)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A route whose interface is gone by the time is told by the name that hooks know.
func TestFollowGoneInterface(t *testing.T) {
	s := follower()
	s.feed(aRoute(unix.RTM_NEWROUTE, "10.0.0.0/8", via(2, "192.0.2.1")), message{kind: unix.RTM_DELLINK, link: Link{Traits: Traits{Index: 2}}})
	s.queue = nil
	if len(s.dumps) != 2 || s.dumps[0].family != unix.AF_INET {
		t.Fatalf("to dump: %v", s.dumps)
	}
	s.sent, s.dumps[0].interrupted = true, false
	s.table.hear()
	s.dumped()
	if diff := cmp.Diff("route.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -", showAll(s.queue)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The kernel says of a neighbor that was there that it is not, in many ways.
func TestDecodeNeighbor(t *testing.T) {
	for _, test := range []struct {
		name  string
		kind  uint16
		raw   []byte // family, state, flags
		there bool
		ok    bool
	}{
		{"reachable", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_REACHABLE, 0}, true, true},
		{"stale", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_STALE, unix.NTF_ROUTER}, true, true},
		{"permanent", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_PERMANENT, 0}, true, true},
		{"being probed", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_PROBE, 0}, true, true},
		{"being asked for", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_INCOMPLETE, 0}, false, true},
		{"without an answer", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_FAILED, 0}, false, true},
		{"made up", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_NOARP, 0}, false, true},
		{"deleted", unix.RTM_DELNEIGH, []byte{unix.AF_INET, unix.NUD_REACHABLE, 0}, false, true},
		{"a proxy", unix.RTM_NEWNEIGH, []byte{unix.AF_INET, unix.NUD_PERMANENT, unix.NTF_PROXY}, false, false},
		{"of a bridge", unix.RTM_NEWNEIGH, []byte{unix.AF_BRIDGE, unix.NUD_PERMANENT, 0}, false, false},
	} {
		head := rawData(make([]byte, unix.SizeofNdMsg))
		head[0], head[10] = test.raw[0], test.raw[2]
		binary.NativeEndian.PutUint32(head[4:], 7)
		binary.NativeEndian.PutUint16(head[8:], uint16(test.raw[1]))
		m, ok := decode(packet(test.kind, 0, head, nl.NewRtAttr(unix.NDA_DST, []byte{10, 0, 0, 1}), nl.NewRtAttr(unix.NDA_LLADDR, []byte{2, 0, 0, 0, 0, 1})), false)
		want := neighbor{neighborKey{7, netip.MustParseAddr("10.0.0.1")}, neighborValue{"02:00:00:00:00:01", test.raw[2] == unix.NTF_ROUTER}, test.there}
		if ok != test.ok || ok && m.neighbor != want {
			t.Errorf("%s: %v, %+v", test.name, ok, m.neighbor)
		}
	}
	if _, ok := decode(packet(unix.RTM_NEWNEIGH, 0, rawData(make([]byte, unix.SizeofNdMsg-1))), false); ok {
		t.Error("half a message is read")
	}
}

// rawData is the part of a message that it holds.
type rawData []byte

func (r rawData) Serialize() []byte { return r }
func (r rawData) Len() int          { return len(r) }
