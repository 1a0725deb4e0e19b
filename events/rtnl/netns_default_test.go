package rtnl

import (
	"fmt"
	"os"
	"testing"

	"hookd/internal/nstest"
)

func TestNetnsDefaultRoute(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	for _, pair := range []string{"a", "c"} {
		k.veth(pair, "peer-"+pair)
		k.ip("link set dev peer-" + pair + " up")
		k.ip("link set dev " + pair + " up")
		k.until("link.up " + pair)
	}
	k.ip("address add 192.0.2.1/24 dev a")
	k.ip("address add 198.51.100.1/24 dev c")
	const v4, v6, host = "default-route/ipv4", "default-route/ipv6", "network/"
	k.about()

	k.ip("route add default via 192.0.2.254 dev a metric 100")
	k.expect("default-route.added ipv4 a via 192.0.2.254 metric 100\nnetwork.online", v4, host)
	k.ip("route add default via 198.51.100.254 dev c metric 200") // decides nothing
	k.expect("", v4, host)
	k.ip("route add default via 198.51.100.254 dev c metric 50") // a better one
	k.expect("default-route.changed ipv4 c via 198.51.100.254 metric 50 was a via 192.0.2.254 metric 100", v4, host)
	k.ip("route replace default via 198.51.100.253 dev c metric 50") // no message tells of the one that goes
	k.expect("default-route.changed ipv4 c via 198.51.100.253 metric 50 was c via 198.51.100.254 metric 50", v4, host)
	k.ip("route del default metric 50")
	k.expect("default-route.changed ipv4 a via 192.0.2.254 metric 100 was c via 198.51.100.253 metric 50", v4, host)

	// Routes to elsewhere, in other tables and for another type of service decide nothing.
	k.ip("route add 203.0.113.0/24 via 192.0.2.254")
	k.ip("route add default via 192.0.2.254 table 99 metric 1")
	k.ip("route add default via 192.0.2.254 tos 0x10 metric 1")
	k.expect("", v4, host)
	// One that leads nowhere keeps those with a larger metric from being a way out; with a larger metric it does not.
	k.ip("route add unreachable default metric 1")
	k.expect("default-route.removed ipv4 a via 192.0.2.254 metric 100\nnetwork.offline", v4, host)
	k.ip("route del unreachable default metric 1")
	k.ip("route add blackhole default metric 9999")
	k.expect("default-route.added ipv4 a via 192.0.2.254 metric 100\nnetwork.online", v4, host)

	// With the interface down IPv4 routes vanish, and the kernel says nothing of it.
	k.ip("link set dev a down")
	k.until("default-route.changed ipv4 c via 198.51.100.254 metric 200 was a via 192.0.2.254 metric 100")
	k.about()
	// The last address of an interface takes its routes along, in silence too.
	k.ip("address del 198.51.100.1/24 dev c")
	k.until("default-route.removed ipv4 c via 198.51.100.254 metric 200")
	k.expect("default-route.removed ipv4 c via 198.51.100.254 metric 200\nnetwork.offline", v4, host)

	// IPv6 goes its own way, with several next hops as one route.
	k.ip("-6 address add 2001:db8::1/64 dev c nodad")
	k.ip("-6 route add default via 2001:db8::fe dev c metric 1024")
	k.expect("default-route.added ipv6 c via 2001:db8::fe metric 1024\nnetwork.online", v6, host)
	k.ip("-6 route append default via 2001:db8::ff dev c metric 1024")
	k.expect("", v6, host)
	k.ip("-6 route del default via 2001:db8::fe dev c metric 1024")
	k.until("default-route.changed ipv6 c via 2001:db8::ff metric 1024 was c via 2001:db8::fe metric 1024")
	k.about()
	k.ip("link del dev c")
	k.until("default-route.removed ipv6 c via 2001:db8::ff metric 1024")
	k.expect("network.offline\ndefault-route.removed ipv6 c via 2001:db8::ff metric 1024", v6, host)
}

// What the kernel does to default routes without a message, or with one that does not tell all of it.
func TestNetnsDefaultRouteSilence(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	for n, name := range []string{"va", "vc"} {
		k.veth(name, "p"+name)
		k.ip("link set dev p" + name + " up")
		k.ip("link set dev " + name + " up")
		k.until("link.up " + name)
		k.ip(fmt.Sprintf("address add 10.0.%d.1/24 dev %s", n, name))
		k.ip(fmt.Sprintf("-6 address add 2001:db8:%d::1/64 dev %s nodad", n, name))
	}
	const v4, v6 = "default-route/ipv4", "default-route/ipv6"
	k.about()

	// Replaced by a route of another type.
	k.ip("route add default via 10.0.0.2")
	k.ip("route replace blackhole default")
	k.expect("default-route.added ipv4 va via 10.0.0.2 metric 0\ndefault-route.removed ipv4 va via 10.0.0.2 metric 0", v4)
	k.ip("route del blackhole default")

	// A next hop object goes and takes its routes along.
	k.ip("nexthop add id 5 via 10.0.0.2 dev va")
	k.ip("route add default nhid 5")
	k.until("default-route.added ipv4 va via 10.0.0.2 metric 0")
	k.ip("nexthop del id 5")
	k.until("default-route.removed ipv4 va via 10.0.0.2 metric 0")
	k.about()

	// A route goes with the address that is its source, wherever that is.
	k.ip("address add 192.0.2.77/32 dev lo")
	k.ip("route add default via 10.0.0.2 src 192.0.2.77")
	k.until("default-route.added ipv4 va via 10.0.0.2 metric 0")
	k.ip("address del 192.0.2.77/32 dev lo")
	k.until("default-route.removed ipv4 va via 10.0.0.2 metric 0")
	k.about()

	// One put in front of its equals decides.
	k.ip("route add default via 10.0.0.2")
	k.ip("route prepend default via 10.0.0.3")
	k.until("default-route.changed ipv4 va via 10.0.0.3 metric 0 was va via 10.0.0.2 metric 0")
	k.ip("route flush exact default")
	k.until("default-route.removed ipv4 va via 10.0.0.2 metric 0")
	k.about()

	// The first of several next hops dies with its interface and revives with it.
	k.ip("route add default nexthop via 10.0.0.2 dev va nexthop via 10.0.1.2 dev vc")
	k.until("default-route.added ipv4 va via 10.0.0.2 metric 0")
	k.ip("link set dev va down")
	k.until("default-route.changed ipv4 vc via 10.0.1.2 metric 0 was va via 10.0.0.2 metric 0")
	k.ip("route flush exact default")
	k.ip("link set dev va up")
	k.until("link.up va")
	k.about()

	// IPv6 without the messages that it sends by default.
	if err := os.WriteFile("/proc/sys/net/ipv6/route/skip_notify_on_dev_down", []byte("1"), 0); err != nil {
		t.Logf("left out: %v", err)
		return
	}
	k.ip("-6 route add default via 2001:db8:1::2 dev vc")
	k.until("default-route.added ipv6 vc via 2001:db8:1::2 metric 1024")
	k.ip("link set dev vc down")
	k.until("default-route.removed ipv6 vc via 2001:db8:1::2 metric 1024")
}

// A default route stays in the kernel's table when the carrier goes; the host is offline all the same.
func TestNetnsOnline(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.ip("link set dev a up")
	k.ip("link set dev b up")
	k.ip("address add 192.0.2.1/24 dev a")
	k.until("link.up a")
	k.ip("route add default via 192.0.2.254")
	k.expect("network.online", "network/")
	k.ip("link set dev b down")
	k.until("link.down a")
	k.expect("network.offline", "network/")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.expect("network.online", "network/")
}
