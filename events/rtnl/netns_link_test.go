package rtnl

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hookd/internal/nstest"
)

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

// R7: names are used again and again. Every interface that comes goes once, and whatever goes up goes down, each with its own
// index and with the name that it had at last.
func TestNetnsR7Names(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	const rounds = 500
	batch(t, strings.Repeat(`link add name a type veth peer name b
link set dev a up
link set dev b up
link set dev a down
link set dev a name c
link del dev c
`, rounds))
	k.mark()
	type life struct{ added, up, down, removed []string } // names
	lives := map[string]*life{}                           // by index
	for _, e := range k.seen {
		index := param(e, "index")
		if index == "1" || e.Family() != "link" {
			continue
		}
		if lives[index] == nil {
			lives[index] = &life{}
		}
		l, name := lives[index], param(e, "interface")
		switch e.Name {
		case "link.added":
			l.added = append(l.added, name)
		case "link.up":
			l.up = append(l.up, name)
		case "link.down":
			l.down = append(l.down, name)
		case "link.removed":
			l.removed = append(l.removed, name)
		}
	}
	if len(lives) != 2*rounds {
		t.Errorf("%d interfaces, want %d", len(lives), 2*rounds)
	}
	ups := 0
	for index, l := range lives {
		ups += len(l.up)
		came, went := strings.Join(l.added, " "), strings.Join(l.removed, " ")
		if came+went != "ac" && came+went != "bb" || len(l.up) != len(l.down) || slices.Contains(l.down, "") {
			t.Errorf("index %s: %+v", index, *l)
		}
	}
	if ups == 0 {
		t.Error("no interface ever went up")
	}
}
