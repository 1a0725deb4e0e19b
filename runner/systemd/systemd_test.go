package systemd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"hookd/hookspec"
	"hookd/internal/booted"
	"hookd/runner"
)

var _ runner.Supervisor = (*Supervisor)(nil)

func TestOneLife(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	spec := shell("office-vpn", "echo hello; exec sleep 1000")
	w.start(spec)
	s := w.phase(spec.ID, runner.Running)
	if s.Unit != "hookd-office-vpn.service" || s.PID == 0 || s.Invocation == "" || s.Since.IsZero() || s.ExitStatus != nil {
		t.Errorf("running: %+v", s)
	}
	if got := show(t, s.Unit, "ControlGroup"); got != "/system.slice/system-hookd.slice/hookd-office-vpn.service" {
		t.Errorf("it runs in %s", got)
	}
	soon(t, "output", func() bool {
		out, err := w.Output(w.context(), spec.ID)
		if err != nil {
			t.Fatal(err)
		}
		return string(out) == "hello\n"
	})
	if active, known, err := w.Active(w.context(), s.Unit); !active || !known || err != nil {
		t.Errorf("active: %v %v %v", active, known, err)
	}
	w.stop(spec.ID)
	if s = w.phase(spec.ID, runner.Inactive); s.Result != "success" {
		t.Errorf("stopped: %+v", s)
	}
	if active, known, err := w.Active(w.context(), s.Unit); active || known || err != nil {
		t.Errorf("active after the end: %v %v %v", active, known, err)
	}
	noUnits(t)
}

// The exit status is the true one however a service ends, and nothing is left of one that ended as it should.
func TestEnds(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	for _, c := range []struct {
		name, script string
		restart      []hookspec.Directive
		phase        runner.Phase
		result       string
		status       int
		signal       string
	}{
		{name: "well", script: "exit 0", phase: runner.Inactive, result: "success"},
		{name: "badly", script: "exit 3", phase: runner.Broken, result: "exit-code", status: 3},
		{name: "killed", script: "kill -9 $$", phase: runner.Broken, result: "signal", status: -1, signal: "SIGKILL"},
		{name: "prevented", script: "exit 4", phase: runner.Inactive, result: "success", status: 4, restart: append(restarts("always"),
			hookspec.Directive{Property: "SuccessExitStatus", Value: hookspec.ExitStatuses{Status: []int32{4}}},
			hookspec.Directive{Property: "RestartPreventExitStatus", Value: hookspec.ExitStatuses{Status: []int32{4}}})},
	} {
		spec := shell(c.name, c.script, c.restart...)
		_ = w.Start(w.context(), spec) // it may have ended before somebody has looked
		s := w.phase(spec.ID, c.phase)
		if s.Result != c.result || s.Signal != c.signal || c.status < 0 != (s.ExitStatus == nil) || s.ExitStatus != nil && *s.ExitStatus != c.status {
			t.Errorf("%s: %+v", c.name, s)
		}
		w.stop(spec.ID)
		w.phase(spec.ID, runner.Inactive)
	}
	noUnits(t)
}

func TestStartFails(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	for _, c := range []struct {
		spec runner.ServiceSpec
		want string
	}{
		{runner.ServiceSpec{ID: runner.ServiceID{Hook: "a"}, Args: []string{"/nowhere"}}, "does not exist or cannot be executed (203/EXEC)"},
		{runner.ServiceSpec{ID: runner.ServiceID{Hook: "b"}, Args: []string{"/bin/true"}, Dir: "/nowhere"}, "200/CHDIR"},
		{shell("c", "exit 3", hookspec.Directive{Property: "Type", Value: "notify"}), "exited with status 3"},
		{shell("d", "exit 3", append(restarts("always"), hookspec.Directive{Property: "Type", Value: "notify"})...), "too often in a short time"},
		{runner.ServiceSpec{ID: runner.ServiceID{Hook: "e"}, Args: []string{"relative"}}, "no absolute path"},
		{runner.ServiceSpec{ID: runner.ServiceID{Hook: "f"}, Unit: "nowhere.service"}, "there is no such unit"},
	} {
		err := w.Start(w.context(), c.spec)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.spec.ID.Hook, err)
		}
		w.stop(c.spec.ID)
	}
	noUnits(t)
}

