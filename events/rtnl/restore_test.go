package rtnl

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// fromNothing lists the events that tell of a state for the first time.
func fromNothing(p past) []events.Event {
	out := []events.Event{}
	for _, index := range slices.Sorted(maps.Keys(p.views)) {
		out = append(out, diffView(view{state: "missing"}, p.views[index])...)
	}
	name := func(index int) string { return p.views[index].Name }
	_, rs := allOf(routes(), p.routes).settle(name, name)
	_, ns := allOf(neighbors(), p.neighbors).settle(name, name)
	followed := append(rs, ns...)
	slices.SortFunc(followed, func(a, b events.Event) int { return strings.Compare(a.String(), b.String()) })
	return slices.Concat(out, followed, diffWorld(world{}, p.world))
}

// allOf has everything still to be told.
func allOf[K comparable, V value[V]](k kind[K, V], objects map[K][]object[V]) *followed[K, V] {
	f := begin(k, nil)
	f.origin = ""
	for key, list := range objects {
		for _, o := range list {
			f.put(key, o.value, 0, false)
		}
	}
	return f
}

func routed(family int, b best) world {
	var w world
	w.def[family] = b
	return w
}

// What was told is known again from the events that told it.
func TestRestore(t *testing.T) {
	lo := view{Traits: Traits{Index: 1, Name: "lo", Type: "loopback", MTU: 65536}, there: true, up: true, state: "carrier",
		addrs: []Addr{{Addr: netip.MustParseAddr("127.0.0.1"), Bits: 8, Scope: unix.RT_SCOPE_HOST, Label: "lo"}}}
	eth := view{Traits: Traits{Index: 7, Name: "a b\xff", Type: "ether", Kind: "veth", MAC: "02:00:00:00:00:01", Alias: "x=\ny", MTU: 1500},
		there: true, master: "br0", state: "off"}
	ppp := view{Traits: Traits{Index: 9, Name: "ppp0", Type: "ppp", MTU: 1400}, there: true, up: true, state: "routable", addrs: []Addr{
		{Addr: netip.MustParseAddr("192.0.2.1"), Bits: 32, Peer: netip.MustParseAddr("192.0.2.9"), Label: "ppp0:1"},
		{Addr: netip.MustParseAddr("192.0.2.1"), Bits: 32, Peer: netip.MustParseAddr("192.0.2.10"), Scope: 17},
		{Addr: netip.MustParseAddr("2001:db8::1"), Bits: 64, Scope: unix.RT_SCOPE_SITE, Deprecated: true},
		{Addr: netip.MustParseAddr("fe80::1"), Bits: 64, Scope: unix.RT_SCOPE_LINK}}}
	gateway := netip.MustParseAddr("192.0.2.9")
	for name, want := range map[string]past{
		"nothing":          {},
		"interfaces":       {views: map[int]view{1: lo, 7: eth, 9: ppp}},
		"by a gateway":     {views: map[int]view{9: ppp}, world: routed(0, best{true, "ppp0", gateway, 0, 9})},
		"by an interface":  {views: map[int]view{9: ppp}, world: routed(1, best{true, "ppp0", netip.Addr{}, 4294967295, 9})},
		"by one not known": {world: routed(0, best{true, "gone", gateway, 5, 0})},
		"online":           {world: world{online: true}},
		"routes": {views: map[int]view{1: lo, 9: ppp}, routes: map[routeKey][]object[routeValue]{
			{netip.MustParsePrefix("0.0.0.0/0"), 254, 0}: {
				remembered(routeValue{kind: unix.RTN_UNICAST, protocol: unix.RTPROT_DHCP, index: 9, gateway: gateway}, "ppp0")},
			{netip.MustParsePrefix("fe80::/64"), 254, 256}: {
				remembered(routeValue{kind: unix.RTN_UNICAST, protocol: unix.RTPROT_KERNEL, index: 9}, "ppp0"),
				remembered(routeValue{kind: unix.RTN_UNICAST, protocol: unix.RTPROT_KERNEL, index: 1}, "lo")},
			{netip.MustParsePrefix("2001:db8::/32"), 4294967295, 7}: {remembered(routeValue{kind: unix.RTN_BLACKHOLE, protocol: 250}, "")},
			{netip.MustParsePrefix("192.0.2.1/32"), 255, 0}:         {remembered(routeValue{kind: 77}, "")},
		}},
		"neighbors": {views: map[int]view{9: ppp}, neighbors: map[neighborKey][]object[neighborValue]{
			{9, gateway}:                        {remembered(neighborValue{mac: "02:00:00:00:00:01"}, "ppp0")},
			{9, netip.MustParseAddr("fe80::1")}: {remembered(neighborValue{router: true}, "ppp0")},
		}},
		"everything at all": {views: map[int]view{1: lo, 9: ppp}, world: world{[2]best{{true, "ppp0", gateway, 1, 9}, {true, "lo", netip.Addr{}, 2, 1}}, true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := restore(fromNothing(want))
			same := maps.EqualFunc(got.views, want.views, func(a, b view) bool { return reflect.DeepEqual(a, b) }) && got.world == want.world
			same = same && maps.EqualFunc(got.routes, want.routes, sameObjects[routeValue])
			same = same && maps.EqualFunc(got.neighbors, want.neighbors, sameObjects[neighborValue])
			if !same {
				t.Errorf("restored %+v, want %+v", got, want)
			}
			if diff := cmp.Diff(fromNothing(want), fromNothing(got)); diff != "" {
				t.Errorf("events (-saved +restored):\n%s", diff)
			}
		})
	}
}

