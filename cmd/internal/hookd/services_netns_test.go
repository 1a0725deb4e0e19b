package hookd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/booted"
	"hookd/internal/control"
	"hookd/internal/nstest"
	"hookd/runner"
)

// newServiceHost is a host whose hookd runs services in one of the two ways.
func newServiceHost(t *testing.T, executor string, hooks map[string]string) *host {
	h := newHost(t, hooks)
	h.superviseBy(executor)
	return h
}

// superviseBy has the hookd that is started next run services, and takes away what is left of them in the end.
func (h *host) superviseBy(executor string) {
	h.t.Helper()
	self, err := filepath.EvalSymlinks("/proc/self/exe")
	if err != nil {
		h.t.Fatal(err)
	}
	h.args = []string{"--executor", executor, "--hookshim", self}
	h.t.Cleanup(func() { // services outlive hookd
		if !ended(h.ended) {
			return
		}
		os.RemoveAll(h.path("hooks"))
		os.Mkdir(h.path("hooks"), 0o755)
		h.launch()
		h.eventually("nothing is left", func() bool { return len(h.services("")) == 0 })
		h.cmd.Process.Signal(syscall.SIGTERM)
		<-h.ended
	})
}

func (h *host) services(hook string) []control.Service {
	var reply control.ServicesReply
	if h.call(control.MethodServices, control.ServicesRequest{Hook: hook}, &reply) != nil {
		return []control.Service{{}}
	}
	return reply.Services
}

// phase waits for the one service of a hook to be in a phase and returns it.
func (h *host) phase(hook string, want runner.Phase) control.Service {
	h.t.Helper()
	var last []control.Service
	h.eventually(hook+" is "+string(want), func() bool {
		last = h.services(hook)
		return len(last) == 1 && last[0].Phase == want
	})
	return last[0]
}

// story waits for so many events of services and returns them.
func (h *host) story(n int) []string {
	h.t.Helper()
	var out []string
	h.eventually(fmt.Sprint(n, " events of services"), func() bool {
		out = nil
		for _, r := range h.seen() {
			if r.Kind == "event" && r.Event.Family() == "service" && r.Late == "" {
				out = append(out, brief(*r.Event))
			}
		}
		return len(out) >= n
	})
	return out
}

// brief is NAME:word(cause result …).
func brief(e events.Event) string {
	words := []string{}
	for _, key := range []string{"cause", "result", "exit-status", "signal", "restarts", "restarting"} {
		if v, there := e.Get(key); there && v != "0" && v != "no" {
			words = append(words, v)
		}
	}
	service, _ := e.Get("service")
	return service + ":" + strings.TrimPrefix(e.Name, "service.") + "(" + strings.Join(words, " ") + ")"
}

const daemonLoop = "Exec=/bin/sh -c 'echo $$ >>DIR/pids; exec sleep 100000'\n"

func TestNetnsServices(t *testing.T) {
	if nstest.Enter(t) {
		testServices(t, executorProcess)
	}
}

// testServices is the life of a service on a real host: a state starts it, once; it dies and is back; hookd is killed and
// nothing happens to it; what happens meanwhile is told; the state goes.
func testServices(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{
		"daemon.hook": "[Hook]\nType=service\nWhile=link-up interface=va\n" + daemonLoop + "[Service]\nRestart=on-failure\nRestartSec=50ms\n",
		"rule": "#!/bin/sh\n# [Hook]\n# On=service.started service=daemon\n# On=service.stopped service=daemon\n# Retry=1\n" +
			"echo $HOOK_EVENT $HOOK_RUN >>DIR/rule\n", // twice for a run in which hookd is killed
	})
	h.start()
	h.watch()
	h.veth("va", "vb")
	nstest.IP(t, "link", "set", "dev", "vb", "up")
	if s := h.services("daemon"); len(s) != 1 || s[0].Wanted || s[0].Why != "While=link-up interface=va does not hold" {
		t.Errorf("before: %+v", s)
	}
	nstest.IP(t, "link", "set", "dev", "va", "up")
	first := h.phase("daemon", runner.Running)
	if !first.Wanted || first.Why != "While=link-up interface=va" || first.PID == 0 || !lives(first.PID) {
		t.Errorf("running: %+v", first)
	}
	h.story(2)
	wrote := func(n int) {
		h.eventually("it has written its id", func() bool { return len(h.lines("pids")) == n })
	}

	wrote(1)
	syscall.Kill(first.PID, syscall.SIGKILL)
	h.story(5)
	second := h.phase("daemon", runner.Running)
	if second.PID == first.PID || second.Restarts != 1 {
		t.Errorf("after it was killed: %+v", second)
	}
	wrote(2)

	h.kill()
	h.launch()
	h.watchAgain()
	if s := h.phase("daemon", runner.Running); s.PID != second.PID || s.Restarts != 1 {
		t.Errorf("after hookd was killed: %+v, before %+v", s, second)
	}
	h.kill()
	syscall.Kill(second.PID, syscall.SIGKILL)
	h.launch()
	h.watchAgain()
	h.eventually("it is back", func() bool {
		s := h.services("daemon")
		return len(s) == 1 && s[0].Restarts == 2 && s[0].Phase == runner.Running && len(h.lines("pids")) == 3
	})

	h.kill()
	nstest.IP(t, "link", "set", "dev", "va", "down")
	h.launch()
	h.watchAgain()
	h.phase("daemon", runner.Inactive)
	h.eventually("the rule is gone", func() bool {
		lines := h.lines("rule")
		return len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], "service.stopped ")
	})
	var got []string
	for _, line := range slices.Compact(h.lines("rule")) {
		event, _, _ := strings.Cut(line, " ")
		got = append(got, event)
	}
	if !slices.Equal(got, []string{"service.started", "service.started", "service.started", "service.stopped"}) {
		t.Errorf("the hook that follows: %v", got)
	}
	if got := strings.Fields(h.file("pids")); len(got) != 3 {
		t.Errorf("it was started as %v", got)
	}
	h.stop()
}

