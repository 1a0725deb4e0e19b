package hookspec

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const vpn = "-- vpn --\nType=service\nWhile=default-route family=ipv4\nOn=link.up interface=eth*\nStopOn=link.up interface=eth9\nStopOn=user.off\n"

// describeServiceJob writes what a job of a service has beyond that of a oneshot.
func describeServiceJob(j Job, why string) string {
	if why != "" {
		return "!" + why
	}
	l := fmt.Sprintf("instance=%q", j.Instance)
	if j.Unit != "" {
		l += " unit=" + j.Unit
	}
	for _, c := range j.Conditions {
		l += " " + c.String()
	}
	if len(j.Needs) > 0 {
		l += " needs " + strings.Join(j.Needs, ",")
	}
	return l + " " + strings.Join(j.Args, " ")
}

func TestServicePlan(t *testing.T) {
	for _, test := range []struct{ name, hooks, event, want, job string }{
		{"one instance for all", vpn, "link.up interface=eth0", "vpn", `instance="" /bin/true`},
		{"StopOn= wins", vpn, "link.up interface=eth9", "!vpn: a StopOn= line means the event, too, and wins (vpn.hook:5:8)", ""},
		{"an instance", "-- a --\nType=service\nOn=link.up\nInstance=%{interface}\n", "link.up interface=eth0", "a", `instance="eth0" /bin/true`},
		{"requires a service that the event does not start", vpn + "-- fw --\nOn=user.x\nRequires=vpn\n", "user.x", "fw", `instance="user/x" needs vpn /bin/true`},
		{"requires a service of the same event", "-- b --\nType=service\nOn=user.x\n-- c --\nOn=user.x\nRequires=b\n", "user.x", "b\nc after b requires b", `instance="" /bin/true`},
		{"requires no service", vpn + "-- fw --\nOn=user.x\nRequires=other\n-- other --\nOn=link.up\n", "user.x",
			"!fw: it requires other, which does not run for this event", ""},
		{"conditions of a oneshot", "-- a --\nOn=link.up\nConditionReachable=%{interface}.example\nConditionPathExists=!/x\n", "link.up interface=eth0", "a",
			`instance="eth0" ConditionReachable=eth0.example ConditionPathExists=!/x /bin/true`},
		{"a condition without its parameter", "-- a --\nOn=link.up\nConditionReachable=%{alias}\n", "link.up interface=eth0",
			"!a: ConditionReachable= uses the parameter alias, which the event does not carry", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := setOf(t, test.hooks).Plan(eventOf(t, test.event))
			if diff := cmp.Diff(test.want, describePlan(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(p.Jobs) == 0 {
				return
			}
			if diff := cmp.Diff(test.job, describeServiceJob(p.Jobs[0], "")); diff != "" {
				t.Errorf("job (-want +got):\n%s", diff)
			}
		})
	}
}

// A run that comes later, too, only says which services must run then.
func TestServicePlanFor(t *testing.T) {
	p := setOf(t, vpn+"-- fw --\nOn=user.x\nRequires=vpn\n").PlanFor(eventOf(t, "user.x"), []string{"fw"})
	if got := describePlan(p); got != "fw" || len(p.Jobs[0].Needs) != 1 || p.Jobs[0].Needs[0] != "vpn" {
		t.Errorf("%s, needs %v", got, p.Jobs)
	}
}

// parsed is a hook without faults.
func parsed(t *testing.T, text string) *Hook {
	t.Helper()
	h, faults := parseText("a.hook", "[Hook]\nType=service\n"+text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return h
}

func TestStart(t *testing.T) {
	for _, test := range []struct{ name, hook, event, want string }{
		{"whatever On= says", "On=link.up\nExec=/bin/true\n", "user.start", `instance="" /bin/true`},
		{"all that is missing", "Parameter=site\nParameter=host=h\nExec=/bin/echo %{site} %{host} %{port}\nInstance=%{who}\nConditionReachable=%{host}%{port}\n", "user.start",
			"!it needs the parameters site, who and port, which are not given"},
		{"one is missing", "Parameter=site\nExec=/bin/true\n", "user.start", "!it needs the parameter site, which is not given"},
		{"given", "Parameter=site\nExec=/bin/echo %{site}\nInstance=%{site}\n", "user.start site=a", `instance="a" /bin/echo a`},
		{"a unit", "Unit=openvpn@%{site}.service\nConditionUnitActive=!x-%{site}.target\n", "user.start site=a/b-c",
			`instance="" unit=openvpn@a-b\x2dc.service ConditionUnitActive=!x-a-b\x2dc.target `},
		{"a unit of nothing", "Unit=openvpn@%{site}.service\n", "user.start site=", "!Unit= names no unit: the parameter site is empty"},
		{"a unit too long", "Unit=openvpn@%{site}.service\n", "user.start site=" + strings.Repeat("-", 60),
			"!Unit= names no unit: the name of the unit has 256 bytes, and 255 are the most"},
	} {
		t.Run(test.name, func(t *testing.T) {
			job, why := parsed(t, test.hook).Start(eventOf(t, test.event))
			if diff := cmp.Diff(test.want, describeServiceJob(job, why)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWantedBy(t *testing.T) {
	h := parsed(t, "While=default-route family=ipv6\nWhile=interface interface=en* state=routable\nWhile=unit unit=dbus.service\nWhile=online\nExec=/bin/true\n")
	for event, want := range map[string]string{
		"default-route.added family=ipv6 interface=eth0 metric=1": "default-route family=ipv6",
		"default-route.added family=ipv4 interface=eth0 metric=1": "",
		"interface.state interface=en0 from=missing to=routable":  "interface interface=en* state=routable",
		"interface.state interface=en0 from=missing to=degraded":  "",
		"network.online":        "online",
		"link.up interface=en0": "",
		"service.started service=x instance= unit=dbus.service":        "",
		"default-route.removed family=ipv6 interface=eth0 metric=1024": "",
	} {
		if got, wanted := h.WantedBy(eventOf(t, event)); got != want || wanted != (want != "") {
			t.Errorf("%s: wanted by %q, %v", event, got, wanted)
		}
	}
	if h.While[2].Unit != "dbus.service" || h.While[2].Name != "unit" {
		t.Errorf("the state unit is %+v", h.While[2])
	}
}

func TestStops(t *testing.T) {
	set := setOf(t, "-- a --\nType=service\nInstance=%{interface}\nStopOn=link.down interface!=lo\nStopOn=user.off\n-- b --\nType=service\nStopOn=default-route.removed\nStopOn=user.off\n"+
		"-- c --\nType=service\nInstance=%{interface}\nStopOn=default-route.removed\n-- d --\nType=service\nParameter=interface=eth0\nInstance=%{interface}\nStopOn=network.offline\n")
	for event, want := range map[string]string{
		"link.down interface=eth1": "a eth1 false",
		"link.down interface=lo":   "",
		"user.off":                 "a  true, b  false",
		"user.off interface=x":     "a x false, b  false",
		"default-route.removed family=ipv4 interface=eth0": "b  false, c eth0 false",
		"default-route.removed family=ipv4":                "b  false", // a route that leads nowhere is no instance's
		"network.offline":                                  "d eth0 false",
	} {
		var got []string
		for _, s := range set.Stops(eventOf(t, event)) {
			got = append(got, fmt.Sprintf("%s %s %v", s.Hook, s.Instance, s.All))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s stops %q, want %q", event, got, want)
		}
	}
	if !setOf(t, "-- a --\nType=service\nStopOn=route.removed\n").Asks("route") {
		t.Error("nobody asks for the routes of a StopOn= line")
	}
}

// world answers as it was told; what it was not told of nobody knows.
type world map[string]Fact

func (w world) get(key string) Fact {
	if f, known := w[key]; known {
		return f
	}
	return Fact{Unknown: true, Why: "nobody knows"}
}

func (w world) Reachable(_ context.Context, host string) Fact   { return w.get("host " + host) }
func (w world) PathExists(_ context.Context, path string) Fact  { return w.get("path " + path) }
func (w world) UnitActive(_ context.Context, unit string) Fact  { return w.get("unit " + unit) }
func (w world) InterfaceUp(_ context.Context, name string) Fact { return w.get("interface " + name) }

func TestJudge(t *testing.T) {
	facts := world{"host a": {True: true, Why: "a is reachable"}, "host b": {Why: "b has no route"}, "host c": {Again: true, Why: "c was not resolved"},
		"path /x": {True: true, Why: "/x is there"}, "interface eth0": {True: true, Why: "eth0 is up"}, "unit x.service": {Why: "it is inactive"}}
	for _, test := range []struct {
		lines string
		facts Facts
		want  string
	}{
		{"", nil, "true its conditions hold"},
		{"ConditionReachable=a;ConditionPathExists=/x;ConditionInterfaceUp=eth0;ConditionUnitActive=!x.service", facts, "true its conditions hold"},
		{"ConditionReachable=b;ConditionReachable=c", facts, "false ConditionReachable=b: b has no route"},
		{"ConditionReachable=!a", facts, "false ConditionReachable=!a: a is reachable"},
		{"ConditionReachable=c", facts, "false again ConditionReachable=c: c was not resolved"},
		{"ConditionReachable=!c", facts, "false again ConditionReachable=!c: c was not resolved"},
		{"ConditionPathExists=!/y", facts, "false unknown ConditionPathExists=!/y: nobody knows"},
		{"ConditionPathExists=/x", nil, "false unknown ConditionPathExists=/x: nobody here can tell"},
		{"ConditionReachable=%{empty}", facts, `false ConditionReachable="": there is nothing to ask about`},
		{"ConditionParameter=site", nil, "true its conditions hold"},
		{"ConditionParameter=site=h[aeiou]me", nil, "true its conditions hold"},
		{"ConditionParameter=site=work", nil, "false ConditionParameter=site=work: site is home"},
		{"ConditionParameter=!site", nil, "false ConditionParameter=!site: site is home"},
		{"ConditionParameter=default=1", nil, "true its conditions hold"},
		{"ConditionParameter=other", nil, "false ConditionParameter=other: there is no parameter other"},
	} {
		h := parsed(t, "Parameter=default=1\nExec=/bin/true\n"+strings.ReplaceAll(test.lines, ";", "\n")+"\n")
		job, why := h.Start(eventOf(t, "user.x site=home empty="))
		if why != "" {
			t.Fatal(why)
		}
		f := Judge(t.Context(), job.Conditions, job.Params, test.facts)
		got := fmt.Sprint(f.True)
		if f.Unknown {
			got += " unknown"
		}
		if f.Again {
			got += " again"
		}
		if got += " " + f.Why; got != test.want {
			t.Errorf("%s: %s, want %s", test.lines, got, test.want)
		}
	}
}

// Unit names are escaped as systemd does it, so that a value never becomes another unit or a path.
func TestEscapeUnit(t *testing.T) {
	_, err := exec.LookPath("systemd-escape")
	for _, s := range []string{"a", "a/b", "/a//b/", "-", ".", "..", "a.b", ".hidden", "a b", "ä", "a@b", `\`, "%i", "$HOME", "a:b_c", "\n", "x\x01", "../../etc"} {
		got := EscapeUnit(s)
		if why, _ := badUnit("x@" + got + ".service"); why != "" {
			t.Errorf("%q becomes %q: %s", s, got, why)
		}
		if err != nil {
			continue
		}
		want, err := exec.Command("systemd-escape", "--", s).Output()
		if err != nil || got+"\n" != string(want) {
			t.Errorf("%q becomes %q, systemd-escape says %q, %v", s, got, want, err)
		}
	}
	if err != nil {
		t.Log("without systemd-escape(1) nothing was compared")
	}
}

// S10: a hook cannot say just anything to the service manager.
func TestS10Forbidden(t *testing.T) {
	var got strings.Builder
	for _, key := range strings.Fields(`SuccessAction FailureAction StartLimitAction RebootArgument ExecStart ExecStartPre ExecStartPost ExecStop
		ExecStopPost ExecReload ExecCondition RootDirectory RootImage BindPaths BindReadOnlyPaths TemporaryFileSystem MountImages EnvironmentFile
		PassEnvironment User Group DynamicUser Environment WorkingDirectory After Requires BindsTo PartOf OnFailure Slice Sockets JoinsNamespaceOf
		RemainAfterExit PIDFile StandardOutput LoadCredential ConditionHost AssertPathExists Delegate UnknownKey exectart restart`) {
		h, faults := parseText("a.hook", "[Hook]\nType=service\nExec=/bin/true\n[Service]\n"+key+"=x\n")
		if len(faults) != 1 || faults[0].Line != 5 || faults[0].Col != 1 || len(h.Directives) > 0 {
			t.Errorf("%s: %v, %v", key, faults, h.Directives)
		}
		fmt.Fprintln(&got, faults.Error())
	}
	golden(t, "testdata/forbidden.want", got.String())
	for _, d := range directives() {
		if _, forbidden := whyForbidden(d.Key); forbidden && d.Key != "Type" {
			t.Errorf("%s is both allowed and forbidden", d.Key)
		}
	}
}

// A drop-in changes single keys of [Service], as it does of [Hook].
func TestDirectivesInDropIn(t *testing.T) {
	main := "[Hook]\nType=service\nExec=/bin/true\n[Service]\nRestart=always\nSuccessExitStatus=1\nReadOnlyPaths=/a\nStateDirectory=x\nCapabilityBoundingSet=CAP_NET_ADMIN\nLimitNOFILE=5:6\n"
	drop := "[Service]\nRestart=no\nSuccessExitStatus=2\nReadOnlyPaths=\nReadOnlyPaths=/b\nStateDirectory=\nCapabilityBoundingSet=\nLimitNOFILE=infinity\n"
	h, faults := Parse("a", []Source{{Path: "a.hook", Text: main}, {Path: "a.hook.d/b.conf", Text: drop}}, Options{Accounts: people{}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	got := map[string]any{}
	for _, d := range h.Directives {
		got[d.Property] = d.Value
		if d.Place.Path != "a.hook.d/b.conf" {
			t.Errorf("%s is of %s", d.Key, d.Place)
		}
	}
	want := map[string]any{"Restart": "no", "SuccessExitStatus": ExitStatuses{Status: []int32{1, 2}}, "ReadOnlyPaths": []string{"/b"},
		"CapabilityBoundingSet": uint64(0), "LimitNOFILE": uint64(1<<64 - 1), "LimitNOFILESoft": uint64(1<<64 - 1)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if h.WhenBusy != BusyKeep {
		t.Errorf("WhenBusy=%s", h.WhenBusy)
	}
}

// What systemd gets has exactly the type that its bus interface says (org.freedesktop.systemd1(5)).
func TestDirectiveValues(t *testing.T) {
	h, faults := parseText("x.hook", wholeService)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var got strings.Builder
	for _, d := range h.Directives {
		fmt.Fprintf(&got, "%s %T %v\n", d.Property, d.Value, d.Value)
	}
	golden(t, "testdata/directives.want", got.String())
}

func TestServiceDoubts(t *testing.T) {
	for _, test := range []struct{ name, hooks, want string }{
		{"none", vpn + "-- fw --\nOn=service.started service=vpn\nOn=user.x service=nobody\n-- w --\nType=service\nWhile=service service=v*\nStopOn=service.failed service!=a\n", ""},
		{"no such service", vpn + "-- fw --\nOn=service.started service=vpm\n-- w --\nType=service\nWhile=service service=fw\n",
			"fw.hook:2:4: doubt: there is no hook vpm (did you mean vpn?)\nw.hook:3:7: doubt: fw is no service (services are hooks with Type=service)"},
		{"the same line twice", "-- a --\nType=service\nOn=link.up interface=x\nStopOn=link.up interface=x\n",
			"a.hook:3:4: doubt: the line never starts the service: StopOn= in line 4 says the same (StopOn= wins)"},
		{"a state that never is", "-- a --\nType=service\nWhile=interface state=routeable\n",
			"a.hook:3:7: doubt: to is never routeable, only missing, off, no-carrier, dormant, degraded-carrier, carrier, degraded, enslaved, routable (did you mean routable?)"},
		{"no loop over a service", "-- a --\nOn=hook.finished hook=b\n-- b --\nType=service\nOn=hook.finished hook=a\n", ""},
		{"parameter by hand", "-- a --\nType=service\nParameter=site\n", ""},
		{"parameter only by hand", "-- a --\nType=service\nWhile=online\nParameter=site\n",
			"a.hook:4:11: doubt: no event or state of this hook carries the required parameter site: only hookctl start can give it"},
		{"requires a service with another Settle=", "-- a --\nType=service\nOn=link.up\n-- b --\nOn=link.up\nSettle=1s\nRequires=a\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var lines []string
			for _, f := range setOf(t, test.hooks).Doubts() {
				lines = append(lines, f.Error())
			}
			if diff := cmp.Diff(test.want, strings.Join(lines, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A report says of a service what it is, and of conditions what is known without asking the world.
func TestServiceReport(t *testing.T) {
	set := setOf(t, "-- a --\nType=service\nOn=user.x\nConditionReachable=h\nConditionParameter=site=a\nConditionParameter=!site\n")
	j := set.Report(t.Context(), set.Plan(eventOf(t, "user.x site=a")), nil).Jobs[0]
	want := []ConditionPlan{{Condition: "ConditionReachable=h", Verdict: "unknown"}, {"ConditionParameter=site=a", "holds", "site is a"},
		{"ConditionParameter=!site", "fails", "site is a"}}
	if diff := cmp.Diff(want, j.Conditions); diff != "" || j.Type != "service" {
		t.Errorf("%s (-want +got):\n%s", j.Type, diff)
	}
}

// A host without systemd can say what of a hook has no effect there.
func TestNeedsSystemd(t *testing.T) {
	h := parsed(t, "While=online\nWhile=unit unit=a.service\nConditionUnitActive=b.service\nExec=/bin/true\n[Service]\nRestart=no\nMemoryMax=1G\nLimitNOFILE=5\nPrivateTmp=yes\n")
	var got []string
	for _, s := range h.NeedsSystemd() {
		got = append(got, fmt.Sprintf("%d %s", s.Place.Line, s.Key))
	}
	if diff := cmp.Diff([]string{"4 While", "5 ConditionUnitActive", "9 [Service] MemoryMax", "11 [Service] PrivateTmp"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of a service that is not started by an event it is said what the event means to it all the same.
func TestExplainServices(t *testing.T) {
	set := NewSet([]*Hook{parsed(t, "While=default-route interface=e*\nStopOn=user.halt\nExec=/bin/true\n")})
	for words, want := range map[string]string{
		"default-route.added family=ipv4 interface=e0": "it has no On= line for default-route.added; While=default-route interface=e* holds with it, and wants the service",
		"default-route.added family=ipv4 interface=w0": "it has no On= line for default-route.added",
		"user.halt": "it has no On= line for user.halt; StopOn= stops what runs of it",
	} {
		e := eventOf(t, words)
		if got := set.Report(t.Context(), set.Plan(e), nil).Refused; len(got) != 1 || got[0].Reason != want {
			t.Errorf("%s: %v, want %s", words, got, want)
		}
	}
}

// TestS10RuntimeDirectory does not give hookd's own state to the user of a service.
func TestS10RuntimeDirectory(t *testing.T) {
	for text, want := range map[string]string{
		"vpn hookd":       "a:6:22: /run/hookd is hookd's own",
		"hookd/services":  "a:6:18: /run/hookd is hookd's own",
		"hookd-vpn x/y":   "",
		"../run/hookd vp": "a:6:18: ../run/hookd is no plain relative path",
	} {
		_, faults := Parse("a", []Source{{Path: "a", Text: "[Hook]\nType=service\nOn=user.x\nExec=/bin/true\n[Service]\nRuntimeDirectory=" + text + "\n"}}, Options{})
		got := ""
		for _, f := range faults {
			got += f.Place.String() + ": " + f.Msg
		}
		if got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
