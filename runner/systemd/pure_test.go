package systemd

import (
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"hookd/hookspec"
	"hookd/runner"
)

func TestUnitName(t *testing.T) {
	seen := map[string]runner.ServiceID{}
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ hook, instance, want string }{
		{"office-vpn", "", "hookd-office-vpn.service"},
		{"vpn", "eth0", "hookd-vpn@eth0.service"},
		{"vpn", "a/b", `hookd-vpn@a\x2fb.service`},
		{"vpn", "fe80::1%eth0", `hookd-vpn@fe80::1\x25eth0.service`},
		{"vpn", "a@b", `hookd-vpn@a\x40b.service`},
		{"vpn", "\xff\n ", `hookd-vpn@\xff\x0a\x20.service`},
		{"vpn", `\x2f`, `hookd-vpn@\x5cx2f.service`},
		{"vpn", "/", `hookd-vpn@\x2f.service`},
		{"a@b", "", `hookd-a\x40b.service`},
		{"vpn", long, ""}, {"vpn", long + "y", ""}, {long, "", ""}, {long, "a", ""}, {"vpn", strings.Repeat("/", 100), ""},
	} {
		id := runner.ServiceID{Hook: c.hook, Instance: c.instance}
		name := unitName("hookd-", id)
		if c.want != "" && name != c.want {
			t.Errorf("%q: %s, want %s", id, name, c.want)
		}
		if had, twice := seen[name]; twice || len(name) > nameMax || !strings.HasSuffix(name, ".service") {
			t.Errorf("%q: %s (%d bytes, also of %q)", id, name, len(name), had)
		}
		seen[name] = id
		if strings.Contains(wholeEscapes(name), `\x2.`) {
			t.Errorf("%s has half an escape", name)
		}
		if got, ok := readID(fields(id)); !ok || got != id {
			t.Errorf("%q was read back as %q", id, got)
		}
	}
	if cut := unitName("hookd-", seenLike(seen, long)); unitName("hookd-", runner.ServiceID{Hook: "vpn", Instance: strings.TrimSuffix(strings.TrimPrefix(cut, "hookd-vpn@"), suffix)}) == cut {
		t.Errorf("an instance can be named like the short form of another: %s", cut)
	}
}

func seenLike(seen map[string]runner.ServiceID, instance string) (id runner.ServiceID) {
	for _, have := range seen {
		if have.Instance == instance {
			id = have
		}
	}
	return id
}

func FuzzID(f *testing.F) {
	f.Add("vpn", "a~b\xff", "vpn", "a~b")
	f.Fuzz(func(t *testing.T, hook, instance, otherHook, otherInstance string) {
		a, b := runner.ServiceID{Hook: hook, Instance: instance}, runner.ServiceID{Hook: otherHook, Instance: otherInstance}
		if hook == "" || otherHook == "" {
			return
		}
		if got, ok := readID(fields(a)); !ok || got != a {
			t.Errorf("%q was read back as %q", a, got)
		}
		if x, y := unitName("p-", a), unitName("p-", b); (x == y) != (a == b) || !utf8.ValidString(x) || len(x) > nameMax {
			t.Errorf("%q is %s, %q is %s", a, x, b, y)
		}
	})
}

