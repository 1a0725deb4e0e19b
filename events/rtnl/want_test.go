package rtnl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/nstest"
)

// family takes the events of a family that came up to a mark, without the mark's own, and forgets all.
func (k *kernel) family(name string) string {
	k.mark()
	var out []events.Event
	for _, e := range k.seen {
		if e.Family() == name && !strings.Contains(e.Subject, "10.99.") {
			out = append(out, e)
		}
	}
	k.seen = nil
	return showAll(out)
}

func (k *kernel) expectFamily(name, want string) {
	k.t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), k.family(name)); diff != "" {
		k.t.Errorf("events of %s (-want +got):\n%s", name, diff)
	}
}

// pair makes the interfaces a and b, up and with an address, and reads up to that.
func (k *kernel) pair() {
	k.veth("a", "b")
	k.ip("link set dev b up")
	k.ip("link set dev a up")
	k.until("link.up a")
	k.ip("address add 192.0.2.1/24 dev a")
	k.ip("-6 address add 2001:db8::1/64 dev a nodad")
	k.mark()
}

// Routes are told while they are wanted: those that are there, those that come, and those that go without a message.
func TestNetnsRoutes(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.pair()
	k.ip("route add 198.51.100.0/24 via 192.0.2.254")
	k.expectFamily("route", "")

	k.source.Want(true, false)
	if e := k.until("route.added 198.51.100.0/24 254 unicast boot a 192.0.2.254 -"); e.Source != events.SourceStart {
		t.Errorf("%s comes from %s", show(e), e.Source)
	}
	k.until("route.added 192.0.2.1/32 255 local kernel a - -")
	k.until("route.added 2001:db8::/64 254 unicast kernel a - 256")
	k.until("route.added ::1/128 255 local kernel lo - -")
	k.family("route")

	k.ip("route add 203.0.113.0/24 via 192.0.2.254 metric 5 table 99 proto static")
	k.ip("route replace 203.0.113.0/24 via 192.0.2.253 metric 5 table 99 proto static")
	k.ip("route replace 203.0.113.0/24 via 192.0.2.253 metric 5 table 99 proto static mtu 1400") // nothing that is told
	k.ip("route append 203.0.113.0/24 via 192.0.2.252 metric 5 table 99 proto static")
	k.ip("route del 203.0.113.0/24 via 192.0.2.253 metric 5 table 99")
	k.ip("route add unreachable 10.0.0.0/8")
	k.ip("-6 route add blackhole 2001:db8:1::/48 proto 250")
	k.expectFamily("route", `
route.added 203.0.113.0/24 99 unicast static a 192.0.2.254 5
route.removed 203.0.113.0/24 99 unicast static a 192.0.2.254 5
route.added 203.0.113.0/24 99 unicast static a 192.0.2.253 5
route.added 203.0.113.0/24 99 unicast static a 192.0.2.252 5
route.removed 203.0.113.0/24 99 unicast static a 192.0.2.253 5
route.added 10.0.0.0/8 254 unreachable boot - - -
route.added 2001:db8:1::/48 254 blackhole 250 - - 1024`)

	// Several next hops are one route.
	k.ip("-6 route add 2001:db8:2::/48 via 2001:db8::2")
	k.ip("-6 route append 2001:db8:2::/48 via 2001:db8::3")
	k.ip("-6 route del 2001:db8:2::/48 via 2001:db8::2")
	k.until("route.removed 2001:db8:2::/48 254 unicast boot a 2001:db8::2 1024")
	k.ip("-6 route del 2001:db8:2::/48")
	k.until("route.removed 2001:db8:2::/48 254 unicast boot a 2001:db8::3 1024")
	k.family("route")

	// An address takes the routes that have it as their source along, in silence.
	k.ip("address add 192.0.2.77/32 dev lo")
	k.ip("route add 172.16.0.0/12 via 192.0.2.254 src 192.0.2.77")
	k.ip("address del 192.0.2.77/32 dev lo")
	k.until("route.removed 172.16.0.0/12 254 unicast boot a 192.0.2.254 -")
	// So does an interface that is switched off.
	k.ip("link set dev a down")
	k.until("route.removed 198.51.100.0/24 254 unicast boot a 192.0.2.254 -")
	k.until("route.removed 203.0.113.0/24 99 unicast static a 192.0.2.252 5")
	k.until("route.removed 2001:db8::/64 254 unicast kernel a - 256")

	// Unwanted, they are forgotten in silence, and told again when they are wanted again.
	k.source.Want(false, false)
	eventually(t, "routes are not told any more", func() bool {
		k.ip("route add unreachable 10.77.0.0/16")
		k.ip("route del unreachable 10.77.0.0/16")
		return k.family("route") == ""
	})
	k.ip("route del unreachable 10.0.0.0/8")
	k.ip("route add unreachable 10.0.0.0/9")
	k.expectFamily("route", "")
	k.source.Want(true, true)
	k.until("route.added 10.0.0.0/9 254 unreachable boot - - -")
	k.ip("link del dev a")
	k.until("link.removed a")
	k.ip("route del unreachable 10.0.0.0/9")
	k.until("route.removed 10.0.0.0/9 254 unreachable boot - - -")
}