// A unit of the administrator's is started, watched and stopped, and otherwise left alone.
func TestForeignUnit(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	writeUnit(t, "theirs.service", "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nAlias=other.service\n")
	writeUnit(t, "theirs-fails.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'\n")
	systemctl(t, "daemon-reload")
	w, _ := watch(t)
	asked := runner.ServiceID{Instance: "theirs.service"}
	w.Follow(map[runner.ServiceID]string{asked: "theirs.service"})
	w.phase(asked, runner.Inactive)
	systemctl(t, "start", "theirs.service")
	w.phase(asked, runner.Running)
	systemctl(t, "stop", "theirs.service")
	w.phase(asked, runner.Inactive)
	id := runner.ServiceID{Hook: "vpn"}
	w.start(runner.ServiceSpec{ID: id, Unit: "theirs.service"})
	w.phase(asked, runner.Running)
	w.phase(id, runner.Running)
	w.stop(id)
	w.phase(asked, runner.Inactive)
	fails := runner.ServiceSpec{ID: runner.ServiceID{Hook: "fails"}, Unit: "theirs-fails.service"}
	for range 2 {
		if err := w.Start(w.context(), fails); err == nil || !strings.Contains(err.Error(), "exited with status 7") {
			t.Error(err)
		}
		w.phase(fails.ID, runner.Broken)
	}
	w.stop(fails.ID)
	if got := show(t, "theirs-fails.service", "ActiveState"); got != "failed" {
		t.Errorf("a failed unit of somebody else is %s after Stop", got)
	}
	w.Follow(nil)
	systemctl(t, "start", "theirs.service")
}

// Many units of somebody else's that come and go leave nothing in our memory; one that is followed stays watched.
func TestForeignUnitsGo(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	writeUnit(t, "theirs@.service", "[Service]\nExecStart=/bin/sleep 1000\n")
	systemctl(t, "daemon-reload")
	w, _ := watch(t)
	followed := runner.ServiceID{Hook: "many", Instance: "0"}
	w.Follow(map[runner.ServiceID]string{followed: "theirs@0.service"})
	for n := range 20 {
		id, unit := runner.ServiceID{Hook: "many", Instance: strconv.Itoa(n)}, fmt.Sprintf("theirs@%d.service", n)
		w.start(runner.ServiceSpec{ID: id, Unit: unit})
		w.phase(id, runner.Running)
		if n%2 == 0 {
			w.stop(id)
		} else {
			systemctl(t, "stop", unit)
		}
		w.phase(id, runner.Inactive)
	}
	soon(t, "an end of what is kept", func() bool {
		w.Supervisor.mu.Lock()
		defer w.Supervisor.mu.Unlock()
		return len(w.begun) == 0 && len(w.units) == 1
	})
	systemctl(t, "start", "theirs@0.service")
	w.phase(followed, runner.Running)
	w.stop(followed)
}

func writeUnit(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile("/etc/systemd/system/"+name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Another hookd finds what runs, knows it, and how it has ended meanwhile.
func TestFoundAgain(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, stop := watch(t)
	odd := runner.ServiceID{Hook: "odd", Instance: "a/b ~é\xff\n" + strings.Repeat("x@%n", 60)}
	runs, ended, failed := shell("runs", "exec sleep 1000"), shell("ended", "read x </run/go; exit 0"), shell("failed", "read x </run/go; exit 5")
	runs.ID = odd
	if out, err := exec.Command("mkfifo", "/run/go").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	for _, spec := range []runner.ServiceSpec{runs, ended, failed} {
		w.start(spec)
	}
	before := w.phase(odd, runner.Running)
	stop()
	systemctl(t, "daemon-reload")
	systemctl(t, "kill", "-s", "KILL", "hookd-failed.service")
	soon(t, "the end", func() bool { return show(t, "hookd-failed.service", "ActiveState") == "failed" })
	if err := os.WriteFile("/run/go", []byte("x\n"), 0); err != nil {
		t.Fatal(err)
	}
	soon(t, "the other end", func() bool { return show(t, "hookd-ended.service", "SubState") == "exited" })
	w, _ = watch(t)
	if s := w.phase(odd, runner.Running); s.Invocation != before.Invocation {
		t.Errorf("before %+v after %+v", before, s)
	}
	if s := w.phase(failed.ID, runner.Broken); s.Signal != "SIGKILL" {
		t.Errorf("failed: %+v", s)
	}
	if s := w.phase(ended.ID, runner.Inactive); s.Result != "success" || s.ExitStatus == nil || *s.ExitStatus != 0 {
		t.Errorf("ended: %+v", s)
	}
	w.stop(odd)
	w.stop(failed.ID)
	noUnits(t)
}

func TestStopEndsStart(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	spec := shell("slow", "exec sleep 1000", hookspec.Directive{Property: "Type", Value: "notify"})
	started := make(chan error, 1)
	go func() { started <- w.Start(context.Background(), spec) }()
	w.phase(spec.ID, runner.Starting)
	w.stop(spec.ID)
	if err := <-started; err == nil || !strings.Contains(err.Error(), "stopped before it was ready") {
		t.Error(err)
	}
	noUnits(t)
}
