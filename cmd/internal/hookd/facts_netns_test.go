package hookd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookd/hookspec"
	"hookd/internal/nstest"
)

// names is a name server for tests: the addresses of each name it knows. For others it says that there is none, and for
// "silent.example." nothing at all.
type names map[string][]string

// serve answers at an address of the loopback until the test ends.
func (n names) serve(t *testing.T) *net.Resolver {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := n.reply(buf[:size]); reply != nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// reply answers one question (RFC 1035, section 4).
func (n names) reply(query []byte) []byte {
	name, at := "", 12
	for query[at] != 0 {
		name += string(query[at+1:at+1+int(query[at])]) + "."
		at += 1 + int(query[at])
	}
	question, kind := query[12:at+5], query[at+2]
	if name == "silent.example." {
		return nil
	}
	var answers []byte
	count := byte(0)
	addrs, known := n[name]
	for _, a := range addrs {
		addr := netip.MustParseAddr(a)
		if addr.Is4() != (kind == 1) {
			continue
		}
		answers = append(answers, 0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(addr.BitLen()/8))
		answers = append(answers, addr.AsSlice()...)
		count++
	}
	code := byte(0)
	if !known {
		code = 3
	}
	return append(append(append([]byte{}, query[0], query[1], 0x84, code, 0, 1, 0, count, 0, 0, 0, 0), question...), answers...)
}

// said writes a fact.
func said(f hookspec.Fact) string {
	word := fmt.Sprint(f.True)
	if f.Unknown {
		word = "unknown"
	}
	if f.Again {
		word = "again"
	}
	return word + ": " + f.Why
}

func TestFactReachable(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	f := newFacts(nil)
	f.resolver = names{"vpn.example.": {"2001:db8::1", "192.0.2.1"}, "far.example.": {"198.51.100.1", "2001:db8::1"}, "empty.example.": nil}.serve(t)
	expect := func(host, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if got := said(f.Reachable(ctx, host)); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	expect("192.0.2.1", "false: 192.0.2.1 is not reachable: there is no route to 192.0.2.1")
	for _, cmd := range []string{"link add near type veth peer name far", "link set near up", "link set far up", "address add 10.1.0.1/24 dev near",
		"route add 192.0.2.0/24 via 10.1.0.2", "route add unreachable 198.51.100.0/24"} {
		nstest.IP(t, strings.Fields(cmd)...)
	}
	until(t, "near to be up", func() bool { return f.InterfaceUp(t.Context(), "near").True })
	expect("192.0.2.1", "true: 192.0.2.1 is reachable over near by the gateway 10.1.0.2")
	expect("10.1.0.9", "true: 10.1.0.9 is reachable over near")
	expect("vpn.example", "true: vpn.example (192.0.2.1) is reachable over near by the gateway 10.1.0.2")
	f1 := f.Reachable(t.Context(), "far.example")
	if f1.True || f1.Again || !strings.Contains(f1.Why, "far.example (198.51.100.1) is not reachable: there is no route to 198.51.100.1: it is unreachable") ||
		!strings.Contains(f1.Why, "far.example (2001:db8::1) is not reachable: there is no route to 2001:db8::1") {
		t.Error(said(f1))
	}
	for _, host := range []string{"nosuch.example", "empty.example"} {
		if got := said(f.Reachable(t.Context(), host)); !strings.HasPrefix(got, "again: the name "+host+" was not resolved: ") {
			t.Error(got)
		}
	}
	for _, host := range []string{"-c", "a b", "/etc/passwd", "$(id)", "ä.example", "a..b", ".", "a\nb", "10.0.0.1/8"} {
		if got := said(f.Reachable(t.Context(), host)); !strings.HasPrefix(got, "false: ") || !strings.HasSuffix(got, " is neither an address nor the name of a host") {
			t.Error(got)
		}
	}
	nstest.IP(t, "link", "set", "far", "down")
	until(t, "near to have no carrier", func() bool { return !f.InterfaceUp(t.Context(), "near").True })
	expect("192.0.2.1", "false: 192.0.2.1 is not reachable: the route leads over near by the gateway 10.1.0.2, which is not up")
}

// A name server that says nothing does not hold anybody up longer than asked for.
func TestFactReachableSilence(t *testing.T) {
	f := newFacts(nil)
	f.resolver = names{}.serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	const want = "again: the name silent.example was not resolved: no answer came in time"
	if got := said(f.Reachable(ctx, "silent.example")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFactInterfaceUp(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	f := newFacts(nil)
	nstest.IP(t, "link", "add", "near", "type", "veth", "peer", "name", "far")
	for name, want := range map[string]string{"lo": "true: lo is up", "near": "false: near is not up", "no such": `false: there is no interface "no such"`} {
		if got := said(f.InterfaceUp(t.Context(), name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestFactPathExists(t *testing.T) {
	f := newFacts(nil)
	dir := t.TempDir()
	file := filepath.Join(dir, "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: fmt.Sprintf("true: %q is there", file), dir: "true: " + dir + " is there", dir + "/x": "false: there is no " + dir + "/x",
		file + "/x": fmt.Sprintf("false: there is no %q", file+"/x"), loop: "unknown: " + loop + " cannot be asked about: " + unix.ELOOP.Error()} {
		if got := said(f.PathExists(t.Context(), path)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// File systems that do not answer hold up nobody, and only so many questions wait for them.
func TestFactPathHangs(t *testing.T) {
	f := newFacts(nil)
	for range maxStats {
		f.stats <- struct{}{}
	}
	if got := said(f.PathExists(t.Context(), "/")); got != "again: too many paths were asked about that do not answer" {
		t.Error(got)
	}
	<-f.stats
	if got := said(f.PathExists(t.Context(), "/")); got != "true: / is there" {
		t.Error(got)
	}
	until(t, "the place to be free again", func() bool { return len(f.stats) == maxStats-1 })
}

// someUnits are units that are active, or not; of a unit that is broken nobody can tell.
type someUnits map[string]bool

func (u someUnits) Active(_ context.Context, unit string) (active, known bool, err error) {
	if unit == "broken.service" {
		return false, false, errors.New("the bus is gone")
	}
	active, known = u[unit]
	return active, known, nil
}

func TestFactUnitActive(t *testing.T) {
	f := newFacts(someUnits{"a.service": true, "b.service": false})
	for unit, want := range map[string]string{"a.service": "true: a.service is active", "b.service": "false: b.service is not active",
		"c.service": "false: there is no unit c.service", "broken.service": "again: cannot ask for the state of broken.service: the bus is gone"} {
		if got := said(f.UnitActive(t.Context(), unit)); got != want {
			t.Errorf("%s: %s, want %s", unit, got, want)
		}
	}
	if got := said(newFacts(nil).UnitActive(t.Context(), "a.service")); got != "unknown: there is no service manager to ask about a.service" {
		t.Error(got)
	}
}

var _ hookspec.Facts = (*facts)(nil)

// until waits for what must come.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for " + what)
		}
	}
}
