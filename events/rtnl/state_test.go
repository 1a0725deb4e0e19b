package rtnl

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// show writes an event in few words: name, subject and what distinguishes it.
func show(e events.Event) string {
	get := func(k string) string { v, _ := e.Get(k); return v }
	switch e.Family() {
	case "address":
		return fmt.Sprintf("%s %s %s/%s", e.Name, e.Subject, get("address"), get("prefix-length"))
	case "interface":
		return fmt.Sprintf("%s %s %s>%s", e.Name, e.Subject, get("from"), get("to"))
	case "default-route":
		s := fmt.Sprintf("%s %s %s via %s metric %s", e.Name, get("family"), get("interface"), get("gateway"), get("metric"))
		if old, there := e.Get("old-metric"); there {
			s += fmt.Sprintf(" was %s via %s metric %s", get("old-interface"), get("old-gateway"), old)
		}
		return s
	case "route":
		return strings.Join(words(e, "destination", "table", "type", "protocol", "interface", "gateway", "metric"), " ")
	case "neighbor":
		return strings.Join(words(e, "address", "interface", "mac", "router"), " ")
	case "link":
		if old, there := e.Get("old-interface"); there {
			return e.Name + " " + e.Subject + " was " + old
		}
		return e.Name + " " + e.Subject
	}
	return e.Name
}

// words are the event's name and the values of some parameters; - for one that it does not carry.
func words(e events.Event, keys ...string) []string {
	out := []string{e.Name}
	for _, k := range keys {
		v, there := e.Get(k)
		if !there {
			v = "-"
		}
		out = append(out, v)
	}
	return out
}

func showAll(list []events.Event) string {
	var lines []string
	for _, e := range list {
		lines = append(lines, show(e))
	}
	return strings.Join(lines, "\n")
}

func addr(prefix string, scope uint8) Addr {
	p := netip.MustParsePrefix(prefix)
	return Addr{Addr: p.Addr(), Bits: p.Bits(), Scope: scope}
}

const upFlags = unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING

// TestState is the mapping of systemd-networkd (networkctl(1)), from what the kernel tells.
func TestState(t *testing.T) {
	global, local, host := addr("10.0.0.1/24", unix.RT_SCOPE_UNIVERSE), addr("fe80::1/64", unix.RT_SCOPE_LINK), addr("127.0.0.1/8", unix.RT_SCOPE_HOST)
	for _, test := range []struct {
		want  string
		link  Link
		port  *Link
		addrs []Addr
	}{
		{"off", Link{}, nil, nil},
		{"off", Link{}, nil, []Addr{global}},
		{"no-carrier", Link{Flags: unix.IFF_UP, Oper: 2}, nil, nil},
		{"no-carrier", Link{Flags: unix.IFF_UP, Oper: 3}, nil, []Addr{global}},
		{"dormant", Link{Flags: upFlags, Oper: operDormant}, nil, []Addr{global}},
		{"carrier", Link{Flags: upFlags, Oper: operUp}, nil, nil},
		{"carrier", Link{Flags: upFlags, Oper: operUnknown}, nil, []Addr{host}},
		{"degraded", Link{Flags: upFlags, Oper: operUp}, nil, []Addr{local}},
		{"routable", Link{Flags: upFlags, Oper: operUp}, nil, []Addr{local, global}},
		{"enslaved", Link{Flags: upFlags, Oper: operUp, Master: 9}, nil, nil},
		{"enslaved", Link{Flags: upFlags, Oper: operUp, Master: 9}, nil, []Addr{local}},
		{"routable", Link{Flags: upFlags, Oper: operUp, Master: 9}, nil, []Addr{global}},
		{"carrier", Link{Flags: upFlags, Oper: operUp}, &Link{Flags: upFlags, Oper: operUp}, nil},
		{"degraded-carrier", Link{Flags: upFlags, Oper: operUp}, &Link{}, nil},
		{"degraded", Link{Flags: upFlags, Oper: operUp}, &Link{}, []Addr{local}},
		{"routable", Link{Flags: upFlags, Oper: operUp}, &Link{}, []Addr{global}},
		{"no-carrier", Link{Flags: unix.IFF_UP, Oper: 2}, &Link{}, nil},
	} {
		tab := newTable()
		test.link.Index, test.link.Name = 1, "a"
		tab.newLink(test.link)
		if test.port != nil {
			test.port.Index, test.port.Name, test.port.Master = 2, "p", 1
			tab.newLink(*test.port)
		}
		for _, a := range test.addrs {
			tab.newAddr(1, a, true)
		}
		if got := tab.view(1).state; got != test.want {
			t.Errorf("%+v with %v: %s, want %s", test.link, test.addrs, got, test.want)
		}
	}
}

