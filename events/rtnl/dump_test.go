package rtnl

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/internal/nstest"
)

// A main table that no route was ever in does not exist, and a dump of it is refused; it is as good as empty.
func TestDumpOfNoTable(t *testing.T) {
	refusal := fmt.Errorf("refused: %w", unix.ENOENT)
	s := New(nil)
	s.table.newDefault(Route{Family: unix.AF_INET, Hops: []Hop{{Index: 2}}}, false, false)
	s.dumps, s.sent, s.table.gen = []dump{{request: unix.RTM_GETROUTE, family: unix.AF_INET}}, true, 1
	if err := s.answered(refusal); err != nil || len(s.table.defaults) > 0 || s.sent || len(s.dumps) > 0 || !s.again.IsZero() {
		t.Errorf("%v; routes %v, dumps %v, again at %v", err, s.table.defaults, s.dumps, s.again)
	}
	s.dumps, s.sent = []dump{{request: unix.RTM_GETLINK}}, true
	if err := s.answered(refusal); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a dump of links that is refused: %v", err)
	}
}

// Routes of other tables are not dumped, or left out where the kernel dumps them all the same.
func TestNetnsDumpOfTheMainTable(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	var add strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&add, "route add blackhole 172.16.%d.%d table 99\n", i/250, i%250)
		fmt.Fprintf(&add, "route add blackhole 2001:db8:1::%x table 99\n", i)
	}
	batch(t, add.String()+"route add default dev lo table 99\nroute add default dev lo metric 7\nroute add default dev lo metric 3 table 98\n")
	read := map[int]int64{}
	for _, strict := range []int{1, 0} {
		source := New(nil)
		source.strict = strict
		k := listenTo(t, source)
		k.number = strict
		k.expect("default-route.added ipv4 lo via  metric 7", "default-route/ipv4")
		read[strict] = source.datagrams.Load()
		k.stop()
	}
	if read[1] >= read[0] {
		t.Errorf("%d datagrams were read of a kernel that is asked for the main table, else %d", read[1], read[0])
	}
}

// Routes are read again only after changes that can take a default route away without a message.
func TestWhatAsksForRoutes(t *testing.T) {
	up := Link{Flags: upFlags, Oper: operUp}
	near, far := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.9.9.9")
	link := func(index int, oper uint8) message {
		return message{kind: unix.RTM_NEWLINK, link: Link{Traits: Traits{Index: index, Name: "e"}, Flags: up.Flags, Oper: oper}}
	}
	gone := func(index int, a netip.Addr) message {
		return message{kind: unix.RTM_DELADDR, index: index, addr: Addr{Addr: a}}
	}
	for _, test := range []struct {
		name string
		m    message
		want []int
	}{
		{"a carrier that goes", link(2, 2), []int{unix.AF_INET}},
		{"a carrier that goes elsewhere", link(3, 2), nil},
		{"nothing new", link(2, operUp), nil},
		{"an interface that goes", message{kind: unix.RTM_DELLINK, link: Link{Traits: Traits{Index: 2}}}, []int{unix.AF_INET}},
		{"another interface that goes", message{kind: unix.RTM_DELLINK, link: Link{Traits: Traits{Index: 3}}}, nil},
		{"an address of the interface", gone(2, near), []int{unix.AF_INET}},
		{"an address elsewhere", gone(3, near), nil},
		{"the source of the route", gone(3, far), []int{unix.AF_INET}},
		{"an IPv6 address", gone(2, netip.MustParseAddr("2001:db8::1")), nil},
		{"a next hop object", message{kind: unix.RTM_DELNEXTHOP}, []int{unix.AF_INET, unix.AF_INET6}},
	} {
		tab := newTable()
		for index := range 3 {
			tab.apply(link(index+1, operUp))
		}
		tab.newDefault(Route{Family: unix.AF_INET, Source: far, Hops: []Hop{{Index: 2}}}, false, false)
		tab.newDefault(Route{Family: unix.AF_INET6, Hops: []Hop{{Index: 1}}}, false, false)
		if diff := cmp.Diff(test.want, tab.apply(test.m).dump); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
