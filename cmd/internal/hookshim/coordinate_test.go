package hookshim

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/compat"
	"hookd/internal/control"
	"hookd/internal/nstest"
)

const ifUp = "etc/network/if-up.d"

// adopted is a world in which ifupdown is adopted, with scripts in if-up.d and if-pre-up.d.
func adopted(t *testing.T, hooks, scripts map[string]string) *world {
	w := newWorld(t, hooks)
	w.write("etc/hookd/adopted/ifupdown", "by path\n")
	w.mkdir(ifUp)
	w.mkdir("etc/network/if-pre-up.d")
	for name, text := range scripts {
		w.write(ifUp+"/"+name, text)
		w.write("etc/network/if-pre-up.d/"+name, text)
	}
	return w
}

// runParts calls hookshim as run-parts of the directory of a phase.
func (w *world) runParts(phase string, env []string, options ...string) outcome {
	w.t.Helper()
	args := append([]string{"run-parts"}, options...)
	return w.shim(env, append(args, w.path("etc/network/if-"+phase+".d"))...)
}

func script(text string) string { return "#!/bin/sh\n" + text + "\n" }

func hook(keys, text string) string {
	return "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# On=ifupdown.pre-up\n# " + strings.ReplaceAll(keys, "\n", "\n# ") + "\n\n" + text + "\n"
}

// both runs a test without a hookd and with one.
func both(t *testing.T, run func(t *testing.T, start func(w *world))) {
	if !nstest.Enter(t) {
		return
	}
	t.Run("local", func(t *testing.T) { run(t, func(*world) {}) })
	t.Run("daemon", func(t *testing.T) { run(t, func(w *world) { w.daemon() }) })
}

func (w *world) ran(want string) {
	w.t.Helper()
	if diff := cmp.Diff(want, strings.Join(strings.Fields(w.read("ran")), " ")); diff != "" {
		w.t.Errorf("what ran (-want +got):\n%s", diff)
	}
	os.Remove(w.path("ran"))
}

// Scripts and hooks come in one order.
func TestOneOrder(t *testing.T) {
	both(t, func(t *testing.T, start func(w *world)) {
		w := adopted(t, map[string]string{
			"c": hook("X-A=", "echo c >>DIR/ran"),
			"x": hook("Before=legacy:d\nAfter=c", "echo x >>DIR/ran"),
			"y": hook("After=x", "echo y >>DIR/ran"),
			"a": hook("After=legacy:d", "echo a >>DIR/ran"),
		}, map[string]string{
			"b": script("echo B >>DIR/ran"), "d": script("echo D >>DIR/ran"), "e": script("echo E >>DIR/ran"),
			"not.run": script("echo wrong >>DIR/ran"), "noexec": "echo wrong",
		})
		start(w)
		w.expect(w.runParts("up", []string{"IFACE=eth0"}), 0, "")
		w.ran("B c x D a E y")
		w.expect(w.runParts("pre-up", []string{"IFACE=eth0"}), 0, "")
		w.ran("B c x D a E y")
		w.expect(w.runParts("up", []string{"IFACE=eth0"}, "--verbose"), 0,
			"run-parts: executing DIR/etc/network/if-up.d/b\nrun-parts: executing DIR/etc/network/if-up.d/d\nrun-parts: executing DIR/etc/network/if-up.d/e\n")
		w.ran("B c x D a E y")
	})
}

// A failed script ends the run with --exit-on-error and does not without; a hook's veto ends it before the interface is up.
func TestFailures(t *testing.T) {
	both(t, func(t *testing.T, start func(w *world)) {
		w := adopted(t, map[string]string{"c": hook("", "echo c >>DIR/ran"), "z": hook("", "echo z >>DIR/ran")},
			map[string]string{"b": script("echo B >>DIR/ran; exit 4"), "d": script("echo D >>DIR/ran")})
		start(w)
		failed := "run-parts: DIR/etc/network/if-up.d/b exited with return code 4\n"
		w.expect(w.runParts("up", []string{"IFACE=eth0"}, "--compat=5.24"), 4, failed)
		w.ran("B c D z")
		w.expect(w.runParts("up", []string{"IFACE=eth0"}, "--exit-on-error", "--compat=5.24"), 4, failed)
		w.ran("B")
		w.expect(w.runParts("up", []string{"IFACE=eth0"}, "--exit-on-error", "--compat=5.7"), 1, failed)
		w.ran("B")
	})
}