// Neighbors are told while they are wanted, by the address that they have, and not by the moods of their entries.
func TestNetnsNeighbors(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.pair()
	k.ip("neighbor add 192.0.2.7 lladdr 02:00:00:00:00:07 nud permanent dev a")
	k.expectFamily("neighbor", "")
	k.source.Want(false, true)
	if e := k.until("neighbor.added 192.0.2.7 a 02:00:00:00:00:07 -"); e.Source != events.SourceStart {
		t.Errorf("%s comes from %s", show(e), e.Source)
	}
	k.family("neighbor")

	k.ip("neighbor add 192.0.2.8 lladdr 02:00:00:00:00:08 nud reachable dev a")
	for _, mood := range []string{"stale", "reachable", "delay", "probe", "permanent"} {
		k.ip("neighbor change 192.0.2.8 lladdr 02:00:00:00:00:08 nud " + mood + " dev a")
	}
	k.ip("neighbor change 192.0.2.8 lladdr 02:00:00:00:00:09 nud reachable dev a")
	k.ip("neighbor change 192.0.2.8 nud failed dev a")
	k.ip("neighbor add 2001:db8::8 lladdr 02:00:00:00:00:08 nud permanent router dev a")
	k.ip("neighbor add 192.0.2.10 lladdr 02:00:00:00:00:0a nud noarp dev a")
	k.ip("neighbor add proxy 192.0.2.11 dev a")
	k.ip("neighbor del 192.0.2.7 dev a")
	k.expectFamily("neighbor", `
neighbor.added 192.0.2.8 a 02:00:00:00:00:08 -
neighbor.removed 192.0.2.8 a 02:00:00:00:00:08 -
neighbor.added 192.0.2.8 a 02:00:00:00:00:09 -
neighbor.removed 192.0.2.8 a 02:00:00:00:00:09 -
neighbor.added 2001:db8::8 a 02:00:00:00:00:08 yes
neighbor.removed 192.0.2.7 a 02:00:00:00:00:07 -`)

	// A neighbor goes with its interface, under the name that hooks know.
	k.ip("link set dev a down")
	k.ip("link set dev a name c")
	k.ip("link set dev c up")
	k.ip("neighbor add 192.0.2.12 lladdr 02:00:00:00:00:0c nud permanent dev c")
	k.ip("link del dev c")
	k.until("neighbor.added 192.0.2.12 c 02:00:00:00:00:0c -")
	k.until("neighbor.removed 192.0.2.12 c 02:00:00:00:00:0c -")
	k.until("link.removed c")
	k.source.Want(false, false)
	k.family("neighbor")
}