// sameObjects compares objects with one key, whose order is nobody's business.
func sameObjects[V comparable](a, b []object[V]) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(o object[V]) bool { return !slices.Contains(b, o) })
}

// Saved events that nobody can make sense of are left out, and only they.
func TestRestoreOddEvents(t *testing.T) {
	const link = "link.added interface=e index=2 mtu=1500"
	for _, test := range []struct{ saved, want []string }{
		{[]string{"link.added", "link.added interface=e mtu=1 index=", "link.added interface=e mtu=1 index=-2", "link.added index=2 mtu=1"}, nil},
		{[]string{"link.added interface=e index=2 mtu=x", "link.added interface=f index=3 mtu=1"}, []string{"link.added f"}},
		{[]string{link, link, "link.added interface=e index=3 mtu=1", "link.added interface=f index=2 mtu=1"}, []string{"link.added e"}},
		{[]string{"link.up index=2", "link.up index=two", link, "link.up index=3", "link.down index=2", "link.removed index=2"}, []string{"link.added e"}},
		{[]string{link, "link.up index=2"}, []string{"link.added e", "link.up e"}},
		{[]string{link, "address.added index=2", "address.added index=2 address=x prefix-length=8 scope=global",
			"address.added index=2 address=10.0.0.1 prefix-length=33 scope=global", "address.added index=2 address=10.0.0.1 prefix-length=-1 scope=global",
			"address.added index=2 address=10.0.0.1 prefix-length=8 scope=near", "address.added index=2 address=10.0.0.1 prefix-length=8 scope=global peer=me",
			"address.added index=2 address=fe80::1%2 prefix-length=64 scope=link", "address.added index=2 address=10.0.0.1 prefix-length=8 scope=256",
			"address.added index=2 address=10.0.0.2 prefix-length=8 scope=254", "address.added index=2 address=10.0.0.2 prefix-length=8 scope=0"},
			[]string{"link.added e", "address.added e 10.0.0.2/8"}},
		{[]string{link, "interface.state index=2"}, []string{"link.added e"}},
		{[]string{"default-route.added", "default-route.added family=ipx metric=1", "default-route.added family=ipv4 metric=-1",
			"default-route.added family=ipv4 metric=1 gateway=x", "default-route.added family=ipv4 metric=1 gateway=10.0.0.1",
			"default-route.added family=ipv4 metric=2"}, []string{"default-route.added ipv4  via 10.0.0.1 metric 1"}},
		{[]string{"route.added", "route.added destination=10.0.0.0/8 type=unicast table=x", "route.added destination=10.0.0.0 type=unicast table=1",
			"route.added destination=10.0.0.0/8 table=1", "route.added destination=10.0.0.0/8 table=1 type=near",
			"route.added destination=10.0.0.0/8 type=unicast table=1 gateway=x", "route.added destination=10.0.0.0/8 type=unicast table=1 metric=-1",
			"route.added destination=10.0.0.0/8 type=unicast table=1 protocol=me", "route.removed destination=10.0.0.0/8 type=unicast table=1",
			"route.added destination=10.0.0.0/8 type=unicast table=1 interface=gone"}, []string{"route.added 10.0.0.0/8 1 unicast - - - -"}},
		{[]string{"neighbor.added", "neighbor.added index=1 address=x", "neighbor.added index=0 address=10.0.0.1", "neighbor.added address=10.0.0.1",
			"neighbor.added index=1 address=10.0.0.1 mac=", "neighbor.added index=1 address=fe80::1%1"}, []string{"neighbor.added 10.0.0.1 - - -"}},
		{[]string{"network.offline", "hookd.lost overruns=1", "user.x interface=e", "nonsense", ""}, nil},
	} {
		p := restore(parseEvents(test.saved))
		var got []string
		for _, e := range fromNothing(p) {
			if e.Name != "interface.state" {
				got = append(got, show(e))
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.saved, diff)
		}
	}
}