func TestCoordinatedVeto(t *testing.T) {
	both(t, func(t *testing.T, start func(w *world)) {
		w := adopted(t, map[string]string{"c": hook("Failure=abort", "echo c >>DIR/ran; echo no; exit 9"), "z": hook("", "echo z >>DIR/ran")},
			map[string]string{"b": script("echo B >>DIR/ran"), "d": script("echo D >>DIR/ran")})
		start(w)
		const failed = "hookshim: c: failed, exit status 9: no\n"
		w.expect(w.runParts("pre-up", []string{"IFACE=eth0"}, "--exit-on-error"), 1, failed)
		w.ran("B c")
		w.expect(w.runParts("pre-up", []string{"IFACE=--all"}, "--exit-on-error"), 0, failed)
		w.ran("B c D")
		w.expect(w.runParts("up", []string{"IFACE=eth0"}), 0, failed)
		w.ran("B c D")
	})
}

// Scripts get what run-parts gives them, and nothing of what hooks between them need.
func TestScriptsAsEver(t *testing.T) {
	const show = "echo $0; pwd; umask; env | sort; readlink /proc/self/fd/7; cat; ls -l /proc/self/fd/2 | sed 's/.*-> //' | tr -d 0-9; cat /proc/self/stat | cut -d' ' -f5,6 | tr -d '0-9'; grep Sig[BIC] /proc/self/status"
	both(t, func(t *testing.T, start func(w *world)) {
		w := adopted(t, map[string]string{"b1": hook("", "umask >>DIR/hook; ls /proc/self/fd | wc -l >>DIR/hook")},
			map[string]string{"a": script(show), "b": script(show), "c": script(show)})
		start(w)
		call := func(hooks string) string {
			cmd := w.call([]string{"IFACE=eth0", "PATH=/usr/bin:/bin", "MINE=x y", "PWD=" + w.dir}, "run-parts", "--umask=027", "--arg=x", w.path(ifUp))
			cmd.Args[4] = hooks
			cmd.Dir, cmd.Stdin = w.dir, strings.NewReader("input\n")
			cmd.ExtraFiles = []*os.File{os.Stderr, os.Stderr, os.Stderr, os.Stderr, open(t, w.path("etc"))}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
			return out.String()
		}
		with := call(w.path("hooks"))
		hooked := w.read("hook")
		w.must(os.RemoveAll(w.path("hooks")))
		w.must(os.Remove(w.path("etc/hookd/adopted/ifupdown")))
		without := call(w.path("none"))
		if diff := cmp.Diff(without, with); diff != "" {
			t.Errorf("with hooks (+) and without (-):\n%s", diff)
		}
		if !strings.Contains(with, "0027") || !strings.Contains(with, w.path("etc")+"\n") || strings.Count(with, "input") != 1 {
			t.Errorf("got\n%s", with)
		}
		if hooked != "0022\n4\n" {
			t.Errorf("the hook has umask and descriptors %q", hooked)
		}
	})
}

