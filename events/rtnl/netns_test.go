package rtnl

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/nstest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// kernel is a source that reads in the namespace of the test.
type kernel struct {
	t      *testing.T
	source *Source
	ctx    context.Context
	seen   []events.Event
	number int // of the listener in its test
	marks  int
	stop   func() // ends the source and waits for its end
}

// listen starts a source and waits for its start.
func listen(t *testing.T) *kernel { return listenTo(t, New(nil)) }

func listenTo(t *testing.T, source *Source) *kernel {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	k := &kernel{t: t, source: source, ctx: ctx, stop: func() { cancel(); <-ended }}
	go func() {
		defer close(ended)
		if err := k.source.Run(ctx, func(err error) { t.Errorf("source: %v", err) }); err != nil {
			t.Errorf("source: %v", err)
		}
	}()
	t.Cleanup(k.stop)
	select {
	case <-k.source.ready:
	case <-time.After(patience):
		t.Fatal("the source is never ready")
	}
	return k
}

func (k *kernel) ip(words string) {
	k.t.Helper()
	nstest.IP(k.t, strings.Fields(words)...)
}

// until reads on until an event of that text has come.
func (k *kernel) until(want string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	defer cancel()
	for at := 0; ; {
		for ; at < len(k.seen); at++ {
			if show(k.seen[at]) == want {
				return
			}
		}
		batch, err := k.source.Next(ctx)
		if err != nil {
			k.t.Fatalf("%q never came; there were\n%s", want, showAll(k.seen))
		}
		k.seen = append(k.seen, batch...)
	}
}

// mark makes an event that nothing else makes and reads up to it: what the kernel did before has been read then.
func (k *kernel) mark() {
	k.t.Helper()
	k.marks++
	mark := fmt.Sprintf("10.99.%d.%d/32", k.number, k.marks)
	k.ip("address add " + mark + " dev lo")
	k.until("address.added lo " + mark)
}

// about takes the events of the given subjects that came so far, without those of IPv6 link-local addresses, whose
// moment is not ours, and forgets all.
func (k *kernel) about(subjects ...string) string {
	k.mark()
	var out []events.Event
	for _, e := range k.seen {
		if a, _ := e.Get("address"); slices.Contains(subjects, e.Subject) && !strings.HasPrefix(a, "fe80:") {
			out = append(out, e)
		}
	}
	k.seen = nil
	return showAll(out)
}

func (k *kernel) expect(want string, subjects ...string) {
	k.t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), k.about(subjects...)); diff != "" {
		k.t.Errorf("events of %v (-want +got):\n%s", subjects, diff)
	}
}

// veth makes a pair without IPv6 link-local addresses.
func (k *kernel) veth(a, b string) {
	k.ip("link add name " + a + " type veth peer name " + b)
	for _, name := range []string{a, b} {
		k.ip("link set dev " + name + " addrgenmode none")
	}
}

func TestNetnsLink(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.expect("link.added lo\nlink.up lo\naddress.added lo 127.0.0.1/8\naddress.added lo ::1/128\ninterface.state lo missing>carrier\naddress.added lo 10.99.0.1/32\ninterface.state lo carrier>routable", "lo")

	k.veth("a", "b")
	k.expect("link.added a\ninterface.state a missing>off", "a")
	k.ip("link set dev a up")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.expect("interface.state a off>no-carrier\nlink.up a\ninterface.state a no-carrier>carrier", "a")

	// Carrier is lost by taking the peer down, and comes back.
	k.ip("link set dev b down")
	k.until("link.down a")
	k.expect("link.down a\ninterface.state a carrier>no-carrier", "a")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.expect("link.up a\ninterface.state a no-carrier>carrier", "a")

	k.ip("link set dev a mtu 1400")
	k.ip("link set dev a alias uplink")
	k.expect("link.changed a\nlink.changed a", "a")

	// A rename is one event; hooks of both names hear of it.
	k.ip("link set dev b down")
	k.until("link.down a")
	k.ip("link set dev a down")
	k.ip("link set dev a name wan")
	k.expect("link.down a\ninterface.state a carrier>no-carrier\ninterface.state a no-carrier>off\nlink.renamed wan was a", "a", "wan")

	k.ip("link del dev wan")
	k.expect("interface.state wan off>missing\nlink.removed wan", "wan")
}