func TestDiffView(t *testing.T) {
	off := view{Traits: Traits{Index: 2, Name: "e", MTU: 1500}, there: true, state: "off"}
	up := off
	up.up, up.state = true, "carrier"
	routable := up
	routable.addrs, routable.state = []Addr{addr("10.0.0.1/24", 0)}, "routable"
	change := func(v view, f func(*view)) view { f(&v); return v }
	missing := view{state: "missing"}
	for _, test := range []struct {
		name     string
		old, now view
		want     string
	}{
		{"nothing", up, up, ""},
		{"appears", missing, off, "link.added e\ninterface.state e missing>off"},
		{"appears in use", missing, routable, "link.added e\nlink.up e\naddress.added e 10.0.0.1/24\ninterface.state e missing>routable"},
		{"goes up", off, up, "link.up e\ninterface.state e off>carrier"},
		{"goes", routable, missing, "address.removed e 10.0.0.1/24\nlink.down e\ninterface.state e routable>missing\nlink.removed e"},
		{"renamed", up, change(up, func(v *view) { v.Name = "f" }), "link.renamed f was e"},
		{"renamed and down", up, change(off, func(v *view) { v.Name = "f" }), "link.down e\nlink.renamed f was e\ninterface.state f carrier>off"},
		{"mtu", up, change(up, func(v *view) { v.MTU = 9000 }), "link.changed e"},
		{"enslaved", up, change(up, func(v *view) { v.master, v.state = "br0", "enslaved" }), "interface.state e carrier>enslaved"},
		{"address replaced", routable, change(routable, func(v *view) { v.addrs = []Addr{addr("10.0.0.2/24", 0)} }),
			"address.removed e 10.0.0.1/24\naddress.added e 10.0.0.2/24"},
		{"address deprecated", routable, change(routable, func(v *view) {
			v.addrs = []Addr{{Addr: v.addrs[0].Addr, Bits: 24, Deprecated: true}}
		}), "address.changed e 10.0.0.1/24"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, showAll(diffView(test.old, test.now))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every event that the source makes carries parameters of the table only, all that the table promises, none of them
// empty, and the subject that the table would give it.
func TestEventsFollowTheTable(t *testing.T) {
	full := view{Traits: Traits{Index: 2, Name: "e", MTU: 1500, Type: "ether"}, there: true, up: true, state: "routable",
		addrs: []Addr{addr("10.0.0.1/24", 0), addr("fe80::1/64", unix.RT_SCOPE_LINK)}}
	renamed := full
	renamed.Name, renamed.MTU = "f", 9000
	renamed.addrs = []Addr{{Addr: full.addrs[0].Addr, Bits: 24, Deprecated: true}}
	gw := netip.MustParseAddr("10.0.0.2")
	w := world{online: true}
	w.def[0] = best{true, "e", gw, 100, 2}
	other := w
	other.def[0].metric = 5
	all := [][]events.Event{diffView(view{state: "missing"}, full), diffView(full, renamed), diffView(renamed, view{state: "missing"}),
		diffWorld(world{}, w), diffWorld(w, other), diffWorld(other, world{}), comeAndGo()}
	seen := map[string]bool{}
	for _, list := range all {
		for _, e := range list {
			seen[e.Name] = true
			again, err := events.New(e.Name, e.Params)
			if err != nil {
				t.Errorf("%s: %v", show(e), err)
			}
			if diff := cmp.Diff(again.Subjects(), e.Subjects()); diff != "" {
				t.Errorf("%s: subjects (-table +source):\n%s", show(e), diff)
			}
			checkParams(t, e)
		}
	}
	for _, s := range events.Table() {
		family, _, _ := strings.Cut(s.Name, ".")
		kernels := slices.Contains([]string{"link", "address", "interface", "default-route", "route", "neighbor", "network"}, family)
		if kernels && !seen[s.Name] {
			t.Errorf("no test makes %s", s.Name)
		}
	}
}

func checkParams(t *testing.T, e events.Event) {
	t.Helper()
	spec, _ := events.Lookup(e.Name)
	for _, p := range spec.Params {
		if v, there := e.Get(p.Name); (!there && !p.Optional) || there && v == "" {
			t.Errorf("%s: parameter %s is %q, %v", show(e), p.Name, v, there)
		}
	}
}

// Where names were used again behind lost messages, the one that had a name gives it up before another one gets it.
func TestTellOrder(t *testing.T) {
	for _, test := range []struct {
		name      string
		told, now map[int]string
		want      string
	}{
		{"gone and taken over", map[int]string{3: "v1", 5: "v2"}, map[int]string{3: "v2"},
			"interface.state v2 off>missing\nlink.removed v2\nlink.renamed v2 was v1"},
		{"passed on", map[int]string{3: "a", 5: "b"}, map[int]string{3: "b", 5: "c"}, "link.renamed c was b\nlink.renamed b was a"},
		{"made anew", map[int]string{3: "a"}, map[int]string{7: "a"},
			"interface.state a off>missing\nlink.removed a\nlink.added a\ninterface.state a missing>off"},
		{"new one with a name that was given up", map[int]string{9: "a"}, map[int]string{2: "a", 9: "b"},
			"link.renamed b was a\nlink.added a\ninterface.state a missing>off"},
		{"swapped", map[int]string{3: "a", 5: "b"}, map[int]string{3: "b", 5: "a"}, "link.renamed a was b\nlink.renamed b was a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(nil)
			for _, names := range []map[int]string{test.told, test.now} {
				s.table, s.queue = newTable(), nil
				for index, name := range names {
					s.table.newLink(Link{Traits: Traits{Index: index, Name: name}})
				}
				for _, m := range []map[int]string{test.told, test.now} {
					for index := range m {
						s.touched[index] = true
					}
				}
				s.tell()
			}
			if diff := cmp.Diff(test.want, showAll(s.queue)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkDiff(b *testing.B) {
	t := newTable()
	for i := range 1000 {
		t.newLink(Link{Traits: Traits{Index: i + 1, Name: fmt.Sprintf("veth%d", i), MTU: 1500}, Flags: upFlags, Oper: operUp})
	}
	l := t.ifaces[500].Link
	s := New(nil)
	s.table, s.origin = t, events.SourceKernel
	s.tell()
	for b.Loop() {
		l.Oper ^= operUp ^ 2
		for _, index := range t.newLink(l).ifaces {
			s.touched[index] = true
		}
		s.tell()
		s.queue = s.queue[:0]
	}
}