func open(t *testing.T, path string) *os.File {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Whatever is wrong with us, scripts run as ever.
func TestFaultsOfOurs(t *testing.T) {
	scripts := map[string]string{"a": script("echo A >>DIR/ran"), "b": script("echo B >>DIR/ran")}
	const hello = `{"parameters":{"version":"x"}}`
	const begun = `{"continues":true,"parameters":{"run":"r","steps":[{"script":"a"},{"hooks":["h"]},{"script":"b"}]}}`
	lost, here := "hookshim: what became of h of ifupdown.up is in hookctl history: ", "hookshim: the oneshots run here: "
	for name, test := range map[string]struct {
		prepare func(w *world)
		env     string
		err     string
	}{
		"record that cannot be read": {prepare: func(w *world) { w.write("etc/hookd/adopted/ifupdown", "nonsense here\n") },
			err: "hookshim: no hook runs: cannot read the record DIR/etc/hookd/adopted/ifupdown: line 1: \"nonsense here\" is no change\n"},
		"record that everybody may write": {prepare: func(w *world) { w.must(os.Chmod(w.path("etc/hookd/adopted/ifupdown"), 0o666)) },
			err: "hookshim: no hook runs: the record of ifupdown is not to be believed: DIR/etc/hookd/adopted/ifupdown is writable by everybody (mode 0666)\n"},
		"faults in all hooks":   {prepare: func(w *world) { w.write("hooks/x.hook", "[Hook]\nOn=nosuch\n"); w.write("hooks/y.hook", "junk") }, err: "hookshim: faults in the hook files: 3 (hookctl check)\n"},
		"hooks that are a file": {prepare: func(w *world) { w.must(os.Remove(w.path("hooks"))); w.write("hooks", "") }, err: "hookshim: faults in the hook files: 1 (hookctl check)\n"},
		"nonsense":              {prepare: func(w *world) { w.fake(func(c *fakeClient) { c.heard(); c.answer(hello); c.heard(); c.answer("[") }) }, err: here + "cannot read the answer of hookd at DIR/state/control.sock: unexpected end of JSON input\n"},
		"other scripts": {prepare: func(w *world) {
			w.fake(func(c *fakeClient) {
				c.heard()
				c.answer(hello)
				c.heard()
				c.answer(`{"continues":true,"parameters":{"run":"r","steps":[{"script":"b"},{"hooks":["h"]},{"script":"a"}]}}`)
				c.heard()
			})
		}, err: here + "hookd answers with other scripts than there are\n"},
		"dead after a step": {prepare: func(w *world) {
			w.fake(func(c *fakeClient) { c.serve(map[string]string{"Hello": hello, "Report": begun}) })
		}, err: lost + "hookd at DIR/state/control.sock ended the conversation\n"},
		"refuses to proceed": {prepare: func(w *world) {
			w.fake(func(c *fakeClient) {
				c.serve(map[string]string{"Hello": hello, "Report": begun, "Proceed": `{"error":"io.hookd.BadRequest","parameters":{"message":"no"}}`})
			})
		}, err: "hookshim: the other oneshots run here: no\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := adopted(t, nil, scripts)
			test.prepare(w)
			w.expect(w.runParts("up", []string{"IFACE=eth0"}), 0, test.err)
			w.ran("A B")
		})
	}
}

// With nothing in the directory the hooks run all the same, and with standard descriptors closed nothing is mixed up.
func TestBareDirectory(t *testing.T) {
	both(t, func(t *testing.T, start func(w *world)) {
		w := adopted(t, map[string]string{"c": hook("Failure=abort", "echo c >>DIR/ran; exit 1")}, nil)
		start(w)
		w.expect(w.runParts("pre-up", []string{"IFACE=eth0"}), 1, "hookshim: c: failed, exit status 1\n")
		w.ran("c")
		w.write(ifUp+"/b", script("echo B >>DIR/ran"))
		cmd := exec.Command("/bin/sh", "-c", `exec "$@" <&- >&- 2>&-`, "sh", w.path("hookshim"), "--socket", w.path("state/control.sock"), "--hooks", w.path("hooks"), "--root", w.dir, "run-parts", w.path(ifUp))
		cmd.Env = []string{"IFACE=eth0"}
		if err := cmd.Run(); err != nil {
			t.Error(err)
		}
		w.ran("B c")
	})
}

// What is only listed is listed as ever, and a directory that links stand in is left to them.
func TestNotCoordinated(t *testing.T) {
	w := adopted(t, map[string]string{"c": hook("", "echo c >>DIR/ran")}, map[string]string{"b": script("echo B >>DIR/ran")})
	for _, option := range []string{"--test", "--list"} {
		cmd := w.call(nil, "run-parts", option, w.path(ifUp))
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != w.path(ifUp)+"/b\n" {
			t.Errorf("%s: %s %v", option, out, err)
		}
	}
	w.ran("")
	w.write("etc/hookd/adopted/ifupdown", "by links\n")
	w.expect(w.runParts("up", []string{"IFACE=eth0"}), 0, "")
	w.ran("B")
}

// Under the name run-parts we are our own one where no link has put us in front of the real one, which test/oldworld has.
func TestOwnRunParts(t *testing.T) {
	if _, err := os.Lstat(compat.RunParts); err == nil {
		t.Skipf("there is %s", compat.RunParts)
	}
	w := newWorld(t, nil)
	w.write("d/b", script("readlink /proc/$PPID/exe"))
	out, err := exec.Command(w.path("run-parts"), w.path("d")).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != w.self() {
		t.Errorf("%s runs, %v", got, err)
	}
}

// A script that runs its own directory again does not wait for itself, nor do the hooks that come after it (failures: R9).
func TestScriptRunsItsDirectory(t *testing.T) {
	both(t, func(t *testing.T, start func(w *world)) {
		w := adopted(t, map[string]string{"c": hook("", "echo c >>DIR/ran")}, map[string]string{
			"b": script(`echo B >>DIR/ran
[ "$IF_NESTED" ] || IF_NESTED=1 DIR/hookshim --socket DIR/state/control.sock --hooks DIR/hooks --root DIR run-parts DIR/` + ifUp),
			"d": script("echo D >>DIR/ran"),
		})
		start(w)
		w.expect(w.runParts("up", []string{"IFACE=eth0"}), 0, "")
		w.ran("B B c D c D")
	})
}

