package rtnl

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/nstest"
)

// passes runs a program of the kind that routeFilter is over a message, as the kernel does (net/core/filter.c).
func passes(t *testing.T, program []unix.SockFilter, m []byte) bool {
	a := uint32(0)
	for at := 0; at < len(program); at++ {
		switch l := program[at]; l.Code {
		case unix.BPF_LD | unix.BPF_B | unix.BPF_ABS:
			a = uint32(m[l.K])
		case unix.BPF_LD | unix.BPF_H | unix.BPF_ABS:
			a = uint32(binary.BigEndian.Uint16(m[l.K:]))
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			at += skip(l, a == l.K)
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			at += skip(l, a&l.K != 0)
		case unix.BPF_RET | unix.BPF_K:
			return l.K != 0
		default:
			t.Fatalf("line %d: unknown code %#x", at, l.Code)
		}
	}
	t.Fatal("the program has no end")
	return false
}

func skip(l unix.SockFilter, yes bool) int {
	if yes {
		return int(l.Jt)
	}
	return int(l.Jf)
}

// The filter holds back notifications about routes that are no default routes, and nothing else, on every kind of host.
func TestRouteFilter(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, test := range []struct {
			name        string
			kind, flags uint16
			dst         byte
			want        bool
		}{
			{"a default route", unix.RTM_NEWROUTE, unix.NLM_F_CREATE, 0, true},
			{"a default route that goes", unix.RTM_DELROUTE, 0, 0, true},
			{"a default route that replaces another one", unix.RTM_NEWROUTE, unix.NLM_F_REPLACE, 0, true},
			{"a route", unix.RTM_NEWROUTE, unix.NLM_F_CREATE, 24, false},
			{"a route that replaces another one", unix.RTM_NEWROUTE, unix.NLM_F_REPLACE, 24, false},
			{"a route to a host that goes", unix.RTM_DELROUTE, 0, 128, false},
			{"a route in a dump", unix.RTM_NEWROUTE, unix.NLM_F_MULTI, 24, true},
			{"a route in a dump that was filtered", unix.RTM_NEWROUTE, unix.NLM_F_MULTI | unix.NLM_F_DUMP_FILTERED, 8, true},
			{"the end of a dump", unix.NLMSG_DONE, unix.NLM_F_MULTI, 1, true},
			{"a refusal", unix.NLMSG_ERROR, 0, 255, true},
			{"a link", unix.RTM_NEWLINK, 0, 24, true},
			{"an address", unix.RTM_NEWADDR, 0, 24, true},
			{"a neighbor", unix.RTM_DELNEIGH, 0, 24, true},
			{"a next hop object", unix.RTM_NEWNEXTHOP, unix.NLM_F_CREATE, 24, true},
			{"another kind whose bytes are those of a route swapped", unix.RTM_NEWROUTE << 8, 0, 24, true},
		} {
			m := make([]byte, 28)
			order.PutUint16(m[4:], test.kind)
			order.PutUint16(m[6:], test.flags)
			m[17] = test.dst
			if got := passes(t, routeFilter(order), m); got != test.want {
				t.Errorf("%s, %v: %s passes: %v", order, test.name, m, got)
			}
		}
	}
}

// R5: nothing is read of a flood of routes while nobody asks for them, and default routes are still told.
func TestNetnsR5RouteFlood(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.ip("link set dev a up")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.ip("address add 10.0.0.1/24 dev a")
	k.ip("-6 address add 2001:db8::1/64 dev a nodad")
	k.mark()
	before := k.source.datagrams.Load()
	var add, replace, del strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&add, "route add 172.16.%d.%d via 10.0.0.2\n", i/250, i%250)
		fmt.Fprintf(&replace, "route replace 172.16.%d.%d via 10.0.0.3\n", i/250, i%250)
		fmt.Fprintf(&del, "route del 172.16.%d.%d\n", i/250, i%250)
		if i < 1000 {
			fmt.Fprintf(&add, "route add 2001:db8:1::%x via 2001:db8::2\n", i)
			fmt.Fprintf(&del, "route del 2001:db8:1::%x\n", i)
		}
	}
	batch(t, add.String())
	batch(t, replace.String())
	k.mark()
	if n := k.source.datagrams.Load() - before; n > 20 {
		t.Errorf("%d datagrams were read while 11000 routes came", n)
	}
	// Behind them default routes come, are found again by a dump that shows them all, and go.
	k.ip("route add default via 10.0.0.2")
	k.ip("-6 route add default via 2001:db8::2")
	k.expect("default-route.added ipv4 a via 10.0.0.2 metric 0\ndefault-route.added ipv6 a via 2001:db8::2 metric 1024",
		"default-route/ipv4", "default-route/ipv6")
	fresh := listenTo(t, New([]events.Event{}))
	fresh.number = 1
	const want = "default-route.added ipv4 a via 10.0.0.2 metric 0\ndefault-route.added ipv6 a via 2001:db8::2 metric 1024"
	fresh.expect(want, "default-route/ipv4", "default-route/ipv6")
	k.mark()
	before = k.source.datagrams.Load()
	batch(t, del.String())
	k.mark()
	if n := k.source.datagrams.Load() - before; n > 20 {
		t.Errorf("%d datagrams were read while 6000 routes went", n)
	}
	k.ip("link set dev a down")
	k.until("default-route.removed ipv4 a via 10.0.0.2 metric 0")
	k.until("default-route.removed ipv6 a via 2001:db8::2 metric 1024")
}

// R5: an address whose lifetime is renewed again and again is no event.
func TestNetnsR5Lifetimes(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.ip("address add 192.0.2.1/24 dev a valid_lft 9000 preferred_lft 9000")
	k.ip("-6 address add 2001:db8::1/64 dev b nodad valid_lft 9000 preferred_lft 9000")
	k.ip("link set dev a up")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.until("link.up b")
	k.until("address.added b 2001:db8::1/64")
	k.about()
	for i := range 100 {
		k.ip(fmt.Sprintf("address change 192.0.2.1/24 dev a valid_lft %d preferred_lft %d", 1000+i, 500+i))
		k.ip(fmt.Sprintf("-6 address change 2001:db8::1/64 dev b valid_lft %d preferred_lft %d", 1000+i, 500+i))
	}
	if diff := cmp.Diff("", k.about("a", "b")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
