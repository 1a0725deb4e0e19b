package systemd

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"hookd/hookspec"
	"hookd/internal/booted"
	"hookd/runner"
)

// awkward are values that mean something to systemd, a shell, a unit file or a terminal.
func awkward() []string {
	return []string{"$HOME", "${PATH}", "$$", "${", "%n", "%%", "a\nb", "c\rd", `e\f`, `g\x41`, `"q'`, " sp  ace ", "", ";", `x\`, "é", "\x1b[31m",
		strings.Repeat("8", 8192), "a\tb", "\x01", "-x", "@y", "!z", "\\\n", "`id`", "$(id)", "'", "~", "#c", "a\nExecStop=/bin/touch /run/bad", "[Service]", ascii()}
}

func ascii() string {
	var b strings.Builder
	for c := byte(1); c < 0x80; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

// withoutShell are those that systemd gives to a process itself.
func withoutShell() []string {
	return slices.DeleteFunc(append(awkward(), strings.NewReplacer("$", "", ";", "").Replace(ascii())), func(a string) bool {
		return strings.ContainsAny(a, "$;")
	})
}

func TestS9Bookworm(t *testing.T) { literal(t, booted.Bookworm) }

func TestS11Trixie(t *testing.T) { literal(t, booted.Trixie) }

func literal(t *testing.T, suite string) {
	if !booted.Enter(t, suite) {
		return
	}
	w, _ := watch(t)
	literalArgs(t, w, awkward())
	literalArgs(t, w, withoutShell())
	noUnits(t)
}

// literalArgs checks that a service gets what it is to get to the byte, at its first start and after everything that makes
// systemd read its unit again.
func literalArgs(t *testing.T, w *watched, values []string) {
	const file = "/run/dump"
	spec := dumped(file)
	spec.Directives = restarts("on-failure")
	spec.Description = "a %n \"b\nExecStop=/bin/touch /run/bad\\"
	spec.ID.Instance = "$HOME %n\n\xff"
	spec.Args = append(spec.Args, values...)
	spec.Args = append(spec.Args, "raw\xff")
	for i, v := range append(awkward(), "raw\xff") {
		spec.Env = append(spec.Env, "V"+number(uint32(i))+"="+v)
	}
	w.start(spec)
	unit := w.phase(spec.ID, runner.Running).Unit
	check := func(when string) {
		d := readDump(t, file)
		sameBytes(t, when+": argument", texts(d.Args), plainAll(spec.Args))
		env := texts(d.Env)
		for _, e := range plainAll(spec.Env) {
			if !slices.Contains(env, e) {
				t.Errorf("%s: no variable %.200q", when, e)
			}
		}
		for _, e := range env {
			if name, _, _ := strings.Cut(e, "="); !slices.Contains(plainAll(spec.Env), e) && !slices.Contains(systemdsOwn, name) {
				t.Errorf("%s: a variable nobody has set: %.200q", when, e)
			}
		}
		if got := show(t, unit, "ExecStop"); got != "" {
			t.Errorf("%s: ExecStop is %q", when, got)
		}
	}
	again := func() {
		os.Remove(file)
		systemctl(t, "kill", "-s", "KILL", "--", unit)
	}
	check("at the start")
	again()
	check("restarted")
	systemctl(t, "daemon-reload")
	again()
	check("after daemon-reload")
	systemctl(t, "daemon-reexec")
	again()
	check("after daemon-reexec")
	for _, line := range strings.Split(systemctl(t, "cat", "--", unit), "\n") {
		if key, _, is := strings.Cut(line, "="); is && !strings.HasPrefix(line, "#") && !slices.Contains(keys, key) {
			t.Errorf("an extra line in the unit: %.100q", line)
		}
	}
	w.phase(spec.ID, runner.Running)
	w.stop(spec.ID)
	os.Remove(file)
}

// systemdsOwn is what systemd tells each service about itself.
var systemdsOwn = []string{"PATH", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE"}

// keys are all that may be set in a unit of ours without directives but those of restarts.
var keys = []string{"Description", "CollectMode", "StartLimitIntervalSec", "StartLimitIntervalUSec", "StartLimitBurst", "Slice", "Type", "ExecStart", "KillMode", "TimeoutStopSec",
	"TimeoutStopUSec", "RestartSec", "RestartUSec", "SyslogIdentifier", "LogExtraFields", "WorkingDirectory", "Environment", "UnsetEnvironment", "Restart", "RemainAfterExit"}

func dumped(file string) runner.ServiceSpec {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return runner.ServiceSpec{ID: runner.ServiceID{Hook: "dump"}, Args: []string{program}, Env: []string{dumpTo + "=" + file}}
}

func readDump(t *testing.T, file string) (d dump) {
	t.Helper()
	var text []byte
	soon(t, "what the service was given", func() bool {
		var err error
		text, err = os.ReadFile(file)
		return err == nil
	})
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func texts(list [][]byte) (all []string) {
	for _, b := range list {
		all = append(all, string(b))
	}
	return all
}

func sameBytes(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s %d: %.200q, want %.200q", what, i, got[i], want[i])
		}
	}
}

// A service runs as who it is to run as, by number, with the groups of that account and no others.
func TestS12(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	for i, c := range []struct {
		user, group *hookspec.Account
		uid, gid    int
		groups      []int
	}{
		{uid: 0, gid: 0},
		{user: &hookspec.Account{Name: "daemon", ID: 1, GID: 1, Groups: []uint32{1, 27, 4}}, uid: 1, gid: 1, groups: []int{1, 4, 27}},
		{user: &hookspec.Account{ID: 1, GID: 1}, group: &hookspec.Account{ID: 50}, uid: 1, gid: 50, groups: []int{50}},
		{group: &hookspec.Account{ID: 50}, uid: 0, gid: 50},
	} {
		spec := dumped("/tmp/who" + number(uint32(i)))
		spec.ID.Instance = number(uint32(i))
		spec.User, spec.Group = c.user, c.group
		w.start(spec)
		d := readDump(t, "/tmp/who"+number(uint32(i)))
		slices.Sort(d.Groups)
		if d.UID != c.uid || d.GID != c.gid || !slices.Equal(slices.Compact(d.Groups), c.groups) {
			t.Errorf("%d: runs as %d:%d %v, want %d:%d %v", i, d.UID, d.GID, d.Groups, c.uid, c.gid, c.groups)
		}
		w.stop(spec.ID)
	}
	ghost := dumped("/tmp/ghost")
	ghost.User = &hookspec.Account{Name: "ghost", ID: 54321, GID: 54321}
	if err := w.Start(w.context(), ghost); err == nil || !strings.Contains(err.Error(), "217/USER") {
		t.Errorf("an account that is gone: %v", err)
	}
	w.stop(ghost.ID)
	noUnits(t)
}
