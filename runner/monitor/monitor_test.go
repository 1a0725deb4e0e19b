package monitor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookd/runner"
)

// R8: a service that ignores SIGTERM goes after TimeoutStopSec=, with the child that has a session of its own.
func TestR8StopEndsTheWholeTree(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		line := fmt.Sprintf(`trap '' TERM
(setsid sh -c 'trap "" TERM; echo $$ >%[1]s/child; while :; do sleep 1000; done' &)
echo $$ >%[1]s/main; while :; do sleep 1000; done`, dir)
		spec := shell("stubborn", line, set("TimeoutStopSec", "TimeoutStopUSec", uint64(200_000)))
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		main, child := pidIn(t, dir+"/main"), pidIn(t, dir+"/child")
		h.halt(spec.ID)
		if alive(main) || alive(child) {
			t.Errorf("main %v, child %v live on", alive(main), alive(child))
		}
		s := h.awaitState(spec.ID, phase(runner.Inactive))
		if s.Result != timeout || s.Signal != "SIGKILL" {
			t.Errorf("got %+v", s)
		}
		h.clean()
	})
}

// A service that ends is gone with what it has left behind, before it is started again.
func TestR8NothingIsLeftBehind(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		line := fmt.Sprintf(`(setsid sh -c 'echo $$ >%[1]s/child.new; mv %[1]s/child.new %[1]s/child; exec sleep 1000' &)
while ! test -e %[1]s/child; do sleep 0.01; done; exit 3`, dir)
		spec := shell("parent", line)
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		s := h.awaitState(spec.ID, phase(runner.Broken))
		if pid := pidIn(t, dir+"/child"); alive(pid) {
			t.Errorf("the child %d lives on", pid)
		}
		if s.Result != exitCode || s.ExitStatus == nil || *s.ExitStatus != 3 {
			t.Errorf("got %+v", s)
		}
		h.clean()
	})
}

// R10: 50 concurrent starts make one process, and one that runs is left alone.
func TestR10ConcurrentStartsMakeOneProcess(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		file := filepath.Join(t.TempDir(), "starts")
		spec := shell("one", "echo start >>"+file+"; exec sleep 1000")
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := h.start(spec); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		until(t, "a start", func() bool { text, _ := os.ReadFile(file); return len(text) > 0 })
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		if text, _ := os.ReadFile(file); string(text) != "start\n" {
			t.Errorf("it was started more than once: %q", text)
		}
		if m := monitors(h.dir); len(m) != 1 {
			t.Errorf("%d monitors", len(m))
		}
	})
}

// R10: a start during a stop ends running.
func TestR10StartWhileStoppingEndsRunning(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		spec := shell("slow", `trap 'sleep 0.3; exit 0' TERM; echo >>`+dir+`/up; while :; do sleep 0.05; done`)
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		until(t, "it to be up", func() bool { _, err := os.Stat(dir + "/up"); return err == nil })
		first := h.awaitState(spec.ID, phase(runner.Running))
		var stopped sync.WaitGroup
		stopped.Go(func() { h.halt(spec.ID) })
		h.awaitState(spec.ID, phase(runner.Stopping))
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		stopped.Wait()
		second := h.awaitState(spec.ID, func(s runner.ServiceState) bool {
			return s.Phase == runner.Running && s.Invocation != first.Invocation
		})
		if alive(first.PID) || !alive(second.PID) {
			t.Errorf("the first one lives: %v, the second: %v", alive(first.PID), alive(second.PID))
		}
	})
}

// R10: a stop during a start that waits makes that fail.
func TestR10StopWhileStarting(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := notifier("never", "sleep")
		failed := make(chan error, 1)
		go func() { failed <- h.start(spec) }()
		h.awaitState(spec.ID, phase(runner.Starting))
		h.halt(spec.ID)
		if err := <-failed; err == nil || err.Error() != "it was stopped before it was ready" {
			t.Errorf("got %v", err)
		}
		h.awaitState(spec.ID, phase(runner.Inactive))
		h.clean()
	})
}

// R11: a service that is killed again and again is given up with the reason, and the next start works.
func TestR11StartLimit(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := shell("victim", "exec sleep 1000", append(restart("always", time.Millisecond),
			set("StartLimitBurst", "StartLimitBurst", uint32(20)), set("StartLimitIntervalSec", "StartLimitIntervalUSec", uint64(1<<40)))...)
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			s := h.awaitState(spec.ID, func(s runner.ServiceState) bool { return s.Phase == runner.Running && s.Restarts == i })
			unix.Kill(s.PID, unix.SIGKILL)
		}
		s := h.awaitState(spec.ID, phase(runner.Broken))
		if s.Result != limitHit || s.Signal != "SIGKILL" || s.Reason == "" {
			t.Errorf("got %+v", s)
		}
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		s = h.awaitState(spec.ID, phase(runner.Running))
		if s.Restarts != 0 || !alive(s.PID) {
			t.Errorf("after the next start: %+v", s)
		}
		h.halt(spec.ID)
		h.clean()
	})
}

