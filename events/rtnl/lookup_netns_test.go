package rtnl

import (
	"errors"
	"net/netip"
	"testing"

	"hookd/internal/nstest"
)

// way writes what RouteTo says of an address.
func way(addr string) string {
	iface, gateway, err := RouteTo(netip.MustParseAddr(addr))
	switch {
	case errors.Is(err, ErrNoWay):
		return err.Error()
	case err != nil:
		return "unknown: " + err.Error()
	case gateway != "":
		return iface + " via " + gateway
	}
	return iface
}

// What a host is reached by is the kernel's answer, its rules and special routes included.
func TestRouteTo(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	expect := func(addr, want string) {
		t.Helper()
		if got := way(addr); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	expect("192.0.2.1", "there is no route to 192.0.2.1")
	expect("2001:db8::1", "there is no route to 2001:db8::1")
	expect("127.0.0.1", "lo")
	batch(t, `link add name near type veth peer name far
link set dev near up
link set dev far up
address add 10.1.0.1/24 dev near
address add 2001:db8:1::1/64 dev near nodad
route add default via 10.1.0.2
route add default via 2001:db8:1::2
route add unreachable 10.2.0.0/16
route add blackhole 10.3.0.0/16
route add prohibit 10.4.0.0/16
route add throw 10.5.0.0/16
route add unreachable 2001:db8:2::/48
rule add to 10.6.0.0/16 blackhole
`)
	expect("192.0.2.1", "near via 10.1.0.2")
	expect("::ffff:192.0.2.1", "near via 10.1.0.2")
	expect("2001:db8::1", "near via 2001:db8:1::2")
	expect("10.1.0.7", "near")
	expect("10.1.0.1", "lo")
	expect("10.2.0.1", "there is no route to 10.2.0.1: it is unreachable")
	expect("10.3.0.1", "there is no route to 10.3.0.1: it is a blackhole")
	expect("10.4.0.1", "there is no route to 10.4.0.1: it is prohibited")
	expect("10.5.0.1", "there is no route to 10.5.0.1")
	expect("10.6.0.1", "there is no route to 10.6.0.1: it is a blackhole")
	expect("2001:db8:2::1", "there is no route to 2001:db8:2::1: it is unreachable")
	expect("10.1.0.255", "there is no route to 10.1.0.255: the route is of the type broadcast")
	expect("fe80::1%near", "near")
	expect("fe80::1%nosuch", "there is no route to fe80::1%nosuch: there is no interface nosuch")
}

func TestLinkUp(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	expect := func(name string, wantUp, wantThere bool) {
		t.Helper()
		up, there, err := LinkUp(name)
		if up != wantUp || there != wantThere || err != nil {
			t.Errorf("%q: up %v, there %v, %v", name, up, there, err)
		}
	}
	batch(t, "link add name near type veth peer name far\nlink set dev near up\nlink property add dev near altname another\n")
	expect("lo", true, true)    // unknown, with a lower layer
	expect("near", false, true) // its peer is down
	expect("far", false, true)
	expect("nosuch", false, false)
	expect("another", false, false)
	expect("", false, false)
	expect("../../etc", false, false)
	expect("a name that is much too long for any interface", false, false)
	batch(t, "link set dev far up\n")
	expect("near", true, true)
}
