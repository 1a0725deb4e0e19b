package hookshim

import (
	"maps"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"hookd/internal/nstest"
)

// holding is a line of a script that says that it runs and goes on when it may, where a test wants that.
func holding(name string) string {
	return "echo " + name + " >>DIR/ran\nif test -e DIR/hold-" + name + "; then\n\ttouch DIR/at\n\twhile ! test -e DIR/go; do sleep 0.01; done\nfi"
}

// losing is a world with a hookd, in which a veto comes after a script, and another hook after one.
func losing(t *testing.T, others map[string]string) (*world, *exec.Cmd) {
	hooks := map[string]string{
		"a":     hook("", holding("a")),
		"a2":    hook("After=a", "echo a2 >>DIR/ran"),
		"gate":  hook("Failure=abort", "echo gate >>DIR/ran; echo no; exit 9"),
		"later": hook("", "echo later >>DIR/ran"),
		"down":  "#!/bin/sh\n# [Hook]\n# On=ifupdown.post-down\necho down >>DIR/ran\n",
	}
	maps.Copy(hooks, others)
	w := adopted(t, hooks, map[string]string{"b": script(holding("B")), "h": script("echo H >>DIR/ran")})
	w.mkdir("etc/network/if-post-down.d")
	return w, w.daemon()
}

// lose has a hookd go away while something runs, and tells how the shim ended.
func (w *world) lose(cmd *exec.Cmd, phase, during string, how syscall.Signal, restart bool) outcome {
	w.t.Helper()
	w.write("hold-"+during, "")
	call := w.call([]string{"IFACE=eth0"}, "run-parts", w.path("etc/network/if-"+phase+".d"))
	ended := w.begin(call)
	w.eventually(during+" runs", func() bool { _, err := os.Stat(w.path("at")); return err == nil })
	w.must(cmd.Process.Signal(how))
	if during == "a" { // hookd waits for it when it may
		w.write("go", "")
	}
	cmd.Wait()
	if restart {
		w.daemon()
	}
	w.write("go", "")
	return <-ended
}

// B1: hookd goes away between or in the hooks of a guided run, with or without another one that comes after it. What it was never
// let begin runs in its order, once, and a veto holds; no later hookd carries anything on.
func TestGuidedLosesHookd(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const unknown = "hookshim: what became of a a2 of ifupdown.pre-up is in hookctl history, and stops nothing: hookd at DIR/state/control.sock ended the conversation\n"
	const here = "hookshim: the other oneshots run here: "
	const no = "hookshim: gate: failed, exit status 9: no\n"
	for name, test := range map[string]struct {
		during  string
		how     syscall.Signal
		restart bool
		ran     string
		err     []string // its parts, in order
	}{
		"killed in a script":              {"B", syscall.SIGKILL, false, "a a2 B gate", []string{here, no}},
		"killed in a script, and another": {"B", syscall.SIGKILL, true, "a a2 B gate", []string{here, no}},
		"ended in a script":               {"B", syscall.SIGTERM, false, "a a2 B gate", []string{here, no}},
		"ended in a script, and another":  {"B", syscall.SIGTERM, true, "a a2 B gate", []string{here, no}},
		"killed in a hook":                {"a", syscall.SIGKILL, false, "a B gate", []string{unknown, here, no}},
		"killed in a hook, and another":   {"a", syscall.SIGKILL, true, "a B gate", []string{unknown, here, no}},
		"ended in a hook":                 {"a", syscall.SIGTERM, false, "a a2 B gate", []string{here, no}},
		"ended in a hook, and another":    {"a", syscall.SIGTERM, true, "a a2 B gate", []string{here, no}},
	} {
		t.Run(name, func(t *testing.T) {
			w, cmd := losing(t, nil)
			got := w.lose(cmd, "pre-up", test.during, test.how, test.restart)
			if !inOrder(got.err, test.err) || strings.Count(got.err, "\n") > len(test.err) || got.status != 1 {
				t.Errorf("status %d\n%s", got.status, got.err)
			}
			w.ran(test.ran)
			w.notContinued(test.restart)
		})
	}
}

// inOrder says whether a text has parts one after the other.
func inOrder(text string, parts []string) bool {
	for _, part := range parts {
		_, rest, found := strings.Cut(text, part)
		if text = rest; !found {
			return false
		}
	}
	return true
}

// notContinued says whether an ifup that is over stays so with a hookd that comes later: what it did first, of that interface, is over
// when another event of it is.
func (w *world) notContinued(runs bool) {
	w.t.Helper()
	if !runs {
		w.daemon()
	}
	w.expect(w.runParts("post-down", []string{"IFACE=eth0"}), 0, "")
	w.ran("down")
}

// B1: in a phase without a veto all hooks and scripts run, in their order.
func TestGuidedLosesHookdLater(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	w, cmd := losing(t, map[string]string{
		"gate":   hook("", "echo gate >>DIR/ran"),
		"x.hook": "[Hook]\nOn=ifupdown.up\nType=service\nExec=/bin/sleep 60\n",
		"y.hook": "[Hook]\nOn=ifupdown.up\nSettle=1m\nExec=/bin/true\n",
	})
	got := w.lose(cmd, "up", "B", syscall.SIGKILL, false)
	why, service, _ := strings.Cut(got.err, "\n")
	if !strings.HasPrefix(why, "hookshim: the other oneshots run here: ") || service != "hookshim: hookd does not run: the service x is not started\n" || got.status != 0 {
		t.Errorf("%+v", got)
	}
	w.ran("a a2 B gate H later")
	w.notContinued(false)
}

// B2: a hookd that is stopped while it runs a hook holds nobody up for longer than the hook may take.
func TestB2StoppedWithLock(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	w := newWorld(t, map[string]string{"a": hook("Timeout=2s\nKillAfter=100ms", "echo a >>DIR/ran; exec sleep 60"), "b": hook("After=a", "echo b >>DIR/ran")})
	cmd := w.daemon()
	first := w.call([]string{"IFACE=eth0"}, "ifupdown", "up")
	w.must(first.Start())
	defer first.Wait()
	w.eventually("the hook runs", func() bool { return strings.HasPrefix(w.read("ran"), "a") })
	w.must(cmd.Process.Signal(syscall.SIGSTOP))
	defer cmd.Process.Signal(syscall.SIGCONT)
	w.eventually("hookd stands still", func() bool { return stands(cmd.Process.Pid) })
	os.Remove(w.path("ran"))
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "up"), 0,
		"hookshim: the oneshots run here: hookd at DIR/state/control.sock does not answer\nhookshim: a: skipped, another process runs it\n")
	w.ran("b")
}
