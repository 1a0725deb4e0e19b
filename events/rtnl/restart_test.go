package rtnl

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/nstest"
)

// restart ends the source of one listener, lets the world change and starts another source with what the first one told.
func (k *kernel) restart(meanwhile func()) *kernel {
	k.t.Helper()
	k.mark()
	k.stop()
	p, t := past{views: k.source.told, world: k.source.world}, k.source.table
	if t.routes != nil {
		p.routes = t.routes.objects
	}
	if t.neighbors != nil {
		p.neighbors = t.neighbors.objects
	}
	saved := fromNothing(p)
	if meanwhile != nil {
		meanwhile()
	}
	source := New(saved)
	source.Want(t.routes != nil, t.neighbors != nil)
	again := listenTo(k.t, source)
	again.number = k.number + 1
	return again
}

// told takes all events up to a mark, without what the mark itself does.
func (k *kernel) told() []events.Event {
	k.mark()
	out := slices.DeleteFunc(k.seen, func(e events.Event) bool {
		a, _ := e.Get("address")
		return strings.HasPrefix(a, "10.99.") || strings.HasPrefix(e.Subject, "route/10.99.")
	})
	k.seen = nil
	return out
}

// A restart tells only what changed while nobody listened.
func TestNetnsRestart(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.ip("link set dev a up")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.ip("address add 192.0.2.1/24 dev a")
	k.ip("address add 192.0.2.9 peer 198.51.100.1/32 dev a")
	k.ip("-6 address add 2001:db8::1/64 dev a nodad")
	k.until("address.added a 2001:db8::1/64")
	k.ip("route add default via 192.0.2.254 dev a metric 100")
	k.ip("-6 route add default dev a")
	k.ip("link add name old type bridge")
	k.ip("link add name other type bridge")
	k.ip("link set dev other address 02:00:00:00:00:07")
	k.until("link.changed other")
	k.until("network.online")

	k = k.restart(nil)
	if got := showAll(k.told()); got != "" {
		t.Errorf("nothing changed, and this was told:\n%s", got)
	}
	k = k.restart(func() {
		index := linkIndex(t, "old")
		k.ip("link del dev old")
		k.ip("link add name new index " + index + " type veth peer name new-peer")
		k.ip("link set dev new addrgenmode none")
		k.ip("link set dev other name renamed")
		k.ip("address del 192.0.2.9 peer 198.51.100.1/32 dev a")
		k.ip("address add 192.0.2.2/24 dev a")
		k.ip("route del default")
		k.ip("route add default via 192.0.2.253 dev a metric 7")
		k.ip("-6 route del default")
	})
	seen := k.told()
	for _, e := range seen {
		if e.Source != events.SourceResync {
			t.Errorf("%s comes from %s", show(e), e.Source)
		}
	}
	want := `address.removed a 192.0.2.9/32
address.added a 192.0.2.2/24
interface.state old off>missing
link.removed old
link.added new
interface.state new missing>off
link.renamed renamed was other
link.added new-peer
interface.state new-peer missing>off
default-route.changed ipv4 a via 192.0.2.253 metric 7 was a via 192.0.2.254 metric 100
default-route.removed ipv6 a via  metric 1024`
	if diff := cmp.Diff(want, showAll(seen)); diff != "" {
		t.Errorf("told after the restart (-want +got):\n%s", diff)
	}
	k.ip("link del dev new")
	k.until("link.removed new")
	if e := k.seen[len(k.seen)-1]; e.Source != events.SourceKernel {
		t.Errorf("after that %s comes from %s", show(e), e.Source)
	}
}

func linkIndex(t *testing.T, name string) string {
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(i.Index)
}
