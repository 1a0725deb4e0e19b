package hookd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/cmd/internal/hookshim"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/internal/nstest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// asHookd in the environment makes the test binary hookd itself.
const asHookd = "HOOKD_TEST_AS_HOOKD"

func TestMain(m *testing.M) {
	if os.Getenv(asHookd) != "" {
		trust := hookspec.TrustOf()
		trust.UIDs = append(trust.UIDs, 65534) // whom a user namespace does not know: there the owner of /usr
		os.Exit(Main(os.Args[1:], trust, os.Stdout, os.Stderr))
	}
	if len(os.Args) == 2 && (os.Args[1] == "monitor" || os.Args[1] == "enter") {
		os.Exit(hookshim.Main(os.Args, os.Stdout, os.Stderr))
	}
	if path := os.Getenv(asEmit); path != "" {
		emitter(path)
	}
	if path := os.Getenv(asStranger); path != "" {
		stranger(path)
	}
	os.Exit(m.Run())
}

// host is a hookd in the namespace of its test, and who watches it.
type host struct {
	t     *testing.T
	dir   string
	env   []string // besides the test's own
	args  []string // besides the usual ones
	cmd   *exec.Cmd
	ended chan struct{}
	log   *lines

	mu      sync.Mutex
	records []control.Record
}

// lines collects what is written to it.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newHost writes hook files; those with #! are executable.
func newHost(t *testing.T, hooks map[string]string) *host {
	h := &host{t: t, dir: t.TempDir(), log: &lines{}}
	for name, text := range hooks {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		h.write("hooks/"+name, text, mode)
	}
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) write(name, text string, mode os.FileMode) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), []byte(strings.ReplaceAll(text, "DIR", h.dir)), mode); err != nil {
		h.t.Fatal(err)
	}
}

// start starts hookd and waits until it listens.
func (h *host) start() {
	h.t.Helper()
	h.launch()
	h.t.Cleanup(h.stop)
	h.eventually("hookd listens", func() bool { return h.call(control.MethodStatus, nil, nil) == nil })
}

// launch starts hookd.
func (h *host) launch() {
	h.t.Helper()
	h.cmd = exec.Command(os.Args[0], append([]string{"--hooks", h.path("hooks"), "--state", h.path("state"), "--log-level", "debug"}, h.args...)...)
	h.cmd.Env = append(os.Environ(), append(h.env, asHookd+"=1")...)
	h.cmd.Stderr = h.log
	h.run()
}

// run starts the command that is hookd.
func (h *host) run() {
	h.t.Helper()
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	cmd, ended := h.cmd, make(chan struct{})
	h.ended = ended
	go func() { cmd.Wait(); close(ended) }()
}

// kill kills hookd, which leaves it no time for anything.
func (h *host) kill() {
	h.cmd.Process.Kill()
	<-h.ended
}

// stop ends hookd with SIGTERM and expects it to end cleanly.
func (h *host) stop() {
	h.t.Helper()
	if ended(h.ended) {
		return
	}
	h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.ended:
		if !h.cmd.ProcessState.Success() {
			h.t.Errorf("hookd ended with %v", h.cmd.ProcessState)
		}
	case <-time.After(patience):
		h.t.Error("hookd does not end")
		h.cmd.Process.Kill()
	}
	if h.t.Failed() {
		h.t.Log(h.log.String())
	}
}

func ended(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (h *host) call(method string, params, out any) error {
	if params == nil {
		params = struct{}{}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), patience) // cleanups call, too
	defer cancel()
	return control.Call(ctx, h.path("state/control.sock"), method, params, false, func(raw json.RawMessage) error {
		if out == nil {
			return nil
		}
		return json.Unmarshal(raw, out)
	})
}

// watch collects records from now on.
func (h *host) watch(pattern ...string) {
	h.t.Helper()
	watching := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	go control.Call(ctx, h.path("state/control.sock"), control.MethodWatch, control.WatchRequest{Pattern: pattern}, true, func(raw json.RawMessage) error {
		var r control.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.records = append(h.records, r)
		if r.Kind == "watching" {
			close(watching)
		}
		return nil
	})
	select {
	case <-watching:
	case <-time.After(patience):
		h.t.Fatal("cannot watch")
	}
}

func (h *host) seen() []control.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.records)
}

func (h *host) eventually(what string, holds func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) || h.ended != nil && ended(h.ended) {
			h.t.Fatalf("never: %s\n%s", what, h.log.String())
		}
	}
}