// parseEvents makes events of words, without a look at the table.
func parseEvents(lines []string) []events.Event {
	var out []events.Event
	for _, line := range lines {
		name, words, _ := strings.Cut(line, " ")
		e := events.Event{Name: name}
		for _, w := range strings.Fields(words) {
			key, value, _ := strings.Cut(w, "=")
			e.Params = append(e.Params, events.Param{Key: key, Value: value})
		}
		out = append(out, e)
	}
	return out
}

// Only the difference to what an earlier hookd told is told, in an order in which names never meet.
func TestTellTheDifferenceToThePast(t *testing.T) {
	for _, test := range []struct {
		name  string
		saved []string
		now   []Link
		want  string
	}{
		{"nothing changed", saved(2, "a"), []Link{{Traits: Traits{Index: 2, Name: "a", MTU: 1}}}, ""},
		{"gone", saved(2, "a"), nil, "interface.state a off>missing\nlink.removed a"},
		{"renamed", saved(2, "a"), []Link{{Traits: Traits{Index: 2, Name: "b", MTU: 1}}}, "link.renamed b was a"},
		{"made anew", saved(2, "a"), []Link{{Traits: Traits{Index: 5, Name: "a", MTU: 1}}},
			"interface.state a off>missing\nlink.removed a\nlink.added a\ninterface.state a missing>off"},
		{"an index used again for another kind", saved(2, "a"), []Link{{Traits: Traits{Index: 2, Name: "a", Kind: "bridge", MTU: 1}}},
			"interface.state a off>missing\nlink.removed a\nlink.added a\ninterface.state a missing>off"},
		{"an index used again", saved(2, "a"), []Link{{Traits: Traits{Index: 2, Name: "b", MAC: "02:00:00:00:00:01", MTU: 1}}},
			"interface.state a off>missing\nlink.removed a\nlink.added b\ninterface.state b missing>off"},
		{"another address", saved(2, "a"), []Link{{Traits: Traits{Index: 2, Name: "a", MAC: "02:00:00:00:00:01", MTU: 1}}}, "link.changed a"},
		{"indexes used again for each other's names", append(saved(2, "a"), saved(3, "b")...),
			[]Link{{Traits: Traits{Index: 2, Name: "b", Kind: "veth", MTU: 1}}, {Traits: Traits{Index: 3, Name: "c", Kind: "veth", MTU: 1}}},
			"interface.state b off>missing\nlink.removed b\nlink.added c\ninterface.state c missing>off\n" +
				"interface.state a off>missing\nlink.removed a\nlink.added b\ninterface.state b missing>off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(parseEvents(test.saved))
			for _, l := range test.now {
				s.table.apply(message{kind: unix.RTM_NEWLINK, link: l})
				s.touched[l.Index] = true
			}
			s.hold, s.dumps = true, s.everything()[:1]
			s.dumped()
			if diff := cmp.Diff(test.want, showAll(s.queue)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, e := range s.queue {
				if e.Source != events.SourceResync {
					t.Errorf("%s comes from %s", show(e), e.Source)
				}
			}
		})
	}
}

func saved(index int, name string) []string {
	n := strconv.Itoa(index)
	return []string{"link.added interface=" + name + " mtu=1 index=" + n, "interface.state to=off index=" + n}
}

// A dump that changes interrupted may have missed an interface: nobody is told that it is gone before one has ended in
// peace.
func TestNothingIsGoneAfterInterruptedDumps(t *testing.T) {
	s := New(parseEvents(saved(2, "a")))
	s.hold = true
	s.dumps = []dump{{request: unix.RTM_GETLINK, full: true, interrupted: true, tries: maxRetries}}
	s.dumped()
	if !s.begun || len(s.queue) > 0 {
		t.Errorf("begun %v, told\n%s", s.begun, showAll(s.queue))
	}
	s.again = s.again.Add(-maxDelay)
	s.resync()
	s.dumps = s.dumps[:1]
	s.dumped()
	if diff := cmp.Diff("interface.state a off>missing\nlink.removed a", showAll(s.queue)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
