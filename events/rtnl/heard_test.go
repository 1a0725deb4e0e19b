package rtnl

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/events"
)

func dumped(m *message) { m.dumped = true }

// A part of a dump may be older than a notification that stands before it: what the notification said stays.
func TestDumpBehindNotifications(t *testing.T) {
	const net, add, del = "10.0.0.0/8", unix.RTM_NEWROUTE, unix.RTM_DELROUTE
	one, two := via(2, "192.0.2.1"), via(3, "192.0.2.2")
	address := func(kind uint16, deprecated bool) message {
		return message{kind: kind, index: 2, usable: true, addr: Addr{Addr: netip.MustParseAddr("10.0.0.1"), Bits: 8, Deprecated: deprecated}}
	}
	gone := message{kind: unix.RTM_DELLINK, link: Link{Traits: Traits{Index: 2}}}
	routed := aRoute(add, "0.0.0.0/0", one)
	unrouted := aRoute(del, "0.0.0.0/0", one)
	for _, test := range []struct {
		name    string
		request uint16
		before  []message
		during  []message
		want    string
		dump    []int
	}{
		{"an interface that went", unix.RTM_GETLINK, nil, []message{gone, aLink(2, "a").with(dumped)},
			"interface.state a off>missing\nlink.removed a", []int{unix.AF_INET, unix.AF_INET6}},
		{"an interface with its name from before", unix.RTM_GETLINK, nil, []message{aLink(2, "c"), aLink(2, "a").with(dumped)}, "link.renamed c was a", nil},
		{"an address that went", unix.RTM_GETADDR, []message{address(unix.RTM_NEWADDR, false)},
			[]message{address(unix.RTM_DELADDR, false), address(unix.RTM_NEWADDR, false).with(dumped)}, "address.removed a 10.0.0.1/8", []int{unix.AF_INET}},
		{"an address as it was", unix.RTM_GETADDR, []message{address(unix.RTM_NEWADDR, false)},
			[]message{address(unix.RTM_NEWADDR, true), address(unix.RTM_NEWADDR, false).with(dumped)}, "address.changed a 10.0.0.1/8", nil},
		{"an address that came before", unix.RTM_GETADDR, []message{address(unix.RTM_NEWADDR, false)},
			[]message{address(unix.RTM_NEWADDR, true).with(dumped), address(unix.RTM_DELADDR, false)}, "address.changed a 10.0.0.1/8\naddress.removed a 10.0.0.1/8", []int{unix.AF_INET}},
		{"a default route that went", unix.RTM_GETROUTE, []message{routed}, []message{unrouted, routed.with(dumped)},
			"default-route.removed ipv4 a via 192.0.2.1 metric 0\nroute.removed 0.0.0.0/0 254 unicast - a 192.0.2.1 -", nil},
		{"a route that went", unix.RTM_GETROUTE, []message{aRoute(add, net, one)}, []message{aRoute(del, net, one), aRoute(add, net, one).with(dumped)},
			"route.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -", nil},
		{"a route that went and came", unix.RTM_GETROUTE, []message{aRoute(add, net, one)},
			[]message{aRoute(del, net, one), aRoute(add, net, one), aRoute(add, net, one).with(dumped)}, "", nil},
		{"a route that was replaced", unix.RTM_GETROUTE, []message{aRoute(add, net, one)},
			[]message{aRoute(add, net, two).with(replacing), aRoute(add, net, one).with(dumped), aRoute(add, net, two).with(dumped)},
			"route.removed 10.0.0.0/8 254 unicast - a 192.0.2.1 -\nroute.added 10.0.0.0/8 254 unicast - b 192.0.2.2 -", []int{unix.AF_INET}},
		{"a route beside one that came", unix.RTM_GETROUTE, []message{aRoute(add, net, one)},
			[]message{aRoute(add, net, two), aRoute(add, net, one).with(dumped)}, "route.added 10.0.0.0/8 254 unicast - b 192.0.2.2 -", nil},
		{"a neighbor that went", unix.RTM_GETNEIGH, []message{aNeighbor("10.0.0.1", "m", false, true)},
			[]message{aNeighbor("10.0.0.1", "", false, false), aNeighbor("10.0.0.1", "m", false, true).with(dumped)}, "neighbor.removed 10.0.0.1 a m -", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := follower()
			s.feed(test.before...)
			s.queue = nil
			s.dumps, s.sent = []dump{{request: test.request, family: unix.AF_INET}}, true
			s.table.hear()
			for _, index := range []int{2, 3} { // as the dump shows them, where it is one of interfaces
				s.table.ifaces[index].gen = s.table.gen
			}
			s.feed(test.during...)
			s.dumped()
			got := []events.Event{}
			for _, e := range s.queue {
				if e.Name != "network.online" && e.Name != "interface.state" || test.request == unix.RTM_GETLINK {
					got = append(got, e)
				}
			}
			if diff := cmp.Diff(test.want, showAll(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var dump []int
			for _, d := range s.dumps {
				dump = append(dump, d.family)
			}
			if diff := cmp.Diff(test.dump, dump); diff != "" {
				t.Errorf("families to dump (-want +got):\n%s", diff)
			}
			if s.table.heard != nil {
				t.Error("the table goes on hearing after the dump")
			}
		})
	}
}

// What is left of a dump that was given up is not taken for notifications.
func TestPartsOfAGivenUpDump(t *testing.T) {
	s := follower()
	s.pid = 77
	s.dumps, s.sent = []dump{{request: unix.RTM_GETLINK, seq: 8}}, true
	m := linkMessage(4, "late")
	for _, test := range []struct {
		seq, pid uint32
		flags    uint16
		want     string
	}{
		{7, 77, unix.NLM_F_MULTI, ""},
		{8, 77, unix.NLM_F_MULTI, "link.added late\ninterface.state late missing>off"},
		{0, 0, 0, "link.added late\ninterface.state late missing>off"},
	} {
		s.table.delLink(4)
		delete(s.told, 4)
		s.queue = nil
		m.Header = syscall.NlMsghdr{Type: unix.RTM_NEWLINK, Flags: test.flags, Seq: test.seq, Pid: test.pid}
		if err := s.message(m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, showAll(s.queue)); diff != "" {
			t.Errorf("sequence %d of %d (-want +got):\n%s", test.seq, test.pid, diff)
		}
	}
}
