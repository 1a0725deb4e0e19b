package rtnl

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/nstest"
)

func TestNetnsAddress(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.ip("link set dev a up")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.about("a")

	k.ip("address add 192.0.2.1/24 dev a")
	k.expect("address.added a 192.0.2.1/24\ninterface.state a carrier>routable", "a")
	// The same address again with another lifetime is no event (failures: R5).
	k.ip("address change 192.0.2.1/24 dev a valid_lft 1000 preferred_lft 500")
	k.expect("", "a")
	k.ip("address add 192.0.2.9 peer 198.51.100.1/32 dev a")
	k.expect("address.added a 192.0.2.9/32", "a")
	k.ip("address del 192.0.2.1/24 dev a")
	k.ip("address del 192.0.2.9 peer 198.51.100.1/32 dev a")
	k.expect("address.removed a 192.0.2.1/24\naddress.removed a 192.0.2.9/32\ninterface.state a routable>carrier", "a")

	// An IPv6 address is told after duplicate address detection, not before.
	k.ip("-6 address add 2001:db8::1/64 dev a")
	began := time.Now()
	k.until("address.added a 2001:db8::1/64")
	if waited := time.Since(began); waited < 300*time.Millisecond {
		t.Errorf("the address was told %v after it was added, before detection can have ended", waited)
	}
	k.expect("address.added a 2001:db8::1/64\ninterface.state a carrier>routable", "a")
	// One that failed detection is never told.
	k.ip("-6 address add 2001:db8::2/64 dev b nodad")
	k.ip("-6 address add 2001:db8::2/64 dev a")
	for !dadFailed(t, "a") {
		time.Sleep(50 * time.Millisecond)
	}
	k.expect("", "a")

	// Another peer for an IPv6 address is a change of that address.
	k.ip("-6 address add 2001:db8::5/128 dev a nodad")
	k.until("address.added a 2001:db8::5/128") // the kernel sends the message later, with the values of then
	k.ip("-6 address change 2001:db8::5 peer 2001:db8::6/128 dev a")
	k.until("address.changed a 2001:db8::5/128")
	k.ip("-6 address del 2001:db8::5 peer 2001:db8::6/128 dev a")
	k.expect("address.added a 2001:db8::5/128\naddress.changed a 2001:db8::5/128\naddress.removed a 2001:db8::5/128", "a")

	// Down takes IPv6 addresses away and leaves IPv4 ones.
	k.ip("address add 192.0.2.1/24 dev a")
	k.ip("link set dev a down")
	k.expect("address.added a 192.0.2.1/24\nlink.down a\ninterface.state a routable>off\naddress.removed a 2001:db8::1/64", "a")
}

func dadFailed(t *testing.T, name string) bool {
	text, err := os.ReadFile("/proc/net/if_inet6")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		if f := strings.Fields(l); len(f) == 6 && f[5] == name && f[0] == "20010db8000000000000000000000002" {
			return f[4] != "40" && strings.HasPrefix(l, f[0]) && hexBit(f[4], unix.IFA_F_DADFAILED)
		}
	}
	return false
}

func hexBit(s string, bit int) bool {
	n := 0
	for _, c := range s {
		n = n*16 + strings.IndexRune("0123456789abcdef", c)
	}
	return n&bit != 0
}
