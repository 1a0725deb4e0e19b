package hookd

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hookd/events"
	"hookd/internal/booted"
	"hookd/internal/control"
	"hookd/internal/nstest"
	"hookd/runner"
)

// The rows of failures for services, each with both executors.

func TestNetnsR8Service(t *testing.T) { supervised(t, testR8) }
func TestBootedR8(t *testing.T)       { onSystemd(t, testR8) }

func TestNetnsR10Service(t *testing.T) { supervised(t, testR10) }
func TestBootedR10(t *testing.T)       { onSystemd(t, testR10) }

func TestNetnsR11Service(t *testing.T) { supervised(t, testR11) }
func TestBootedR11(t *testing.T)       { onSystemd(t, testR11) }

func TestNetnsR11Cycles(t *testing.T)  { supervised(t, testR11Cycles) }
func TestBootedR11Cycles(t *testing.T) { onSystemd(t, testR11Cycles) }

func TestNetnsLeavesChildren(t *testing.T)  { supervised(t, testLeavesChildren) }
func TestBootedLeavesChildren(t *testing.T) { onSystemd(t, testLeavesChildren) }

func TestNetnsS15Service(t *testing.T) { supervised(t, testS15) }
func TestBootedS15(t *testing.T)       { onSystemd(t, testS15) }

// supervised runs a test with our own supervisor.
func supervised(t *testing.T, test func(*testing.T, string)) {
	t.Helper()
	if nstest.Enter(t) {
		test(t, executorProcess)
	}
}

// onSystemd runs a test with systemd.
func onSystemd(t *testing.T, test func(*testing.T, string)) {
	t.Helper()
	if booted.Enter(t, booted.Bookworm) {
		test(t, executorSystemd)
	}
}

// emit makes an event of the user, with NAME=value parameters; wait says whether for the end of its run.
func (h *host) emit(wait bool, event string, params ...string) {
	h.t.Helper()
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: event, Wait: wait, Parameters: paramsOf(params)}, nil); err != nil {
		h.t.Errorf("emit %s: %v", event, err)
	}
}

func paramsOf(words []string) []control.EmitParam {
	params := []control.EmitParam{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		params = append(params, control.EmitParam{Key: key, Value: events.Bytes(value)})
	}
	return params
}

func (h *host) manage(verb, hook string, params ...string) error {
	return h.call(control.MethodManage, control.ManageRequest{Verb: verb, Hook: hook, Parameters: paramsOf(params)}, nil)
}

// pids are the processes that a service has written down.
func (h *host) pids(name string) []int {
	var out []int
	for _, line := range h.lines(name) {
		pid, _ := strconv.Atoi(line)
		out = append(out, pid)
	}
	return out
}

// left is what a supervisor has on disk or in systemd for services.
func (h *host) left() []string {
	if h.args[1] == executorSystemd {
		out, _ := exec.Command("systemctl", "list-units", "--all", "--plain", "--no-legend", "hookd.state-*").Output()
		return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
	}
	files, _ := filepath.Glob(h.path("state/services/*"))
	return files
}

// testR8: a service that ignores SIGTERM, with a child that it did not wait for, is gone as a whole after its time. Hooks
// of other subjects run meanwhile.
func testR8(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{
		"stubborn": "#!/bin/sh\n# [Hook]\n# Type=service\n# On=user.go\n# StopOn=user.halt\n# [Service]\n# TimeoutStopSec=3s\n" +
			"trap '' TERM\n(setsid sh -c 'echo $$ >>DIR/tree; while :; do sleep 1000; done' &)\n" +
			"while ! test -s DIR/tree; do sleep 0.01; done\necho $$ >>DIR/tree\nwhile :; do sleep 1000; done\n",
		"quick.hook": "[Hook]\nOn=user.ping\nExec=/bin/true\n",
	})
	h.start()
	h.emit(true, "user.go")
	h.phase("stubborn", runner.Running)
	h.eventually("its processes", func() bool { return len(h.pids("tree")) == 2 })
	h.emit(true, "user.halt")
	h.phase("stubborn", runner.Stopping)
	meanwhile, slowest := 0, time.Duration(0)
	for h.services("stubborn")[0].Phase == runner.Stopping {
		begin := time.Now()
		h.emit(true, "user.ping")
		slowest = max(slowest, time.Since(begin))
		meanwhile++
	}
	if t.Logf("%d hooks meanwhile, the slowest in %s", meanwhile, slowest); meanwhile < 3 {
		t.Errorf("%d hooks ran while the service was stopped", meanwhile)
	}
	h.eventually("it is gone", func() bool { p := h.services("stubborn")[0].Phase; return p == runner.Inactive || p == runner.Broken })
	for _, pid := range h.pids("tree") {
		if lives(pid) {
			t.Errorf("process %d of the service lives", pid)
		}
	}
	h.stop()
}

