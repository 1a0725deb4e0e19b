package networkd

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// recorded is what networkctl of systemd 252 says, with one address from DHCP as systemd 244 writes it.
const recorded = `● 3: nd0                        
                     Link File: n/a
                  Network File: /etc/systemd/network/10-nd.network
                         State: routable (configured)
                          Type: ether
                           MTU: 1500 (min: 68, max: 65535)
      Number of Queues (Tx/Rx): 2/2
                       Address: 192.0.2.1 (DHCP4 via 192.0.2.9)
                                2001:db8::1
                                fe80::ecf8:3aff:fed6:d44e

● 7: 3                        
                          Type: bridge
                       Address: fe80::1
`

func TestParseStatus(t *testing.T) {
	got, ok := parseStatus(recorded, []int{3})
	want := map[int]fields{
		3: {"Link File": {"n/a"}, "Network File": {"/etc/systemd/network/10-nd.network"}, "State": {"routable (configured)"}, "Type": {"ether"},
			"MTU": {"1500 (min: 68, max: 65535)"}, "Number of Queues (Tx/Rx)": {"2/2"},
			"Address": {"192.0.2.1", "2001:db8::1", "fe80::ecf8:3aff:fed6:d44e"}},
		7: {"Type": {"bridge"}, "Address": {"fe80::1"}},
	}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", ok, got)
	}
	if _, ok := parseStatus(recorded, []int{3, 4}); ok {
		t.Error("an answer that lacks one is taken for whole")
	}
}

// An alternative name may hold line ends: what could be another interface's is not believed.
func TestParseStatusForged(t *testing.T) {
	forged := "● 3: a\n  Alternative Names: x\n● 7: 3\n  Address: 192.0.2.66\n\n"
	if got, ok := parseStatus(forged+"● 7: 3\n  Address: 192.0.2.1\n", []int{3, 7}); ok {
		t.Errorf("%v", got)
	}
	for _, text := range []string{"", "\n\n", "● : x\n", "● 3\n", "\x00\xff: \n", "no head: value\n  x: y\n", strings.Repeat("● 3: x\n", 3)} {
		if got, ok := parseStatus(text, []int{3}); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestEvent(t *testing.T) {
	answers, _ := parseStatus(recorded, []int{3})
	e := said{index: 3, name: "n\xffd\"é😀", kind: "x", state: "configured", admin: "configured", oper: "carrier", source: "networkd"}.event(answers[3], nil)
	want := map[string]string{
		"interface": "n\xffd\"é😀", "addr": "192.0.2.1", "ip-addrs": "192.0.2.1", "ip6-addrs": "2001:db8::1", "essid": "",
		"json": `{"Address": ["192.0.2.1", "2001:db8::1", "fe80::ecf8:3aff:fed6:d44e"], "AdministrativeState": "configured", ` +
			`"InterfaceName": "n\ufffdd\"\u00e9\ud83d\ude00", "Link File": ["n/a"], "MTU": ["1500 (min: 68, max: 65535)"], ` +
			`"Network File": ["/etc/systemd/network/10-nd.network"], "Number of Queues (Tx/Rx)": ["2/2"], "OperationalState": "carrier", ` +
			`"State": "carrier (configured)", "Type": "ether"}`,
	}
	for key, value := range want {
		if got, _ := e.Get(key); got != value {
			t.Errorf("%s is %q, not %q", key, got, value)
		}
	}
	bare := said{name: "eth0", kind: "ether", state: "off", admin: "unmanaged", oper: "off"}.event(nil, func() []string { return []string{"127.0.0.1", "fe80::1", "192.0.2.7", "::1"} })
	if got := bare.String(); !strings.Contains(got, ` addr=127.0.0.1 ip-addrs=192.0.2.7 ip6-addrs=::1 essid="" json=`) {
		t.Error(got)
	}
}

func TestEventWireless(t *testing.T) {
	answer := fields{"Type": {"wlan"}, "Wi-Fi access point": {"my (net) (00:11:22:33:44:55)"}}
	e := said{name: "wl0", state: "routable", admin: "configured", oper: "routable"}.event(answer, nil)
	json, _ := e.Get("json")
	if essid, _ := e.Get("essid"); essid != "my (net)" || !strings.Contains(json, `"ESSID": "my (net)"`) {
		t.Errorf("%q %s", essid, json)
	}
}

// No value is longer than a variable of an environment can be, and none holds a NUL.
func TestEventBounds(t *testing.T) {
	many := make([]string, 10000)
	for i := range many {
		many[i] = "2001:db8::1\x00"
	}
	e := said{name: "eth0", state: "routable"}.event(fields{"Address": many}, nil)
	for _, p := range e.Params {
		if len(p.Value) > maxValue || strings.Contains(p.Value, "\x00") || strings.HasSuffix(p.Value, ":") {
			t.Errorf("%s has %d bytes", p.Key, len(p.Value))
		}
	}
}

// fake is a networkctl that is a script.
func fake(t *testing.T, script string) *status {
	t.Helper()
	path := filepath.Join(t.TempDir(), "networkctl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return &status{program: path}
}

// One interface that is gone fails networkctl, and costs the others nothing.
func TestAskOneGone(t *testing.T) {
	s := fake(t, `shift 5
for i; do test "$i" != 4 || exit 1; printf '● %s: x\n  Type: ether\n\n' "$i"; done
`)
	got := s.ask(t.Context(), []int{3, 4, 5}, time.Now())
	if len(got) != 2 || got[3] == nil || got[5] == nil {
		t.Errorf("%v", got)
	}
}

// A networkctl that does not answer costs a second, once.
func TestAskHangs(t *testing.T) {
	s := fake(t, "exec sleep 60\n")
	begin := time.Now()
	if got := s.ask(t.Context(), []int{3, 4, 5}, begin); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if s.ask(t.Context(), []int{3}, time.Now()); !s.again.After(time.Now()) {
		t.Error("it is asked again at once")
	}
}

// A networkctl that knows nobody is not asked about each interface.
func TestAskNobody(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	s := fake(t, "echo >>"+count+"\nexit 1\n")
	many := make([]int, 1000)
	for i := range many {
		many[i] = i + 1
	}
	if got := s.ask(t.Context(), many, time.Now()); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if asked, _ := os.ReadFile(count); len(asked) != askTries {
		t.Errorf("it was asked %d times", len(asked))
	}
}

// The kernel's addresses are read at once for all interfaces.
func TestAddresses(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	list, _ := lo.Addrs()
	var want []string
	for _, a := range list {
		want = append(want, a.(*net.IPNet).IP.String())
	}
	if got := addresses()[lo.Index]; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