// interface.state goes through all of its words.
func TestNetnsStates(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.ip("link set dev b up")
	k.expect("link.added a\ninterface.state a missing>off", "a")
	k.ip("link set dev a mode dormant")
	k.ip("link set dev a up")
	k.until("interface.state a no-carrier>dormant")
	k.about()
	k.ip("link set dev a mode default")
	k.ip("link set dev b down") // the kernel judges anew when the carrier changes
	k.until("interface.state a dormant>no-carrier")
	k.ip("link set dev b up")
	k.until("interface.state a no-carrier>carrier")
	k.about()
	k.ip("address add 169.254.1.1/16 dev a scope link")
	k.expect("address.added a 169.254.1.1/16\ninterface.state a carrier>degraded", "a")
	k.ip("address add 192.0.2.1/24 dev a")
	k.expect("address.added a 192.0.2.1/24\ninterface.state a degraded>routable", "a")
	k.ip("address flush dev a")
	k.until("interface.state a routable>carrier")
	k.about()
	k.ip("link add name br type bridge")
	k.ip("link set dev br addrgenmode none")
	k.ip("link set dev br up")
	k.ip("link set dev a master br")
	k.until("link.up br")
	k.expect("interface.state a carrier>enslaved", "a")
	k.veth("c", "d")
	k.ip("link set dev c master br")
	k.until("interface.state br carrier>degraded-carrier")
	k.ip("link del dev a")
	k.until("interface.state a off>missing")
}

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
	k.ip("-6 address change 2001:db8::5 peer 2001:db8::6/128 dev a")
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

// R4: joining and leaving a bridge is no link event of the port. The kernel sends an RTM_DELLINK of family AF_BRIDGE
// while the interface lives on.
func TestNetnsR4Bridge(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.ip("link add name br type bridge")
	k.ip("link set dev a up")
	k.ip("link set dev b up")
	k.until("link.up a")
	k.about("a")
	for range 100 {
		k.ip("link set dev a master br")
		k.ip("link set dev a nomaster")
	}
	k.expect(strings.Repeat("interface.state a carrier>enslaved\ninterface.state a enslaved>carrier\n", 100), "a")

	// A bridge is up with its first port, and degraded while a port has no carrier.
	k.ip("link set dev br addrgenmode none")
	k.ip("link set dev br up")
	k.ip("link set dev a master br")
	k.until("link.up br")
	k.veth("c", "d")
	k.ip("link set dev c master br")
	k.until("interface.state br carrier>degraded-carrier")
	k.ip("link del dev c")
	k.until("interface.state br degraded-carrier>carrier")
	k.ip("link del dev br")
	k.until("link.removed br")
	k.until("interface.state a enslaved>carrier")
}

// A tun's operational state is unknown for good: it is up with its lower layer, which is the program behind it.
func TestNetnsTun(t *testing.T) {
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil && !nstest.Required("netns") {
		t.Skipf("no tun can be made here: %v", err)
	} else if err == nil {
		f.Close()
	}
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.ip("tuntap add t0 mode tun")
	k.ip("link set dev t0 addrgenmode none")
	k.ip("link set dev t0 up")
	k.expect("link.added t0\ninterface.state t0 missing>off\ninterface.state t0 off>no-carrier", "t0")
	fd := openTun(t, "t0")
	k.until("link.up t0")
	k.expect("link.up t0\ninterface.state t0 no-carrier>carrier", "t0")
	unix.Close(fd)
	k.until("link.down t0")
	k.ip("tuntap del t0 mode tun")
	k.until("link.removed t0")
}

func openTun(t *testing.T, name string) int {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open /dev/net/tun: %v", err)
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		t.Fatalf("TUNSETIFF: %v", err)
	}
	return fd
}