// watchAgain watches a hookd that was started anew.
func (h *host) watchAgain() {
	h.eventually("hookd listens", func() bool { return h.call(control.MethodStatus, nil, nil) == nil })
	h.watch()
}

func TestNetnsManage(t *testing.T) {
	if nstest.Enter(t) {
		testManage(t, executorProcess)
	}
}

// testManage starts and stops by hand, and is told what is missing.
func testManage(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{
		"tunnel.hook": "[Hook]\nType=service\nParameter=site\nConditionReachable=192.0.2.9\nEnvironment=SITE=%{site}\n" +
			"Exec=/bin/sh -c 'echo to $SITE; exec sleep 100000'\n",
		"once.hook": "[Hook]\nType=service\nExec=/bin/sh -c 'echo bad luck; exit 3'\n",
	})
	h.start()
	manage := func(verb, hook string, params ...control.EmitParam) (string, error) {
		var reply control.ServicesReply
		err := h.call(control.MethodManage, control.ManageRequest{Verb: verb, Hook: hook, Parameters: params}, &reply)
		var out []string
		for _, s := range reply.Services {
			out = append(out, s.Hook+" "+string(s.Phase))
		}
		return strings.Join(out, ", "), err
	}
	site := control.EmitParam{Key: "site", Value: "a"}
	for _, test := range []struct {
		params []control.EmitParam
		want   string
	}{
		{nil, "it needs the parameter site, which is not given"},
		{[]control.EmitParam{site}, "ConditionReachable=192.0.2.9: "},
	} {
		if _, err := manage("start", "tunnel", test.params...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("start with %v: %v, want %s", test.params, err, test.want)
		}
	}
	h.veth("va", "vb")
	nstest.IP(t, "link", "set", "dev", "va", "up")
	nstest.IP(t, "link", "set", "dev", "vb", "up")
	nstest.IP(t, "address", "add", "192.0.2.1/24", "dev", "va")
	var got string
	var err error
	h.eventually("it starts", func() bool { got, err = manage("start", "tunnel", site); return err == nil })
	if got != "tunnel running" {
		t.Errorf("start: %s", got)
	}
	h.eventually("its output is there", func() bool {
		s := h.services("tunnel")
		return len(s) == 1 && strings.Contains(string(s[0].Output), "to a\n")
	})
	if got, err := manage("stop", "tunnel"); err != nil || got != "tunnel inactive" {
		t.Errorf("stop: %s, %v", got, err)
	}
	// The program may end before or after it counts as started, which with Type=exec it is as soon as it is executed.
	if got, err := manage("start", "once"); err == nil && got != "once running" && got != "once broken" {
		t.Errorf("start of what ends with 3: %s", got)
	}
	s := h.phase("once", runner.Broken)
	if s.ExitStatus == nil || *s.ExitStatus != 3 || s.Result != "exit-code" || !strings.Contains(string(s.Output), "bad luck") {
		t.Errorf("what ended with 3: %+v", s)
	}
	h.stop()
}

// TestNetnsHookComesLate drops a hook in when its state holds already.
func TestNetnsHookComesLate(t *testing.T) {
	if nstest.Enter(t) {
		testHookComesLate(t, executorProcess)
	}
}

func testHookComesLate(t *testing.T, executor string) {
	h := newServiceHost(t, executor, map[string]string{"other.hook": "[Hook]\nOn=user.x\nExec=/bin/true\n"})
	h.start()
	h.veth("va", "vb")
	nstest.IP(t, "link", "set", "dev", "va", "up")
	nstest.IP(t, "link", "set", "dev", "vb", "up")
	h.write("hooks/late.hook", "[Hook]\nType=service\nWhile=link-up interface=va\nExec=/bin/sleep 100000\n", 0o644)
	s := h.phase("late", runner.Running)
	os.Remove(h.path("hooks/late.hook"))
	h.eventually("it is gone with its file", func() bool { return len(h.services("")) == 0 && !lives(s.PID) })
	if diff := cmp.Diff(true, time.Since(s.Since) > 0); diff != "" {
		t.Error(diff)
	}
	h.stop()
}

// The same on a host with systemd.
func TestBootedServices(t *testing.T) {
	if booted.Enter(t, booted.Bookworm) {
		testServices(t, executorSystemd)
	}
}

func TestBootedManage(t *testing.T) {
	if booted.Enter(t, booted.Bookworm) {
		testManage(t, executorSystemd)
	}
}
