package cmd

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/cmd/internal/hookctl"
	"hookd/cmd/internal/hookd"
	"hookd/events"
	"hookd/hookspec"
	"hookd/runner/monitor"
)

// page reads a manual, without the macros for spacing.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../man/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(" Ns *", "", `\&`, "", " ,", ",", "Fl -", "Fl --").Replace(string(text))
}

// TestManualEvents holds hookd-events(7) against the table, both ways.
func TestManualEvents(t *testing.T) {
	text := page(t, "hookd-events.7")
	items := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\.It Li (\S+)$`).FindAllStringSubmatch(text, -1) {
		items[m[1]] = true
	}
	known := map[string]bool{}
	for _, s := range events.Table() {
		known[s.Name] = true
		if !items[s.Name] {
			t.Errorf("the manual lacks the event %s", s.Name)
		}
		for _, p := range s.Params {
			known[p.Name] = true
			if !items[p.Name] {
				t.Errorf("the manual lacks the parameter %s of %s", p.Name, s.Name)
			}
			for _, v := range p.Values {
				known[v] = true
				if !strings.Contains(text, v) {
					t.Errorf("the manual lacks the value %s of %s", v, p.Name)
				}
			}
		}
	}
	for item := range items {
		if !known[item] {
			t.Errorf("the manual has %s, which the table does not", item)
		}
	}
}

// TestManualKeys holds hookd.hook(5) against the keys of [Hook] and [Service] and the states of While=, both ways.
func TestManualKeys(t *testing.T) {
	_, keys, _ := strings.Cut(page(t, "hookd.hook.5"), ".Sh KEYS")
	keys, _, _ = strings.Cut(keys, ".Sh PATTERNS")
	hook, service, _ := strings.Cut(keys, ".Ss The section for services")
	service, states, _ := strings.Cut(service, ".Ss States")
	known := hookspec.KeyNames()
	for _, k := range known {
		if !regexp.MustCompile(`(?m)^\.It Li .*\b` + k + `=`).MatchString(hook) {
			t.Errorf("the manual lacks %s=", k)
		}
	}
	for _, d := range hookspec.DirectiveKeys() {
		known = append(known, d.Key)
		if !regexp.MustCompile(`(?m)^\.It Li .*\b` + d.Key + `=`).MatchString(service) {
			t.Errorf("the manual lacks %s= of [Service]", d.Key)
		}
		if marked := regexp.MustCompile(`(?m)^\.It Li ` + d.Key + `=.* Pq systemd$`).MatchString(service); marked == d.Own {
			t.Errorf("the manual says of %s= that only systemd can do it: %v", d.Key, marked)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\.It Li .*`).FindAllString(keys, -1) {
		for _, k := range regexp.MustCompile(`\b([A-Z][A-Za-z]+)=`).FindAllStringSubmatch(m, -1) {
			if !slices.Contains(known, k[1]) {
				t.Errorf("the manual has %s=, which is no key", k[1])
			}
		}
	}
	items := regexp.MustCompile(`(?m)^\.It Li ([a-z-]+)`).FindAllStringSubmatch(states, -1)
	var named []string
	for _, m := range items {
		named = append(named, m[1])
	}
	if diff := cmp.Diff(hookspec.StateNames(), named); diff != "" {
		t.Errorf("states (-program +manual):\n%s", diff)
	}
}

// TestOwnDirectives holds the table of [Service] against what hookd's own supervisor can do.
func TestOwnDirectives(t *testing.T) {
	for _, d := range hookspec.DirectiveKeys() {
		if can := monitor.Can(d.Key); can != d.Own {
			t.Errorf("the table says %v of %s=, hookd's own supervisor %v", d.Own, d.Key, can)
		}
	}
}

// TestManualCommands holds hookctl(1) and hookd(8) against what the programs say of themselves.
func TestManualCommands(t *testing.T) {
	help := func(args ...string) string {
		var out bytes.Buffer
		if status := hookctl.Main(args, hookspec.Trust{}, &out, &out); status != 0 {
			t.Fatalf("hookctl %v: %d\n%s", args, status, out.String())
		}
		return out.String()
	}
	text := page(t, "hookctl.1")
	_, commands, _ := strings.Cut(help("help"), "COMMANDS:")
	commands, globals, _ := strings.Cut(commands, "GLOBAL OPTIONS:")
	names := regexp.MustCompile(`(?m)^ {3}([\w-]+)`).FindAllStringSubmatch(commands, -1)
	manual := commandsIn(text)
	if len(names) != len(manual)+1 { // and help
		t.Errorf("the program has %d commands, hookctl(1) %d", len(names), len(manual))
	}
	for _, m := range names {
		own, there := manual[m[1]]
		if diff := cmp.Diff(own, flagsIn(help("help", m[1]), "--help")); m[1] != "help" && (!there || diff != "") {
			t.Errorf("flags of %s (-hookctl(1) +program):\n%s", m[1], diff)
		}
	}
	_, options, _ := strings.Cut(text, ".Bl -tag")
	options, _, _ = strings.Cut(options, ".Ss Without a daemon")
	if diff := cmp.Diff(flagsIn(options, "--help"), flagsIn(globals, "--help")); diff != "" {
		t.Errorf("global flags (-hookctl(1) +program):\n%s", diff)
	}
	var out bytes.Buffer
	hookd.Main([]string{"--help"}, hookspec.Trust{}, &out, &out)
	_, options, _ = strings.Cut(page(t, "hookd.8"), "The options are:")
	options, _, _ = strings.Cut(options, ".Ss From an event")
	if diff := cmp.Diff(flagsIn(options, "--help", "--version"), flagsIn(out.String())); diff != "" {
		t.Errorf("flags of hookd (-hookd(8) +program):\n%s", diff)
	}
}

