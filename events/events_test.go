package events

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		glob string
		yes  []string
		no   []string
	}{
		{"eth0", []string{"eth0"}, []string{"eth", "eth00", "xeth0", ""}},
		{"", []string{""}, []string{"a"}},
		{"*", []string{"", "a", "a/b", "\xff\n"}, nil},
		{"e*0", []string{"e0", "eth0", "e/0", "e00"}, []string{"eth1", "0", "e"}},
		{"*a*b*", []string{"ab", "xaxbx", "aab"}, []string{"ba", "a", "b"}},
		{"?", []string{"a", "\xff", "/"}, []string{"", "ab", "é"}},
		{"[a-c]x", []string{"ax", "cx"}, []string{"dx", "x"}},
		{"[!a-c]x", []string{"dx", "\xffx"}, []string{"ax", "x"}},
		{"[^a]", []string{"b"}, []string{"a"}},
		{"[]a]", []string{"]", "a"}, []string{"b"}},
		{"[a-]", []string{"a", "-"}, []string{"b"}},
		{`\*\?\[\\`, []string{`*?[\`}, []string{"a"}},
		{`a\x20b\sc\td`, []string{"a b c\td"}, nil},
		{`\xff`, []string{"\xff"}, []string{"ÿ"}},
		{"é", []string{"é"}, []string{"e"}},
	} {
		g, err := ParseGlob(test.glob)
		if err != nil {
			t.Errorf("%q: %v", test.glob, err)
			continue
		}
		again, err := ParseGlob(g.String())
		if err != nil || again.String() != g.String() {
			t.Errorf("%q is written %q, which is read as %q, %v", test.glob, g, again, err)
		}
		for _, s := range test.yes {
			if !g.Match(s) || !again.Match(s) {
				t.Errorf("%q does not match %q", test.glob, s)
			}
		}
		for _, s := range test.no {
			if g.Match(s) || again.Match(s) {
				t.Errorf("%q matches %q", test.glob, s)
			}
		}
	}
}

// A pattern that makes backtracking matchers slow must not make this one so.
func TestGlobManyStars(t *testing.T) {
	g, err := ParseGlob(strings.Repeat("a*", 200) + "b")
	if err != nil || g.Match(strings.Repeat("a", 20000)) {
		t.Errorf("matched, or %v", err)
	}
}

func event(t testing.TB, words string) Event {
	t.Helper()
	f := strings.Fields(words)
	var params []Param
	for _, w := range f[1:] {
		k, v, _ := strings.Cut(w, "=")
		params = append(params, Param{k, v})
	}
	e, err := New(f[0], params)
	if err != nil {
		t.Fatalf("event %q: %v", words, err)
	}
	return e
}

func TestPattern(t *testing.T) {
	const up = "link.up interface=eth0 kind=veth"
	for _, test := range []struct {
		pattern, event string
		want           bool
	}{
		{"link.up", up, true},
		{"link.down", up, false},
		{"link.*", up, true},
		{"*", up, true},
		{"*.up", up, true},
		{"link.up interface=eth0", up, true},
		{"link.up interface=wl*", up, false},
		{"link.up interface=wl* interface=eth*", up, true},    // one key: alternatives
		{"link.up interface=eth* kind=bridge", up, false},     // different keys: all
		{"link.up interface=eth* interface!=eth0", up, false}, // every != must hold
		{"link.up interface!=wl* interface!=en*", up, true},   //
		{"link.up alias=*", up, false},                        // absent fails =
		{"link.up alias!=*", up, true},                        // absent satisfies !=
		{"link.up alias=* alias=x interface=eth0", up, false}, //
		{"*", "hook.finished hook=a", false},                  // named outright only
		{"hook.*", "hook.finished hook=a", true},              //
		{"*", "hookd.started", false},                         //
		{"hookd.*", "hookd.started", true},                    //
		{"*", "route.added destination=10.0.0.0/8", false},    //
		{"*.removed", "neighbor.removed", false},              //
		{"*", "networkd.routable", false},                     //
		{"networkd.*", "networkd.routable", true},             //
		{"route.*", "route.removed table=254", true},          //
		{"route.added table=254", "route.added table=9", false},
		{"neighbor.*", "neighbor.added address=10.0.0.1", true},
		{"neighbor.added router=yes", "neighbor.added", false},
		{"user.*", "user.hello", true},                 //
		{"user.hel*", "user.hello", true},              //
		{"user.hel*", "user.bye", false},               //
		{"*", "user.hello", true},                      //
		{"user.hello any=1", "user.hello any=1", true}, //
		{"default-route.* family=ipv4", "default-route.added family=ipv4", true},
		{"interface.state to=routable", "interface.state from=carrier to=routable", true},
	} {
		p, err := ParsePattern(strings.Fields(test.pattern))
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		if got := p.Match(event(t, test.event)); got != test.want {
			t.Errorf("%s against %s: %v (%s)", test.pattern, test.event, got, p.Against(event(t, test.event)))
		}
		if again, err := ParsePattern(strings.Fields(p.String())); err != nil || again.String() != p.String() {
			t.Errorf("%s is written %s, which is read as %s, %v", test.pattern, p, again, err)
		}
	}
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name   string
		params []Param
		want   string
	}{
		{"link.up", []Param{{"interface", "eth0"}}, ""},
		{"user.a-b.c", []Param{{"x1", ""}}, ""},
		{"link.upp", nil, "unknown event link.upp (did you mean link.up?)"},
		{"link.*", nil, "unknown event link.* (did you mean link.up?)"},
		{"user.*", nil, "unknown event user.* (write user. and a name of letters a-z, digits and -)"},
		{"route.changed", nil, "unknown event route.changed (did you mean route.added?)"},
		{"dbus.signal", nil, "unknown event dbus.signal (the events dbus.* are not in this version)"},
		{"../../x", nil, "unknown event ../../x"},
		{"", nil, `unknown event ""`},
		{"link.up", []Param{{"ifname", "x"}}, "link.up has no parameter ifname"},
		{"link.up", []Param{{"mtuu", "x"}}, "link.up has no parameter mtuu (did you mean mtu?)"},
		{"link.up", []Param{{"A B", "x"}}, `"A B" is no parameter name: letters a-z, digits and -, a letter first`},
		{"link.up", []Param{{"mtu", "1"}, {"mtu", "2"}}, "parameter mtu is given twice"},
		{"link.up", []Param{{"alias", "a\x00b"}}, "parameter alias holds a NUL byte"},
	} {
		_, err := New(test.name, test.params)
		if got := message(err); got != test.want {
			t.Errorf("New(%q, %q): %q, want %q", test.name, test.params, got, test.want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Subjects of different kinds never meet: no interface has a slash in its name.
func TestSubjects(t *testing.T) {
	for words, want := range map[string][]string{
		"link.up interface=eth0":                               {"eth0"},
		"link.renamed interface=wan old-interface=eth0":        {"wan", "eth0"},
		"address.added interface=eth0":                         {"eth0"},
		"default-route.changed family=ipv6 old-interface=eth0": {"default-route/ipv6"},
		"network.online":                                       {"network/"},
		"route.added destination=10.0.0.0/8 interface=eth0":    {"route/10.0.0.0/8"},
		"neighbor.removed address=fe80::1 interface=eth0":      {"neighbor/fe80::1"},
		"hook.failed hook=a":                                   {"hook/a"},
		"hookd.started":                                        {"hookd/"},
		"user.hello":                                           {"user/hello"},
	} {
		if diff := cmp.Diff(want, event(t, words).Subjects()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", words, diff)
		}
	}
}

func TestTeardown(t *testing.T) {
	for words, want := range map[string]bool{
		"link.up":          false,
		"link.down":        true,
		"address.removed":  true,
		"network.offline":  true,
		"route.added":      false,
		"route.removed":    true,
		"neighbor.removed": true,
		"interface.state from=carrier to=routable": false,
		"interface.state from=routable to=off":     true,
		"interface.state from=off to=missing":      true,
		"user.x":                                   false,
	} {
		if got := event(t, words).Teardown(); got != want {
			t.Errorf("%s: %v", words, got)
		}
	}
}

func TestJSON(t *testing.T) {
	e := event(t, "link.up interface=eth0")
	e.Params = append(e.Params, Param{"alias", "\xff"})
	e.Source, e.Cause = SourceHook, []Cause{{"r1", "a"}}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"event":"link.up","subject":"eth0","source":"hook","time":"0001-01-01T00:00:00Z",` +
		`"parameters":{"alias":{"base64":"/w=="},"interface":"eth0"},"cause":[{"run":"r1","hook":"a"}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back Event
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// S17: nothing that reaches a terminal or a log holds a raw control byte, whatever the kernel accepts as a name.
func TestShow(t *testing.T) {
	for in, want := range map[string]string{
		"eth0": "eth0", "": `""`, "a b": `"a b"`, "\x1b[31m": `"\x1b[31m"`, "a\nb": `"a\nb"`, "\xff\xfe": `"\xff\xfe"`,
		"\u202e": `"\u202e"`, `a"b`: `"a\"b"`, "$(id)": "$(id)", "é": "é", "\x01": `"\x01"`, "\x7f": `"\x7f"`,
	} {
		if got := Show(in); got != want {
			t.Errorf("Show(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"After", "Before", "Requires", "Timeout", "User"}
	for word, want := range map[string]string{"Afer": "After", "TimeOut": "Timeout", "Usr": "User", "Zzzzzz": "", "Required": "Requires"} {
		if got := Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func BenchmarkPattern(b *testing.B) {
	p, err := ParsePattern(strings.Fields("interface.state to=routable interface=en* interface=wl* interface!=enx*"))
	if err != nil {
		b.Fatal(err)
	}
	e := event(b, "interface.state interface=wlp3s0 index=3 type=ether mtu=1500 from=carrier to=routable")
	for b.Loop() {
		if !p.Match(e) {
			b.Fatal("no match")
		}
	}
}