// R1: messages about routes and neighbors that the kernel had to drop leave the right state behind.
func TestNetnsR1OverrunOfRoutes(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	slow, hold, free := slowSource()
	slow.Want(true, true)
	k := listenTo(t, slow)
	k.pair()
	k.ip("route add 10.1.0.0/16 via 192.0.2.254")
	k.ip("route add 10.2.0.0/16 via 192.0.2.254")
	k.ip("neighbor add 192.0.2.7 lladdr 02:00:00:00:00:07 nud permanent dev a")
	k.ip("neighbor add 192.0.2.8 lladdr 02:00:00:00:00:08 nud permanent dev a")
	k.until("neighbor.added 192.0.2.8 a 02:00:00:00:00:08 -")
	k.family("route")
	hold()
	var flood strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&flood, "route add 172.16.%d.%d via 192.0.2.254\nroute del 172.16.%d.%d\n", i/250, i%250, i/250, i%250)
	}
	batch(t, flood.String())
	k.ip("route replace 10.1.0.0/16 via 192.0.2.253")
	k.ip("route del 10.2.0.0/16")
	k.ip("route add 10.3.0.0/16 via 192.0.2.254")
	k.ip("neighbor del 192.0.2.7 dev a")
	k.ip("neighbor replace 192.0.2.8 lladdr 02:00:00:00:00:18 nud permanent dev a")
	free()
	k.until("hookd.lost")
	k.until("route.added 10.3.0.0/16 254 unicast boot a 192.0.2.254 -")
	k.mark()
	if k.source.Overruns() == 0 {
		t.Error("no overrun was counted")
	}
	last := map[string]string{}
	for _, e := range k.seen {
		if e.Family() == "route" || e.Family() == "neighbor" {
			last[e.Subject] += strings.TrimPrefix(show(e), e.Family()+".") + "\n"
		}
	}
	for subject, want := range map[string]string{
		"route/10.1.0.0/16":  "removed 10.1.0.0/16 254 unicast boot a 192.0.2.254 -\nadded 10.1.0.0/16 254 unicast boot a 192.0.2.253 -\n",
		"route/10.2.0.0/16":  "removed 10.2.0.0/16 254 unicast boot a 192.0.2.254 -\n",
		"neighbor/192.0.2.7": "removed 192.0.2.7 a 02:00:00:00:00:07 -\n",
		"neighbor/192.0.2.8": "removed 192.0.2.8 a 02:00:00:00:00:08 -\nadded 192.0.2.8 a 02:00:00:00:00:18 -\n",
	} {
		if diff := cmp.Diff(want, last[subject]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", subject, diff)
		}
	}
}

// A restart tells only the difference of what is followed, too.
func TestNetnsRestartFollowed(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	first := New(nil)
	first.Want(true, true)
	k := listenTo(t, first)
	k.pair()
	k.ip("route add 10.1.0.0/16 via 192.0.2.254 src 192.0.2.1")
	k.ip("route add 10.2.0.0/16 nexthop via 192.0.2.254 nexthop via 192.0.2.253")
	k.ip("neighbor add 192.0.2.7 lladdr 02:00:00:00:00:07 nud permanent dev a")
	k.until("neighbor.added 192.0.2.7 a 02:00:00:00:00:07 -")

	k = k.restart(nil)
	if got := showAll(k.told()); got != "" {
		t.Errorf("nothing changed, and this was told:\n%s", got)
	}
	k = k.restart(func() {
		k.ip("route del 10.1.0.0/16")
		k.ip("neighbor replace 192.0.2.7 lladdr 02:00:00:00:00:17 nud permanent dev a")
	})
	const want = `route.removed 10.1.0.0/16 254 unicast boot a 192.0.2.254 -
neighbor.removed 192.0.2.7 a 02:00:00:00:00:07 -
neighbor.added 192.0.2.7 a 02:00:00:00:00:17 -`
	seen := k.told()
	if diff := cmp.Diff(want, showAll(seen)); diff != "" {
		t.Errorf("told after the restart (-want +got):\n%s", diff)
	}
	for _, e := range seen {
		if e.Source != events.SourceResync {
			t.Errorf("%s comes from %s", show(e), e.Source)
		}
	}
}