// R11: 1,000 cycles leave nothing behind.
func TestR11CyclesLeaveNothing(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for range cycles / 4 {
					spec := shell(fmt.Sprint("cycle", worker), "exec sleep 1000")
					if err := h.start(spec); err != nil {
						t.Error(err)
						return
					}
					h.halt(spec.ID)
				}
			})
		}
		all.Wait()
		h.clean()
	})
}

// A program that cannot be run is told of with the reason, at once.
func TestStartErrors(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		bad := filepath.Join(dir, "bad")
		os.WriteFile(bad, []byte("nothing"), 0o755)
		interpreter := filepath.Join(dir, "interpreter")
		os.WriteFile(interpreter, []byte("#!/nonexistent/sh\n"), 0o755)
		self, _ := filepath.Abs(os.Args[0])
		for _, test := range []struct {
			spec runner.ServiceSpec
			want string
		}{
			{runner.ServiceSpec{Args: []string{"/nonexistent/x"}}, "cannot run /nonexistent/x: no such file or directory"},
			{runner.ServiceSpec{Args: []string{bad}}, "cannot run " + bad + ": it is no program and has no #! line"},
			{runner.ServiceSpec{Args: []string{interpreter}}, "cannot run " + interpreter + ": the interpreter in its #! line does not exist"},
			{runner.ServiceSpec{Args: []string{"/etc/passwd"}}, "cannot run /etc/passwd: permission denied"},
			{runner.ServiceSpec{Args: []string{"/bin/true"}, Dir: "/nonexistent"}, "cannot run /bin/true in /nonexistent: no such file or directory"},
			{runner.ServiceSpec{Unit: "x.service"}, "cannot start the unit x.service: that needs systemd"},
			{runner.ServiceSpec{Args: []string{self, "notify", "3"}, Directives: notifier("").Directives}, "it exited with status 3 before it was ready"},
			{runner.ServiceSpec{Args: []string{self, "notify", "0"}, Directives: notifier("").Directives}, "it exited with status 0 before it was ready"},
			{runner.ServiceSpec{Args: []string{self, "notify", "sleep"}, Directives: append(notifier("").Directives,
				set("TimeoutStartSec", "TimeoutStartUSec", uint64(50_000)))}, "it was not ready after 50ms"},
		} {
			test.spec.ID = runner.ServiceID{Hook: "bad", Instance: fmt.Sprint(test.spec.Args, test.spec.Dir)}
			if err := h.start(test.spec); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		}
		h.clean()
	})
}

// With Type=notify a service is ready when its main process says so.
func TestNotify(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := notifier("herald", "STATUS=x\nREADY=1", "sleep")
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		if s := h.awaitState(spec.ID, phase(runner.Running)); !alive(s.PID) {
			t.Errorf("got %+v", s)
		}
		h.halt(spec.ID)
		leaving := notifier("leaving", "READY=1", "STOPPING=1", "sleep")
		if err := h.start(leaving); err != nil {
			t.Fatal(err)
		}
		h.awaitState(leaving.ID, phase(runner.Stopping))
		h.halt(leaving.ID)
		h.clean()
	})
}

// A stranger's word does not count, nor a child's unless NotifyAccess=all.
func TestNotifyAccess(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		self, _ := filepath.Abs(os.Args[0])
		dir := t.TempDir()
		line := "echo $NOTIFY_SOCKET >" + dir + "/name.new; mv " + dir + "/name.new " + dir + "/name; " + self + " notify READY=1 sleep"
		spec := shell("family", line+" & wait", set("Type", "Type", "notify"))
		ctx, cancel := context.WithCancel(context.Background())
		failed := make(chan error, 1)
		go func() { failed <- h.sup.Start(ctx, spec) }()
		until(t, "the socket", func() bool { _, err := os.Stat(dir + "/name"); return err == nil })
		name, _ := os.ReadFile(dir + "/name")
		t.Run("stranger", func(t *testing.T) { say1(t, strings.TrimSpace(string(name)), "READY=1") })
		if s := h.awaitState(spec.ID, func(s runner.ServiceState) bool { return s.Phase != "" }); s.Phase != runner.Starting {
			t.Errorf("it is %s", s.Phase)
		}
		cancel()
		if err := <-failed; err == nil {
			t.Error("it became ready by somebody else's word")
		}
		h.halt(spec.ID)
		spec.Directives = append(spec.Directives, set("NotifyAccess", "NotifyAccess", "all"))
		if err := h.start(spec); err != nil {
			t.Errorf("by a child's word: %v", err)
		}
	})
}

// The output is drained whatever its size, and its end is kept, also when the service is over.
func TestOutput(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := shell("flood", "head -c 5000000 /dev/zero; echo; echo end; echo err >/dev/stderr; exit 3")
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		h.awaitState(spec.ID, phase(runner.Broken))
		until(t, "its funeral", func() bool { return len(h.files()) == 0 })
		text := h.output(spec.ID)
		if len(text) != keep || !strings.HasSuffix(text, "\nend\nerr\n") {
			t.Errorf("%d bytes: …%q", len(text), text[max(0, len(text)-20):])
		}
	})
}