// R7: names are used again; every interface that comes goes once, under the name it had.
func TestNetnsR7Names(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	const rounds = 50
	for range rounds {
		k.ip("link add name a type veth peer name b")
		k.ip("link set dev a name c")
		k.ip("link del dev c")
	}
	k.mark()
	count := map[string]int{}
	for _, e := range k.seen {
		count[show(e)]++
	}
	for _, want := range []string{"link.added a", "link.renamed c was a", "link.removed c", "link.added b", "link.removed b"} {
		if count[want] != rounds {
			t.Errorf("%q came %d times, want %d", want, count[want], rounds)
		}
	}
}

// R1: messages that the kernel had to drop leave the right state behind, told as a net difference after hookd.lost.
func TestNetnsR1Overrun(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	var stuck atomic.Bool
	freed := make(chan struct{})
	slow := New(nil)
	slow.buffer = 4096
	slow.stall = func() {
		if stuck.Load() {
			<-freed
		}
	}
	k := listenTo(t, slow)
	k.veth("a", "b")
	k.veth("gone", "gone-peer")
	k.ip("link set dev b up")
	k.mark()
	stuck.Store(true) // the reader stands still while its buffer overflows
	for range 300 {
		k.ip("link set dev a down")
		k.ip("link set dev a up")
	}
	k.ip("link del dev gone")
	k.ip("link add name new type veth peer name new-peer")
	stuck.Store(false)
	close(freed)
	k.until("hookd.lost")
	k.until("link.removed gone")
	k.until("link.added new")
	k.mark()
	fresh := listen(t)
	fresh.number = 1
	fresh.mark()
	k.mark()
	if k.source.Overruns() == 0 {
		t.Error("no overrun was counted")
	}
	if diff := cmp.Diff(lastStates(fresh.seen), lastStates(k.seen)); diff != "" {
		t.Errorf("states after the overrun (-fresh +ours):\n%s", diff)
	}
}

// R2: while interfaces come and go, every dump is interrupted. What such dumps do not find out is found out afterwards.
func TestNetnsR2Churn(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	var add, del, churn strings.Builder
	for i := range 300 {
		fmt.Fprintf(&add, "link add name d%d type veth peer name e%d\n", i, i)
	}
	for i := range 20 {
		fmt.Fprintf(&del, "link del dev d%d\n", i)
	}
	for i := range 400 {
		fmt.Fprintf(&churn, "link add name c%d type veth peer name f%d\nlink del dev c%d\n", i, i, i)
	}
	batch(t, add.String())
	var stuck atomic.Bool
	freed := make(chan struct{})
	slow := New(nil)
	slow.buffer = 4096
	slow.stall = func() {
		if stuck.Load() {
			<-freed
		}
	}
	k := listenTo(t, slow)
	stuck.Store(true)
	batch(t, del.String()) // nobody reads this, and the buffer overflows
	churned := make(chan struct{})
	go func() { defer close(churned); batch(t, churn.String()) }()
	time.AfterFunc(20*time.Millisecond, func() { stuck.Store(false); close(freed) })
	<-churned
	for i := range 20 {
		k.until(fmt.Sprintf("link.removed d%d", i))
	}
	k.mark()
	there := map[string]int{}
	for _, e := range k.seen {
		switch e.Name {
		case "link.added":
			there[e.Subject]++
		case "link.removed":
			there[e.Subject]--
		}
	}
	for name, n := range there {
		if gone := !strings.ContainsAny(name[:1], "del") || n != 1; gone && n != 0 {
			t.Errorf("%s: %d more times added than removed", name, n)
		}
	}
}

// batch gives commands to ip(8).
func batch(t *testing.T, commands string) {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("ip -batch: %v\n%s", err, out)
	}
}

// lastStates is the last word told of each interface that is there.
func lastStates(seen []events.Event) map[string]string {
	out := map[string]string{}
	for _, e := range seen {
		if e.Name == "interface.state" {
			to, _ := e.Get("to")
			if out[e.Subject] = to; to == "missing" {
				delete(out, e.Subject)
			}
		}
	}
	return out
}