// flagsIn lists the flags in a text, but for some.
func flagsIn(text string, but ...string) []string {
	flags := []string{}
	for _, f := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(text, -1) {
		if !slices.Contains(but, f) && !slices.Contains(flags, f) {
			flags = append(flags, f)
		}
	}
	slices.Sort(flags)
	return flags
}

// commandsIn are the commands of hookctl(1) with their flags, which stand in the lines that their entries begin with.
func commandsIn(text string) map[string][]string {
	_, text, _ = strings.Cut(text, ".Ss Without a daemon")
	text, _, _ = strings.Cut(text, ".Sh EXIT STATUS")
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\.It Ic ([\w-]+)((?:.*\\\n)*.*)$`).FindAllStringSubmatch(text, -1) {
		all[m[1]] += m[2]
	}
	flags := map[string][]string{}
	for name, line := range all {
		flags[name] = flagsIn(line)
	}
	return flags
}

// exampleSet loads a directory of examples: every file in it is a hook without faults and doubts that says what it is for.
func exampleSet(t *testing.T, dir string, want int) *hookspec.Set {
	t.Helper()
	set := hookspec.Load(hookspec.Options{Hooks: []string{dir}, NeedHooks: true, Trust: hookspec.TrustOf(), Accounts: hookspec.Host{}}, nil)
	if len(set.Hooks) != want || len(set.Entries) != want || len(set.Faults)+len(set.Doubts()) > 0 {
		t.Fatalf("%s: %d files, %d hooks, %v, %v", dir, len(set.Entries), len(set.Hooks), set.Faults, set.Doubts())
	}
	for _, h := range set.Hooks {
		if h.Description == "" {
			t.Errorf("%s has no Description=", h.Name)
		}
	}
	return set
}

// TestManualExamples holds hookd-examples(7) against the hooks that it describes, both ways; what they do is tested in
// TestNetnsExamples and, of the VPN, in TestOfficeVPN.
func TestManualExamples(t *testing.T) {
	hooks, office, _ := strings.Cut(page(t, "hookd-examples.7"), ".Sh A VPN FOR THE OFFICE")
	for _, part := range []struct {
		dir, text string
		hooks     int
	}{{"../examples/hooks", hooks, 20}, {"../examples/office-vpn/hookd/hooks.d", office, 4}} {
		var described []string
		for _, m := range regexp.MustCompile(`(?m)^\.It Pa (\S+)$`).FindAllStringSubmatch(part.text, -1) {
			described = append(described, m[1])
		}
		slices.Sort(described)
		if diff := cmp.Diff(exampleSet(t, part.dir, part.hooks).Names(), described); diff != "" {
			t.Errorf("%s (-there +in the manual):\n%s", part.dir, diff)
		}
	}
}

// TestExamples runs the examples that only speak for the events that they are there for.
func TestExamples(t *testing.T) {
	const dir = "../examples/first"
	exampleSet(t, dir, 6)
	for event, want := range map[string]string{
		"link.up interface=eth0 type=ether mtu=1500":                                   "  eth0 is up (type ether, mtu 1500)\n",
		"interface.state interface=eth0 from=carrier to=routable":                      "  eth0 went from carrier to routable\n",
		"address.added interface=eth0 address=192.0.2.1 prefix-length=24 scope=global": "  eth0 can be reached at 192.0.2.1/24\n",
		"user.hello":                                    "  hello, world\n",
		"hook.finished hook=hello result=done":          "  the greeting is done\n",
		"service.started service=counter cause=hookctl": "  the counter: service.started, for hookctl\n",
	} {
		var out bytes.Buffer
		args := append([]string{"--hooks", dir, "test", "--run"}, strings.Fields(event)...)
		if status := hookctl.Main(args, hookspec.TrustOf(), &out, &out); status != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: status %d, %s", event, status, out.String())
		}
	}
}