// What the shell is given makes the words again, and has no byte that systemd changes.
func TestCommand(t *testing.T) {
	for _, c := range [][]string{awkward(), {"$a;b", "'$'\"`\\"}, {";"}} {
		args := append([]string{"/usr/bin/printf", `%s\0`}, c...)
		got := command(args, nil)
		if len(got) != 3 || strings.ContainsAny(strings.Join(got, ""), "$;") {
			t.Fatalf("%q", got)
		}
		out, err := exec.Command(got[0], got[1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.Join(c, "\x00")+"\x00", string(out)); d != "" {
			t.Error(d)
		}
	}
	same := []string{"/bin/x", "a b", "%n", "\n", "'"}
	if d := cmp.Diff(same, command(same, nil)); d != "" {
		t.Error(d)
	}
}

func TestProperties(t *testing.T) {
	spec := runner.ServiceSpec{
		ID: runner.ServiceID{Hook: "vpn", Instance: "eth0"}, Description: "Office\nExecStop=x \\", Args: []string{"/bin/x", "a\xff"},
		Env: []string{"A=%n", "B=\xfe", "LANG=de"}, Dir: "/srv", User: &hookspec.Account{Name: "me", ID: 7, GID: 8, Groups: []uint32{8, 9}},
		Directives: []hookspec.Directive{{Property: "Type", Value: "notify"}, {Property: "TimeoutStopUSec", Value: uint64(5)}, {Property: "Restart", Value: "always"},
			{Property: "SuccessExitStatus", Value: hookspec.ExitStatuses{Status: []int32{4}}}},
	}
	set, err := properties(spec, []string{"LANG", "LC_ALL"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range set {
		if _, twice := got[p.Name]; twice {
			t.Errorf("%s is set twice", p.Name)
		}
		if p.Name == "LogExtraFields" {
			continue // TestUnitName reads them
		}
		got[p.Name] = p.Value.Signature().String() + " " + p.Value.String()
	}
	want := map[string]string{
		"Description": `s "Office ExecStop=x (eth0)"`, "CollectMode": `s "inactive"`, "StartLimitIntervalUSec": "t @t 10000000", "StartLimitBurst": "u @u 5",
		"Slice": `s "system-hookd.slice"`, "Type": `s "notify"`, "KillMode": `s "control-group"`, "TimeoutStopUSec": "t @t 5", "RestartUSec": "t @t 100000",
		"ExecStart": `a(sasb) [("/bin/x", ["/bin/x", "a\\xff"], false,)]`, "SyslogIdentifier": `s "vpn"`, "WorkingDirectory": `s "/srv"`,
		"User": `s "7"`, "Group": `s "8"`, "SupplementaryGroups": `as ["8", "9"]`,
		"Environment": `as ["A=%n", "B=\\xfe", "LANG=de"]`, "UnsetEnvironment": `as ["HOME", "LC_ALL", "LOGNAME", "SHELL", "USER"]`,
		"Restart": `s "always"`, "SuccessExitStatus": "(aiai) @(aiai) ([4], [],)", "RemainAfterExit": "b false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []runner.ServiceSpec{{}, {Args: []string{"x"}}, {Args: []string{"/\xff"}}, {Args: []string{"/x"}, Dir: "/\xff"}} {
		if _, err := properties(bad, nil); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestState(t *testing.T) {
	id := runner.ServiceID{Hook: "vpn"}
	since := time.UnixMicro(1000)
	three := 3
	unit := func(active, sub string, job uint32) map[string]dbus.Variant {
		return map[string]dbus.Variant{
			"ActiveState": dbus.MakeVariant(active), "SubState": dbus.MakeVariant(sub), "InvocationID": dbus.MakeVariant([]byte{0xab}),
			"StateChangeTimestamp": dbus.MakeVariant(uint64(1000)), "Job": dbus.MakeVariant(struct {
				ID   uint32
				Path dbus.ObjectPath
			}{job, "/"}),
		}
	}
	exit := func(result string, code, status int32, restarts, pid uint32) map[string]dbus.Variant {
		return map[string]dbus.Variant{"Result": dbus.MakeVariant(result), "ExecMainCode": dbus.MakeVariant(code), "ExecMainStatus": dbus.MakeVariant(status),
			"NRestarts": dbus.MakeVariant(restarts), "MainPID": dbus.MakeVariant(pid)}
	}
	for name, c := range map[string]struct {
		v    view
		ours bool
		want runner.ServiceState
	}{
		"running":    {view{}.withService(exit("success", 0, 0, 2, 9)).withUnit(unit("active", "running", 0)), true, runner.ServiceState{Phase: runner.Running, PID: 9, Restarts: 2}},
		"queued":     {view{}.withUnit(unit("inactive", "dead", 5)), true, runner.ServiceState{Phase: runner.Starting}},
		"starting":   {view{}.withUnit(unit("activating", "start", 5)), true, runner.ServiceState{Phase: runner.Starting}},
		"reloading":  {view{}.withUnit(unit("reloading", "reload", 5)), true, runner.ServiceState{Phase: runner.Running}},
		"restarting": {view{}.withService(exit("exit-code", 1, 3, 1, 0)).withUnit(unit("activating", "auto-restart", 0)), true, runner.ServiceState{Phase: runner.Restarting, Result: "exit-code", ExitStatus: &three, Restarts: 1}},
		"failed":     {view{}.withService(exit("signal", 2, 9, 0, 0)).withUnit(unit("failed", "failed", 0)), true, runner.ServiceState{Phase: runner.Broken, Result: "signal", Signal: "SIGKILL"}},
		"limit": {view{}.withService(exit("exit-code", 1, 3, 5, 0)).withUnit(unit("failed", "failed", 0)).after(view{}.withService(exit("", 0, 0, 4, 0)).withUnit(unit("active", "running", 0))), true,
			runner.ServiceState{Phase: runner.Broken, Result: "start-limit-hit", Reason: "it exited with status 3, too often in a short time", ExitStatus: &three, Restarts: 5}},
		"reset": {view{}.withService(exit("exit-code", 1, 3, 0, 0)).withUnit(unit("failed", "failed", 0)).withService(exit("success", 1, 3, 0, 0)).withUnit(unit("inactive", "dead", 0)), true,
			runner.ServiceState{Phase: runner.Inactive, Result: "exit-code", ExitStatus: &three}},
		"vanished": {view{}.withService(exit("success", 0, 0, 0, 9)).withUnit(unit("active", "running", 0)).gone(), true, runner.ServiceState{Phase: runner.Inactive, Result: "unknown"}},
		"theirs":   {view{}.withUnit(unit("active", "exited", 0)), false, runner.ServiceState{Phase: runner.Running}},
		"never":    {view{active: "inactive", result: "success"}, false, runner.ServiceState{Phase: runner.Inactive}},
	} {
		c.want.ID, c.want.Unit = id, "u.service"
		if c.v.invocation != "" {
			c.want.Invocation, c.want.Since = "ab", since
		}
		if d := cmp.Diff(c.want, c.v.state(id, "u.service", c.ours)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestEndIsConfirmed: that a unit has failed may be said on the way to its restart. An answer that was on its way before does
// not confirm it.
func TestEndIsConfirmed(t *testing.T) {
	say := func(active, sub string) map[string]dbus.Variant {
		return map[string]dbus.Variant{"LoadState": dbus.MakeVariant("loaded"), "ActiveState": dbus.MakeVariant(active), "SubState": dbus.MakeVariant(sub)}
	}
	u := newUnit("x.service")
	u.took(reading{unit: say("active", "running"), unitAt: 1, otherAt: 2})
	if news, confirm := u.heard(unitFace, 10, say("failed", "failed")); news || !confirm {
		t.Error("an end is taken for true")
	}
	u.took(reading{unit: say("active", "running"), unitAt: 8, otherAt: 9})
	if u.v.active != "active" {
		t.Errorf("an old answer makes it %s", u.v.active)
	}
	u.took(reading{unit: say("activating", "auto-restart"), unitAt: 12, otherAt: 13})
	if !u.v.restarting() {
		t.Errorf("it is %s", u.v.active)
	}
}
