package rtnl

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"hookd/events"
	"hookd/internal/nstest"
)

// churn is a list of commands that bring routes, neighbors and addresses about and away, in every way that there is.
func churn(random *rand.Rand, length int) string {
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	var out strings.Builder
	for range length {
		dev, host, net := pick("a", "c"), random.IntN(4)+2, random.IntN(6)
		v4, v6 := fmt.Sprintf("192.0.2.%d", host), fmt.Sprintf("2001:db8::%d", host)
		if dev == "c" {
			v4, v6 = fmt.Sprintf("198.51.100.%d", host), fmt.Sprintf("2001:db8:1::%d", host)
		}
		out.WriteString(pick(
			fmt.Sprintf("route %s 10.%d.0.0/16 via %s metric %d", pick("add", "append", "prepend", "replace", "del"), net, v4, random.IntN(2)),
			fmt.Sprintf("route %s 10.%d.0.0/16 via %s tos %s", pick("add", "replace", "del"), net, v4, pick("0", "0x10")),
			fmt.Sprintf("route %s 10.%d.0.0/16 nexthop via 192.0.2.2 nexthop via 198.51.100.2", pick("add", "append", "replace"), net),
			fmt.Sprintf("route %s default via %s metric %d", pick("add", "append", "replace", "del"), v4, random.IntN(2)),
			fmt.Sprintf("route %s 10.%d.0.0/16", pick("add unreachable", "replace blackhole", "del"), net),
			fmt.Sprintf("route add 172.%d.0.0/16 via %s src 192.0.2.1%d", 16+net, v4, host),
			fmt.Sprintf("route %s 2001:db8:%d::/48 via %s dev %s", pick("add", "append", "replace", "del"), 10+net, v6, dev),
			fmt.Sprintf("route %s 2001:db8:%d::/48 dev %s table 99", pick("add", "replace", "del"), 10+net, dev),
			fmt.Sprintf("route %s 2001:db8:%d::/48 nexthop via 2001:db8::2 dev a nexthop via 2001:db8:1::2 dev c", pick("add", "replace"), 10+net),
			fmt.Sprintf("neighbor replace %s lladdr 02:00:00:00:00:0%d nud %s dev %s", v4, host, pick("permanent", "reachable", "stale", "noarp"), dev),
			fmt.Sprintf("neighbor replace %s lladdr 02:00:00:00:00:0%d nud permanent %s dev %s", v6, net, pick("router", ""), dev),
			fmt.Sprintf("neighbor replace %s nud permanent lladdr 02:00:00:00:00:0%d dev %s\nneighbor del %s dev %s", v6, net, dev, v6, dev),
			fmt.Sprintf("address %s 192.0.2.1%d/24 dev a", pick("add", "del"), host),
			fmt.Sprintf("link set dev %s %s", dev, pick("down", "up", "up", "up")),
			fmt.Sprintf("address add 198.51.100.1/24 dev c\nlink set dev %s up", dev),
			"address add 2001:db8:1::1/64 dev c nodad\naddress add 2001:db8::1/64 dev a nodad",
		) + "\n")
	}
	return out.String()
}

// Whatever happens, and however much of it is heard, in the end that is told which a source finds that looks for the first
// time, and nothing was told twice or taken back twice.
func TestNetnsChurnOfRoutes(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	quick := New(nil)
	quick.Want(true, true)
	slow := New(nil)
	slow.buffer = 4096
	slow.Want(true, true)
	listeners := []*kernel{listenTo(t, quick), listenTo(t, slow)}
	listeners[1].number = 1
	k := listeners[0]
	for _, name := range []string{"a", "c"} {
		k.veth(name, "peer-"+name)
		k.ip("link set dev peer-" + name + " up")
		k.ip("link set dev " + name + " up")
		k.until("link.up " + name)
	}
	k.ip("address add 192.0.2.1/24 dev a")
	for seed := range uint64(5) {
		cmd := exec.Command("ip", "-force", "-batch", "-")
		cmd.Stdin = strings.NewReader(churn(rand.New(rand.NewPCG(seed, 1)), 1000) + "link show dev lo\n")
		if out, _ := cmd.Output(); !strings.Contains(string(out), "LOOPBACK") { // many of the commands fail, and one must not end all
			t.Fatalf("ip did not come to the last command")
		}
		fresh := New(nil)
		fresh.Want(true, true)
		again := listenTo(t, fresh)
		again.number = int(seed) + 2
		for n, l := range listeners {
			eventually(t, fmt.Sprintf("listener %d and a new one have told the same", n), func() bool {
				l.mark() // the kernel may still be about IPv6 addresses
				again.mark()
				return maps.Equal(standing(t, again), standing(t, l))
			})
		}
		again.stop()
	}
	if slow.Overruns() == 0 {
		t.Error("no overrun was counted")
	}
}

// standing lists what was told and not taken back, of routes and neighbors but those of marks.
func standing(t *testing.T, k *kernel) map[string]bool {
	out := map[string]bool{}
	for _, e := range k.seen {
		name, words, _ := strings.Cut(e.String(), " ")
		if f := e.Family(); f != "route" && f != "neighbor" || strings.Contains(words, "10.99.") {
			continue
		}
		if coming := !(events.Event{Name: name}).Teardown(); coming == out[words] {
			t.Fatalf("%s is told twice", e)
		} else if coming {
			out[words] = true
		} else {
			delete(out, words)
		}
	}
	return out
}

// The kernel tells of an interface that goes down before it takes the routes away, in silence, and there may be many to take.
func TestNetnsManyRoutesGo(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	source := New(nil)
	source.Want(true, false)
	k := listenTo(t, source)
	k.veth("a", "b")
	k.ip("link set dev b up")
	var routes strings.Builder
	routes.WriteString("link set dev a up\naddress replace 192.0.2.1/24 dev a\nroute add default via 192.0.2.2\n")
	for i := range 500 {
		fmt.Fprintf(&routes, "route add 172.16.%d.%d via 192.0.2.2\n", i/256, i%256)
	}
	for range 20 {
		batch(t, routes.String())
		k.until("route.added 172.16.1.243/32 254 unicast boot a 192.0.2.2 -")
		k.ip("link set dev a down")
		eventually(t, "all routes are gone", func() bool {
			k.mark()
			for words := range standing(t, k) {
				if strings.Contains(words, "table=254") {
					return false
				}
			}
			return true
		})
		k.seen = nil
	}
}