// What has become of the scripts stands in the history, with and without hooks beside them.
func TestScriptsInHistory(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	w := adopted(t, map[string]string{"c": hook("", "exit 0")}, map[string]string{
		"a": script("exit 0"), "b": script("exit 3"), "d": script("kill -9 $$"), "e": "#!/no/interpreter\n"})
	w.mkdir("etc/network/if-down.d")
	w.write("etc/network/if-down.d/alone", script("exit 0"))
	w.daemon()
	w.runParts("up", []string{"IFACE=eth0", "IF_NOTE=$(id)"})
	w.runParts("down", []string{"IFACE=eth0"})
	var got []string
	err := control.Call(t.Context(), w.path("state/"+control.SocketName), control.MethodHistory, control.HistoryRequest{}, true, func(raw json.RawMessage) error {
		var reply control.HistoryReply
		if err := json.Unmarshal(raw, &reply); err != nil || reply.Entry == nil {
			return err
		}
		for _, j := range reply.Entry.Jobs {
			got = append(got, strings.TrimSpace(strings.Join([]string{reply.Entry.Event.String(), j.Hook, string(j.Result), j.Reason}, " ")))
		}
		return nil
	})
	const up = `ifupdown.up interface=eth0 if-note=$(id) `
	want := []string{up + "c done", up + "legacy:a done", up + "legacy:b failed exit status 3", up + "legacy:d failed ended by SIGKILL",
		up + "legacy:e failed No such file or directory", "ifupdown.down interface=eth0 legacy:alone done"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, the history is (-want +got):\n%s", err, diff)
	}
}

// B15: a hookd that does not listen to us is there all the same: scripts run, and no hook with fewer rights than it should have.
func TestB15Forbidden(t *testing.T) {
	const hello, no = `{"parameters":{"version":"x"}}`, `{"error":"io.hookd.PermissionDenied","parameters":{"message":"only root"}}`
	for name, prepare := range map[string]func(w *world){
		"refused": func(w *world) { w.fake(func(c *fakeClient) { c.serve(map[string]string{"Hello": no}) }) },
		"reported": func(w *world) {
			w.fake(func(c *fakeClient) { c.serve(map[string]string{"Hello": hello, "Report": no}) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := adopted(t, map[string]string{"c": hook("", "echo c >>DIR/ran")}, map[string]string{"b": script("echo B >>DIR/ran")})
			prepare(w)
			w.expect(w.runParts("up", []string{"IFACE=eth0"}), 0, "hookshim: no hook runs: only root\n")
			w.ran("B")
			w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "up"), 0, "hookshim: no hook runs: only root\n")
			w.ran("")
		})
	}
}

// B13: with a signal that ends run-parts the hook that runs here ends, too, and no script comes after it.
func TestB13SignalInHook(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		w := adopted(t, map[string]string{"a": hook("", "true"), "c": hook("", "trap 'echo ended >>DIR/ran; exit' TERM\necho c >>DIR/ran\nsleep 60 &\nwait")},
			map[string]string{"b": script("echo B >>DIR/ran"), "d": script("echo D >>DIR/ran")})
		call := w.call([]string{"IFACE=eth0"}, "run-parts", w.path(ifUp))
		ended := w.begin(call)
		w.eventually("the hook runs", func() bool { return strings.Contains(w.read("ran"), "c") })
		w.must(call.Process.Signal(s))
		w.expect(<-ended, -1, "")
		if got := call.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != s {
			t.Errorf("ended by %s, not %s", got, s)
		}
		w.ran("B c ended")
	}
}

// A hookd that ends while it is spoken to ends no run-parts, which SIGPIPE does.
func TestBrokenPipe(t *testing.T) {
	w := adopted(t, map[string]string{"c": hook("", "echo c >>DIR/ran")}, map[string]string{"b": script("echo B >>DIR/ran")})
	w.fake(func(c *fakeClient) { c.heard(); c.answer(`{"parameters":{"version":"x"}}`) })
	for range 10 {
		if got := w.runParts("up", []string{"IFACE=eth0"}); got.status != 0 {
			t.Fatalf("%+v", got)
		}
		w.ran("B c")
	}
}