// testR10: 50 concurrent wishes make one process, by events and by hand; one that meets a stop ends in running.
func testR10(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{
		"one": "#!/bin/sh\n# [Hook]\n# Type=service\n# On=user.go\n# StopOn=user.halt\n" +
			// many short sleeps: the first of them may get the signal that was meant for those of before
			"trap 'for i in 1 2 3 4 5 6 7 8 9; do sleep 0.05; done; exit 0' TERM\necho $$ >>DIR/pids\nwhile :; do sleep 0.05; done\n",
	})
	h.start()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { h.emit(true, "user.go") })
		all.Go(func() {
			if err := h.manage("start", "one"); err != nil {
				t.Errorf("start: %v", err)
			}
		})
	}
	all.Wait()
	h.phase("one", runner.Running)
	h.eventually("it runs", func() bool { return len(h.pids("pids")) > 0 })
	for n := 1; n <= 5; n++ {
		if pids := h.pids("pids"); len(pids) != n {
			t.Fatalf("it was started as %v, want %d processes", pids, n)
		}
		h.emit(true, "user.halt")
		if n%2 == 0 { // else it may not have got that far
			h.phase("one", runner.Stopping)
		}
		h.emit(true, "user.go")
		h.eventually("it runs anew", func() bool { return len(h.pids("pids")) > n })
		s := h.phase("one", runner.Running)
		if pids := h.pids("pids"); s.PID != pids[n] || lives(pids[n-1]) {
			t.Errorf("process %d runs, of %v", s.PID, pids)
		}
	}
	h.stop()
}

// testR11: a service that dies again and again is given up with start-limit-hit; the next wish starts it all the same.
func testR11(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{
		"weak.hook": "[Hook]\nType=service\nOn=user.go\nStopOn=user.halt\nExec=/bin/sh -c 'echo $$ >>DIR/pids; test -e DIR/well || exit 1; exec sleep 100000'\n" +
			"[Service]\nRestart=always\nRestartSec=1ms\nStartLimitBurst=20\nStartLimitIntervalSec=10min\n",
	})
	h.start()
	h.watch()
	for n := range 2 {
		h.emit(true, "user.go")
		h.eventually("it is given up", func() bool {
			told := h.story(1)
			return strings.Count(strings.Join(told, " "), "weak:stopped(") == n+1
		})
		told := h.story(1)
		if last := strings.Join(told[len(told)-2:], " "); strings.Count(last, "start-limit-hit") != 2 || !strings.HasPrefix(last, "weak:failed(exit ") {
			t.Errorf("the end: %s", last)
		}
		if s := h.phase("weak", runner.Broken); s.Result != "start-limit-hit" || !s.Wanted || s.Missing == "" {
			t.Errorf("%+v", s)
		}
		if got := len(h.pids("pids")); got != 20*(n+1) {
			t.Errorf("it was started %d times", got)
		}
	}
	h.write("well", "", 0o644)
	h.emit(true, "user.go")
	h.phase("weak", runner.Running)
	h.emit(true, "user.halt")
	h.eventually("nothing is left", func() bool { return len(h.left()) == 0 })
	h.stop()
}

// testR11Cycles: many starts and stops leave nothing behind.
func testR11Cycles(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{
		"cycle.hook": "[Hook]\nType=service\nInstance=%{n}\nExec=/bin/sleep 100000\n",
		"dies.hook":  "[Hook]\nType=service\nInstance=%{n}\nExec=/bin/false\n",
	})
	h.start()
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for range 25 {
				if err := h.manage("start", "cycle", fmt.Sprint("n=", n)); err != nil {
					t.Errorf("start: %v", err)
				}
				h.manage("start", "dies", fmt.Sprint("n=", n))
				if err := h.manage("stop", "cycle", fmt.Sprint("n=", n)); err != nil {
					t.Errorf("stop: %v", err)
				}
				if err := h.manage("stop", "dies", fmt.Sprint("n=", n)); err != nil {
					t.Errorf("stop: %v", err)
				}
			}
		})
	}
	all.Wait()
	h.eventually("nothing is left", func() bool { return len(h.left()) == 0 })
	h.stop()
}

// testLeavesChildren: the main process ends and leaves others, which are taken away. Nobody asked for a stop, and nothing is
// started again.
func testLeavesChildren(t *testing.T, executor string) {
	for _, status := range []string{"0", "3"} {
		t.Run(status, func(t *testing.T) {
			h := newServiceHost(t, executor, map[string]string{
				"leaves": "#!/bin/sh\n# [Hook]\n# Type=service\n# On=user.go\n# [Service]\n# TimeoutStopSec=500ms\n" +
					"echo $$ >>DIR/pids\nsh -c 'trap \"\" TERM; echo $$ >>DIR/children; while :; do sleep 1000; done' &\n" +
					"while ! test -s DIR/children; do sleep 0.01; done\nexit " + status + "\n",
			})
			h.start()
			h.watch()
			h.emit(true, "user.go")
			h.eventually("its end", func() bool { return strings.Contains(strings.Join(h.story(1), " "), "leaves:stopped(") })
			for _, pid := range h.pids("children") {
				h.eventually("its child ends", func() bool { return !lives(pid) })
			}
			h.peace()
			if got := len(h.pids("pids")); got != 1 {
				t.Errorf("it was started %d times: %v", got, h.story(1))
			}
			if s := h.services("leaves"); len(s) != 1 || s[0].Missing == "" {
				t.Errorf("%+v", s)
			}
			h.stop()
		})
	}
}

// testS15: who goes away in the middle of a request has asked for nothing.
func testS15(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{"a.hook": "[Hook]\nType=service\nExec=/bin/sleep 100000\n"})
	h.start()
	for range 20 {
		c, err := net.Dial("unix", h.path("state/control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, `{"method":"`+control.MethodManage+`","parameters":{"verb":"start","hook":"a","parameters":[]}}`) // and no NUL
		c.Close()
	}
	h.emit(true, "user.after")
	if s := h.services("a"); len(s) != 1 || s[0].Phase != runner.Inactive || s[0].Wanted {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat(h.path("state")); err != nil {
		t.Error(err)
	}
	h.stop()
}
