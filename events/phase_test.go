package events

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// of makes an event of words such as a person would write.
func of(t *testing.T, words string) Event {
	t.Helper()
	f := strings.Fields(words)
	var params []Param
	for _, w := range f[1:] {
		k, v, _ := strings.Cut(w, "=")
		params = append(params, Param{k, v})
	}
	e, err := New(f[0], params)
	if err != nil {
		t.Fatal(err)
	}
	e.Source = SourceKernel
	return e
}

func TestPhase(t *testing.T) {
	for _, test := range []struct{ event, topic, before, after string }{
		{"link.up interface=a index=4", "up 4", "", "up"},
		{"link.down interface=a index=4", "up 4", "up", ""},
		{"link.up interface=a", "up a", "", "up"},
		{"link.added interface=a index=4 mtu=9", "link 4", "", `a "" 9 "" `},
		{"link.changed interface=a index=4 mtu=8", "link 4", "?", `a "" 8 "" `},
		{"link.renamed interface=b old-interface=a index=4 mtu=8", "link 4", "?", `b "" 8 "" `},
		{"link.removed interface=b index=4 mtu=8", "link 4", `b "" 8 "" `, ""},
		{"address.added interface=a index=4 address=192.0.2.1 prefix-length=24 scope=global", "address 4 192.0.2.1 24 ", "", `"" global "" "" `},
		{"address.removed interface=a index=4 address=192.0.2.1 prefix-length=24 scope=global", "address 4 192.0.2.1 24 ", `"" global "" "" `, ""},
		{"interface.state interface=a index=4 from=missing to=routable", "interface 4", "", "routable"},
		{"interface.state interface=a index=4 from=routable to=missing", "interface 4", "routable", ""},
		{"default-route.changed family=ipv4 interface=b gateway=192.0.2.2 metric=1 old-interface=a old-metric=2", "default-route ipv4", `a "" 2 `, "b 192.0.2.2 1 "},
		{"network.online", "network", "", "online"},
		{"network.offline", "network", "online", ""},
		{"service.starting service=vpn instance=a", "service vpn a ", "", ""},
		{"service.started service=vpn instance=a", "service vpn a ", "", "running"},
		{"service.failed service=vpn instance=a restarting=yes", "service vpn a ", "running", ""},
		{"service.stopping service=vpn instance=a", "service vpn a ", "running", ""},
		{"service.stopped service=vpn instance=a", "service vpn a ", "", ""},
		{"user.x a=b", "user.x user/x", "none", "none"},
		{"hook.failed hook=a", "hook.failed hook/a", "none", "none"},
	} {
		e := of(t, test.event)
		p, ok := e.Phase()
		if !ok {
			p = Phase{e.Topic(), "none", "none"}
		}
		if diff := cmp.Diff(Phase{test.topic, test.before, test.after}, p); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.event, diff)
		}
		if words := strings.Fields(p.Topic); ok && words[0] != Kind(e.Name) {
			t.Errorf("%s: kind %s, topic %s", test.event, Kind(e.Name), p.Topic)
		}
	}
}

func TestNet(t *testing.T) {
	const a, b = " family=ipv4 interface=a gateway=192.0.2.1 metric=1", " family=ipv4 interface=b gateway=192.0.2.2 metric=2"
	const oldA = " old-interface=a old-gateway=192.0.2.1 old-metric=1"
	const oldB = " old-interface=b old-gateway=192.0.2.2 old-metric=2"
	const addr = " interface=a index=4 address=192.0.2.1 prefix-length=24"
	for _, test := range []struct{ first, last, want string }{
		{"link.down interface=a", "link.up interface=a", ""},
		{"link.down interface=a", "link.down interface=a", "link.down interface=a"},
		{"link.up interface=a", "link.up interface=a mtu=9", "link.up interface=a mtu=9"},
		{"interface.state interface=a from=carrier to=routable", "interface.state interface=a from=routable to=degraded", "interface.state interface=a from=carrier to=degraded"},
		{"interface.state interface=a from=carrier to=routable", "interface.state interface=a from=routable to=carrier", ""},
		{"default-route.removed" + a, "default-route.added" + b, "default-route.changed" + b + oldA},
		{"default-route.removed" + a, "default-route.added" + a, ""},
		{"default-route.changed" + b + oldA, "default-route.changed" + a + oldB, ""},
		{"default-route.changed" + b + oldA, "default-route.removed" + b, "default-route.removed" + a},
		{"default-route.added" + a, "default-route.changed" + b + oldA, "default-route.added" + b},
		{"default-route.added" + a, "default-route.removed" + a, ""},
		{"address.removed" + addr + " scope=global", "address.added" + addr + " scope=site", "address.changed" + addr + " scope=site"},
		{"address.removed" + addr, "address.added" + addr, ""},
		{"address.added" + addr, "address.changed" + addr + " scope=site", "address.added" + addr + " scope=site"},
		{"address.changed" + addr, "address.removed" + addr, "address.removed" + addr},
		{"link.added interface=a index=4", "link.renamed interface=b index=4 old-interface=a", "link.added interface=b index=4"},
		{"link.removed interface=a index=4 mtu=8", "link.added interface=a index=4 mtu=9", "link.changed interface=a index=4 mtu=9"},
		{"network.offline", "network.online", ""},
		{"user.x a=1", "user.x a=2", "user.x a=2"},
	} {
		first, last := of(t, test.first), of(t, test.last)
		first.Time, last.Time = time.Unix(1, 0), time.Unix(2, 0)
		got, changed := Net(first, last)
		text := got.String()
		if !changed {
			text = ""
		}
		if text != test.want {
			t.Errorf("%s, %s:\n got %s\nwant %s", test.first, test.last, text, test.want)
		}
	}
}