// job waits for the record of a job of the hook and returns it.
func (h *host) job(hook string) control.Record {
	h.t.Helper()
	var found control.Record
	h.eventually("a job of "+hook, func() bool {
		for _, r := range h.seen() {
			if r.Kind == "job" && r.Job.Hook == hook {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

// file waits for a file with a text and returns it.
func (h *host) file(name string) string {
	h.t.Helper()
	var text []byte
	h.eventually("file "+name, func() bool {
		text, _ = os.ReadFile(h.path(name))
		return len(bytes.TrimSpace(text)) > 0
	})
	return strings.TrimSpace(string(text))
}

func (h *host) veth(a, b string) {
	nstest.IP(h.t, "link", "add", "name", a, "type", "veth", "peer", "name", b)
	for _, name := range []string{a, b} {
		nstest.IP(h.t, "link", "set", "dev", name, "addrgenmode", "none")
	}
}

func lives(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// TestNetnsStraightLine is the whole way: hook files, a change that the kernel reports, the right hooks in the right
// order with the right parameters, one that fails, one that hangs with a grandchild, one that leaves a daemon behind.
func TestNetnsStraightLine(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const note = `echo "$HOOK_NAME $HOOK_EVENT $EVENT_INTERFACE $HOOK_SOURCE" >>DIR/order`
	h := newHost(t, map[string]string{
		"second":         "#!/bin/sh\n# [Hook]\n# On=link.up interface=va\n# After=first\n" + note + "\n",
		"first":          "#!/bin/sh\n# [Hook]\n# On=link.up interface=va\nsleep 0.2\n" + note + "\n",
		"forbidden":      "#!/bin/sh\n# [Hook]\n# On=link.up interface!=va interface!=vb interface!=lo\n" + note + "\n",
		"fails.hook":     "[Hook]\nOn=link.up interface=va\nExec=/bin/sh -c 'echo broken >&2; exit 5'\n",
		"needs.hook":     "[Hook]\nOn=link.up interface=va\nRequires=fails\nExec=/bin/true\n",
		"hears.hook":     "[Hook]\nOn=hook.failed hook=fails\nInput=json\nExec=/bin/sh -c 'cat >DIR/heard'\n",
		"hangs":          "#!/bin/sh\n# [Hook]\n# On=link.up interface=va\n# Timeout=500ms\n# KillAfter=100ms\ntrap '' TERM\nsh -c 'trap \"\" TERM; echo $$ >DIR/grandchild; sleep 1000' &\nsleep 1000\n",
		"leaves":         "#!/bin/sh\n# [Hook]\n# On=link.up interface=va\nsetsid sh -c 'echo $$ >DIR/daemon; exec sleep 1000' &\nwhile ! test -s DIR/daemon; do sleep 0.01; done\n",
		"parameter.hook": "[Hook]\nOn=link.up interface=va\nParameter=site\nExec=/bin/true\n",
	})
	h.start()
	h.watch()
	h.veth("va", "vb")
	nstest.IP(t, "link", "set", "dev", "vb", "up")
	nstest.IP(t, "link", "set", "dev", "va", "up")

	h.eventually("the run ends", func() bool { return h.runOf("link.up", "va") != nil })
	run := h.runOf("link.up", "va")
	got := map[string]string{}
	for _, j := range run.Ended.Jobs {
		got[j.Hook] = string(j.Result) + " " + j.Reason
	}
	want := map[string]string{"first": "done ", "second": "done ", "fails": "failed exit status 5", "hangs": "timeout it ran longer than 500ms",
		"leaves": "done ", "needs": "skipped it requires fails, whose result is failed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if got := h.file("order"); got != "first link.up va kernel\nsecond link.up va kernel" {
		t.Errorf("order: %s", got)
	}
	if out := h.job("fails").Job.Output; out != "broken\n" {
		t.Errorf("output of the hook that fails: %q", out)
	}
	var heard struct {
		Parameters map[string]string
		Cause      []struct{ Hook string }
	}
	if err := json.Unmarshal([]byte(h.file("heard")), &heard); err != nil || len(heard.Cause) != 1 || heard.Cause[0].Hook != "fails" ||
		heard.Parameters["exit-status"] != "5" {
		t.Errorf("follow-up: %+v, %v", heard, err)
	}
	if pid, _ := strconv.Atoi(h.file("grandchild")); lives(pid) {
		t.Error("the grandchild of the hook that hangs lives")
	}
	daemon, _ := strconv.Atoi(h.file("daemon"))
	defer syscall.Kill(daemon, syscall.SIGKILL)
	if left := h.job("leaves").Job.Left; len(left) != 1 || left[0].PID != daemon || !lives(daemon) {
		t.Errorf("left behind: %v, want process %d, which lives: %v", left, daemon, lives(daemon))
	}
	if len(run.Ended.Refused) != 1 || run.Ended.Refused[0].Hook != "parameter" {
		t.Errorf("refused: %v", run.Ended.Refused)
	}
	h.stop()
	if !lives(daemon) {
		t.Error("what a hook left behind does not outlive hookd")
	}
}

// runOf finds the record of the end of a run.
func (h *host) runOf(event, subject string) *control.Record {
	for _, r := range h.seen() {
		if r.Kind == "run" && r.Event.Name == event && r.Event.Subject == subject {
			return &r
		}
	}
	return nil
}

// The interfaces that are there when hookd starts fire their events, marked as such; hooks hear hookd start first.
func TestNetnsStart(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"all.hook":   "[Hook]\nOn=link.up\nExec=/bin/sh -c 'echo \"$HOOK_EVENT $EVENT_INTERFACE $HOOK_SOURCE\" >>DIR/seen'\n",
		"start.hook": "[Hook]\nOn=hookd.started\nExec=/bin/sh -c 'echo $EVENT_VERSION >DIR/started'\n",
	})
	h.veth("va", "vb")
	nstest.IP(t, "link", "set", "dev", "va", "up")
	nstest.IP(t, "link", "set", "dev", "vb", "up")
	h.eventually("carrier", func() bool {
		text, _ := os.ReadFile("/sys/class/net/va/operstate")
		out, _ := exec.Command("ip", "-o", "link", "show", "dev", "va").Output()
		return strings.TrimSpace(string(text)) == "up" || strings.Contains(string(out), "state UP")
	})
	h.start()
	h.eventually("three interfaces", func() bool { return strings.Count(h.file("seen"), "\n") == 2 })
	got := strings.Split(h.file("seen"), "\n")
	slices.Sort(got)
	if diff := cmp.Diff([]string{"link.up lo start", "link.up va start", "link.up vb start"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := h.file("started"); got != Version {
		t.Errorf("version %q", got)
	}
}

// A hung hook of one interface does not hold up the hooks of another one, nor hookd's end.
func TestNetnsSideBySide(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"hangs.hook": "[Hook]\nOn=link.added interface=va\nTimeout=10min\nExec=/bin/sh -c 'echo $$ >DIR/hangs; exec sleep 1000'\n",
		"other.hook": "[Hook]\nOn=link.added interface=vc\nExec=/bin/sh -c 'echo yes >DIR/other'\n",
		"same.hook":  "[Hook]\nOn=link.removed interface=va\nExec=/bin/sh -c 'echo yes >DIR/same'\n",
	})
	h.start()
	h.veth("va", "vb")
	pid, _ := strconv.Atoi(h.file("hangs"))
	h.veth("vc", "vd")
	h.file("other")
	nstest.IP(t, "link", "del", "dev", "va")
	nstest.IP(t, "link", "del", "dev", "vc")
	if _, err := os.Stat(h.path("same")); err == nil {
		t.Error("an event of the same interface did not wait")
	}
	h.stop()
	if lives(pid) {
		t.Error("the hook outlives hookd")
	}
	h.start() // goes on with what had not begun
	h.file("same")
}

// S5, S8: names as the kernel accepts them reach the hook byte for byte, and log and JSON without a raw control byte.
func TestNetnsS5Names(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	names := []string{"$(id)", ";id", "`id`", "&", "|x", "*", "{a,b}", "~root", "!x", "#x", "'", `"`, `\`, "A=1", "-rf", "--help", "..a", "a.b",
		"a@b", "\x1b[31m", "\x01", "\x7f", "\xff\xfe", "\u202ex", "$HOME"}
	h := newHost(t, map[string]string{
		"dump.hook": "[Hook]\nOn=link.added kind=bridge\nInput=json\nEnvironment=\"COPY=%{interface}\"\nExec=/bin/sh -c 'printf \"%%s\\\\0%%s\\\\0%%s\\\\0\" \"$1\" \"$EVENT_INTERFACE\" \"$COPY\" >>DIR/dump; cat >/dev/null' sh %{interface}\n",
	})
	h.start()
	h.watch("link.added", "kind=bridge")
	var made []string
	for _, name := range names {
		if addBridge(name) == nil {
			made = append(made, name)
		}
	}
	if len(made) < 20 {
		t.Fatalf("only %d of %d names could be made: %q", len(made), len(names), made)
	}
	h.eventually("all hooks", func() bool { return strings.Count(h.file("dump"), "\x00") == 3*len(made) })
	dump, err := os.ReadFile(h.path("dump"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for f := strings.Split(string(dump), "\x00"); len(f) >= 3; f = f[3:] {
		if f[0] != f[1] || f[0] != f[2] {
			t.Errorf("argument %q, variable %q, copy %q", f[0], f[1], f[2])
		}
		seen[f[0]] = true
	}
	var watched []string
	h.eventually("all records", func() bool {
		watched = nil
		for _, r := range h.seen() {
			if r.Kind == "event" {
				v, _ := r.Event.Get("interface")
				watched = append(watched, v)
			}
		}
		return len(watched) == len(made)
	})
	for _, name := range made {
		if !seen[name] || !slices.Contains(watched, name) {
			t.Errorf("%q: seen by its hook: %v, by a watcher: %v", name, seen[name], slices.Contains(watched, name))
		}
	}
	for _, c := range h.log.String() {
		if c < ' ' && c != '\n' || c == 0x7f || c == 0xfffd || c == 0x202e {
			t.Fatalf("the log holds a raw %q", c)
		}
	}
}

// A hook that its own result would start again, and two that start each other, end after one turn.
func TestNetnsLoops(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"ping.hook": "[Hook]\nOn=user.begin\nOn=hook.finished hook=pong\nExec=/bin/sh -c 'echo ping >>DIR/turns'\n",
		"pong.hook": "[Hook]\nOn=hook.finished hook=ping\nExec=/bin/sh -c 'echo pong >>DIR/turns'\n",
	})
	h.start()
	h.watch()
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.begin", Wait: true}, nil); err != nil {
		t.Fatal(err)
	}
	h.job("pong")
	h.eventually("the last event", func() bool {
		n := 0
		for _, r := range h.seen() {
			if r.Kind == "event" && r.Event.Name == "hook.finished" {
				n++
			}
		}
		return n == 2
	})
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.after", Wait: true}, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.file("turns"); got != "ping\npong" {
		t.Errorf("turns: %s", got)
	}
}

// SIGHUP reads the hooks anew while events flow.
func TestNetnsHangup(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"old.hook": "[Hook]\nOn=user.x\nExec=/bin/true\n"})
	h.start()
	h.write("hooks/new.hook", "[Hook]\nOn=user.x\nExec=/bin/true\n", 0o644)
	h.cmd.Process.Signal(syscall.SIGHUP)
	h.eventually("two hooks", func() bool {
		var s control.Status
		return h.call(control.MethodStatus, nil, &s) == nil && s.Hooks == 2
	})
}

// What the control socket refuses: who is not the owner, what is no event, what is no message.
func TestNetnsControl(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=user.x\nExec=/bin/true\n"})
	h.start()
	var remote *control.Error
	err := h.call(control.MethodEmit, control.EmitRequest{Event: "link.upp"}, nil)
	if !errors.As(err, &remote) || remote.Name != control.ErrRequest || !strings.Contains(remote.Message, "did you mean link.up?") {
		t.Errorf("emit of no event: %v", err)
	}
	err = h.call("io.hookd.Nonsense", nil, nil)
	if !errors.As(err, &remote) || remote.Name != control.ErrNoMethod {
		t.Errorf("no method: %v", err)
	}
	fi, err := os.Stat(h.path("state/control.sock"))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v %v", fi.Mode(), err)
	}
	dir, err := os.Stat(h.path("state"))
	if err != nil || dir.Mode().Perm()&0o022 != 0 {
		t.Errorf("state directory: %v %v", dir.Mode(), err)
	}
	// Another hookd does not take the socket away, nor a file that is none.
	for _, socket := range []string{h.path("state/control.sock"), h.path("hooks/a.hook")} {
		other := exec.Command(os.Args[0], "--hooks", h.path("hooks"), "--state", h.path("other"), "--socket", socket)
		other.Env = append(os.Environ(), asHookd+"=1")
		out, err := other.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "another hookd listens") && !strings.Contains(string(out), "is no socket") {
			t.Errorf("%s: %v %s", socket, err, out)
		}
	}
	if err := h.call(control.MethodStatus, nil, nil); err != nil {
		t.Error(err)
	}
}

// A state directory that others may write to is refused.
func TestNetnsState(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=user.x\nExec=/bin/true\n"})
	if err := os.Mkdir(h.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.path("state"), 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "--hooks", h.path("hooks"), "--state", h.path("state"))
	cmd.Env = append(os.Environ(), asHookd+"=1")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "is writable by everybody") {
		t.Errorf("%v %s", err, out)
	}
}

// addBridge makes a bridge of that name. What ip(8) refuses though the kernel would take it is left out.
func addBridge(name string) error {
	return exec.Command("ip", "link", "add", "name", name, "type", "bridge").Run()
}