// What was told comes back as the events that lead there from nothing, with the names of now.
func TestTold(t *testing.T) {
	told := NewTold()
	emitted := of(t, "link.up interface=forged index=9")
	emitted.Source = SourceEmit
	told.Put(emitted)
	const route = "default-route.changed family=ipv4 interface=b gateway=192.0.2.1 metric=5 old-interface=z old-metric=1"
	for _, words := range []string{
		"link.added interface=a index=4 type=ether mtu=1500", "link.added interface=gone index=5 type=ether mtu=1500", "link.up interface=gone index=5",
		"link.up interface=a index=4 type=ether mtu=1500", "interface.state interface=a index=4 from=missing to=carrier mtu=1500",
		"address.added interface=a index=4 address=192.0.2.7 prefix-length=24 scope=global",
		"address.changed interface=a index=4 address=192.0.2.7 prefix-length=24 scope=site",
		"interface.state interface=a index=4 from=carrier to=routable master=m", "link.renamed interface=b index=4 type=ether mtu=1400 old-interface=a",
		"link.down interface=gone index=5", "link.removed interface=gone index=5 mtu=1500",
		strings.Replace(route, "interface=b ", "interface=early ", 1), "link.renamed interface=b index=4 type=ether mtu=1400 old-interface=early",
		"route.added family=ipv6 destination=fe80::/64 table=254 type=unicast interface=b", "route.added family=ipv6 destination=fe80::/64 table=254 type=unicast interface=c",
		"route.removed family=ipv6 destination=fe80::/64 table=254 type=unicast interface=b", "network.online", "user.x", "network.offline", "network.online",
	} {
		told.Put(of(t, words))
	}
	var got []string
	for _, e := range told.List(time.Unix(3, 0)) {
		got = append(got, e.Subject+": "+e.String())
		if e.Source != SourceStart {
			t.Errorf("%s: source %s", e, e.Source)
		}
	}
	want := []string{
		"b: link.added interface=b index=4 type=ether mtu=1400",
		"b: link.up interface=b index=4 type=ether mtu=1400",
		"b: address.added interface=b index=4 address=192.0.2.7 prefix-length=24 scope=site mtu=1400",
		"b: interface.state interface=b index=4 from=missing to=routable master=m mtu=1400",
		"route/fe80::/64: route.added family=ipv6 destination=fe80::/64 table=254 type=unicast interface=c",
		"default-route/ipv4: default-route.added family=ipv4 interface=b gateway=192.0.2.1 metric=5",
		"network/: network.online",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for words, holds := range map[string]bool{"link.up interface=a index=4": true, "link.down interface=a index=4": false, "link.up interface=gone index=5": false,
		"link.down interface=gone index=5": true, "interface.state interface=a index=4 from=off to=routable": true, "user.x": true} {
		if told.Holds(of(t, words)) != holds {
			t.Errorf("%s: holds is %v", words, !holds)
		}
	}
	told.Forget("default-route")
	if n := len(told.List(time.Now())); n != 6 {
		t.Errorf("%d events after forgetting a family", n)
	}
}
