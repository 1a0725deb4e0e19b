package hookshim

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hookd/cmd/internal/hookd"
	"hookd/compat"
	"hookd/compat/runparts"
	"hookd/hookspec"
	"hookd/internal/control"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// The test binary is hookd where a link to it has that name, and hookshim under every other name but its own.
const asDaemon = "daemon"

func TestMain(m *testing.M) {
	trust := hookspec.TrustOf()
	trust.UIDs = append(trust.UIDs, 65534) // whom a user namespace does not know: there the owner of /usr
	switch name := base(os.Args[0]); {
	case name == asDaemon:
		os.Exit(hookd.Main(os.Args[1:], trust, os.Stdout, os.Stderr))
	case name == "dump":
		dump()
	case name == "script":
		os.Exit(0)
	case !strings.HasSuffix(name, ".test"):
		os.Exit(trusting(os.Args, func() hookspec.Trust { return trust }, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// dump is a hook that writes down its arguments and environment as they are, in a file of its own beside it.
func dump() {
	text := strings.Join(os.Args, "\x00") + "\x00\x00\x00" + strings.Join(os.Environ(), "\x00")
	path := filepath.Join(filepath.Dir(os.Args[0]), "dumped")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// world is a directory with hooks, links in old directories and perhaps a hookd.
type world struct {
	t   *testing.T
	dir string
}

func newWorld(t *testing.T, hooks map[string]string) *world {
	w := &world{t, t.TempDir()}
	w.mkdir("hooks")
	for name, text := range hooks {
		w.write("hooks/"+name, text)
	}
	for _, name := range []string{"hookshim", asDaemon, "dump", "run-parts"} {
		w.must(os.Symlink(w.self(), w.path(name)))
	}
	return w
}

// self is the test binary.
func (w *world) self() string {
	path, err := os.Executable()
	w.must(err)
	return path
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) mkdir(name string) { w.must(os.MkdirAll(w.path(name), 0o755)) }

// write writes a file with DIR filled in; one with #! is executable.
func (w *world) write(name, text string) {
	w.t.Helper()
	w.mkdir(filepath.Dir(name))
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	w.must(os.WriteFile(w.path(name), []byte(strings.ReplaceAll(text, "DIR", w.dir)), mode))
}

func (w *world) read(name string) string {
	text, _ := os.ReadFile(w.path(name))
	return string(text)
}

// outcome is how a call ended.
type outcome struct {
	status int
	err    string
}

// call makes a command of hookshim with the flags of this world.
func (w *world) call(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(w.path("hookshim"), append([]string{"--socket", w.path("state/control.sock"), "--hooks", w.path("hooks"), "--root", w.dir}, args...)...)
	cmd.Env = append([]string{}, env...)
	return cmd
}

// shim calls hookshim outright and waits.
func (w *world) shim(env []string, args ...string) outcome {
	w.t.Helper()
	return w.wait(w.call(env, args...))
}

func (w *world) wait(cmd *exec.Cmd) outcome {
	w.t.Helper()
	return <-w.begin(cmd)
}

// begin starts a command and tells how it ended.
func (w *world) begin(cmd *exec.Cmd) <-chan outcome {
	w.t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	w.must(cmd.Start())
	ended := make(chan outcome, 1)
	go func() { // until the command ends, or has had its time
		stop := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		cmd.Wait()
		if !stop.Stop() {
			w.t.Errorf("%q does not end: %s", cmd.Args, &stderr)
		}
		ended <- outcome{cmd.ProcessState.ExitCode(), strings.ReplaceAll(stderr.String(), w.dir, "DIR")}
	}()
	return ended
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("it never came about that %s", what)
		}
	}
}

func (w *world) expect(got outcome, status int, err string) {
	w.t.Helper()
	if got.status != status || got.err != err {
		w.t.Errorf("status %d, want %d\n--- got\n%s--- want\n%s", got.status, status, got.err, err)
	}
}

const failing = "#!/bin/sh\n# [Hook]\n# On=ifupdown.pre-up\n# On=ifupdown.up\n# Failure=abort\necho\necho first \"'line'\"\necho second\nexit 3\n"

func TestWrongUsage(t *testing.T) {
	w := newWorld(t, nil)
	for _, args := range [][]string{{"nosuch"}, {"ifupdown"}, {"ifupdown", "nosuch"}, {"ppp"}, {"--nosuch", "ppp"}, {"--socket"}, {}, {"monitor", "x"}} {
		got := w.wait(exec.Command(w.path("hookshim"), args...))
		if got.status != 2 || !strings.Contains(got.err, "Usage: hookshim") {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// What an old system hands over is never wrong: a line says what is odd about it.
func TestOddEvents(t *testing.T) {
	w := newWorld(t, map[string]string{"a": failing})
	w.expect(w.shim(nil, "dhclient"), 0, "hookshim: no hook runs: unknown event dhclient. (did you mean dhclient.nbi?)\n")
	w.expect(w.shim(nil, "networkmanager", "eth0", "new\naction"), 0, "hookshim: no hook runs: unknown event \"networkmanager.new\\naction\" (did you mean networkmanager.reapply?)\n")
	w.expect(w.shim(nil, "system-sleep", "soon", "suspend"), 0, "hookshim: no hook runs: phase is never soon, only pre, post\n")
	w.expect(w.shim(nil, "system-sleep"), 0, "")
	w.expect(w.shim([]string{"IFACE=a", "IFACE=b", "=", "x"}, "ifupdown", "down"), 0, "")
}

// Without a hookd oneshots run here, and what else there is, is told.
func TestLocal(t *testing.T) {
	w := newWorld(t, map[string]string{
		"a":      failing,
		"b.hook": "[Hook]\nType=service\nOn=ifupdown.up\nExec=/bin/sleep 9\n",
		"c.hook": "[Hook]\nOn=ifupdown.up\nSettle=3s\nExec=/bin/sleep 9\n",
		"d":      "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# Before=a\necho fine; touch DIR/ran\n",
		"e":      "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# Before=a\n# ConditionUnitActive=x.service\ntouch DIR/wrong\n",
		"f":      "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# Before=a\n# ConditionPathExists=DIR/hooks\n# ConditionInterfaceUp=!nosuch\ntouch DIR/also\n",
		"g":      "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# Before=a\n# ConditionPathExists=DIR/none\ntouch DIR/wrong\n",
		"h.hook": "[Hook]\nOn=ifupdown.nosuch\n",
	})
	const here = "hookshim: faults in the hook files: 2 (hookctl check)\n"
	const service = "hookshim: hookd does not run: the service b is not started\nhookshim: hookd does not run: c, which waits for its Settle=, does not run either\n"
	const failed = "hookshim: a: failed, exit status 3: first 'line'\n"
	got := w.shim([]string{"IFACE=eth0"}, "ifupdown", "up")
	w.expect(got, 0, here+service+"hookshim: e: skipped, ConditionUnitActive=x.service: hookd does not run, and nobody else can tell\n"+failed)
	for name, want := range map[string]bool{"ran": true, "also": true, "wrong": false} {
		if _, err := os.Stat(w.path(name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "pre-up"), 1, here+failed)
	w.expect(w.shim([]string{"IFACE=--all"}, "ifupdown", "pre-up"), 0, here+failed)
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "down"), 0, here)
}

// A link in an old directory is the shim of that directory, also by a relative path. What the calls hand over is no event: a
// link speaks to the hookd of this host.
func TestLink(t *testing.T) {
	w := newWorld(t, nil)
	for dir, test := range map[string]struct {
		args []string
		want string
	}{
		"etc/dhcp/dhclient-exit-hooks.d":  {nil, "unknown event dhclient. (did you mean dhclient.nbi?)"},
		"etc/NetworkManager/dispatcher.d": {[]string{"eth0", "upp"}, "unknown event networkmanager.upp (did you mean networkmanager.up?)"},
		"usr/lib/systemd/system-sleep":    {[]string{"soon", "suspend"}, "phase is never soon, only pre, post"},
		"lib/systemd/system-sleep":        {[]string{"soon", "suspend"}, "phase is never soon, only pre, post"},
	} {
		w.mkdir(dir)
		w.must(os.Symlink(w.self(), w.path(dir+"/hookd")))
		w.expect(w.wait(exec.Command(w.path(dir+"/hookd"), test.args...)), 0, "hookshim: no hook runs: "+test.want+"\n")
		cmd := exec.Command("./"+filepath.Base(dir)+"/hookd", test.args...)
		cmd.Dir = filepath.Dir(w.path(dir))
		w.expect(w.wait(cmd), 0, "hookshim: no hook runs: "+test.want+"\n")
	}
}

// A link is known by its directory, and nothing else is taken for one.
func TestLinked(t *testing.T) {
	for called, want := range map[string]string{
		"/etc/network/if-up.d/hookd": "ifupdown ifupdown.up", "/etc/network/if-up.d/0-x": "ifupdown ifupdown.up", "/etc/ppp/ip-down.d/hookd": "ppp ppp.ip-down",
		"/etc/networkd-dispatcher/routable.d/hookd": "networkd-dispatcher networkd.routable",
		"hookd": "", "/usr/lib/hookd/hookshim": "", "/etc/network/if-up.d/hookshim": "", "/etc/network/if-x.d/hookd": "", "": "", "/": "",
	} {
		s, p, is := linked(called)
		if got := s.Name + " " + p.Event; is != (want != "") || is && got != want {
			t.Errorf("%s: %v %q", called, is, got)
		}
	}
}

// Without anybody who reads its messages a shim does its work to the end.
func TestNobodyReads(t *testing.T) {
	w := newWorld(t, map[string]string{"a": failing})
	r, pipe, err := os.Pipe()
	w.must(err)
	r.Close()
	defer pipe.Close()
	cmd := w.call([]string{"IFACE=--all"}, "ifupdown", "pre-up")
	cmd.Stderr, cmd.Stdout = pipe, pipe
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

// A hook that ends up in a shim without a hookd, does not run within itself, and what led there is known (failures: R9).
func TestNestedLocal(t *testing.T) {
	nested := "env -i IFACE=eth1 DIR/hookshim --socket DIR/none --hooks DIR/hooks ifupdown up"
	w := newWorld(t, map[string]string{
		"a": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# Instance=one\necho a $EVENT_INTERFACE >>DIR/ran\n" + nested + "\n",
		"b": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# After=a\n# Instance=one\necho b $EVENT_INTERFACE >>DIR/ran\n" + nested + "\n",
		"c": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# After=a b\n# Input=json\necho c $(grep -o '\"hook\":\"[abc]\"' | cut -d'\"' -f4) >>DIR/ran\n",
	})
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "up"), 0, "")
	want := "a eth0\nb eth1\nc a b\nc a\nb eth0\na eth1\nc b a\nc b\nc\n"
	if got := w.read("ran"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// fake is somebody at the socket who speaks as a test says.
func (w *world) fake(speak func(c *fakeClient)) {
	w.mkdir("state")
	l, err := control.Listen(w.path("state/control.sock"))
	w.must(err)
	w.t.Cleanup(func() { l.Close() })
	go func() { // until the listener is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { speak(&fakeClient{c, bufio.NewReader(c)}); c.Close() }()
		}
	}()
}

type fakeClient struct {
	net.Conn
	r *bufio.Reader
}

// heard is the next message.
func (c *fakeClient) heard() string {
	text, _ := c.r.ReadString(0)
	return strings.TrimSuffix(text, "\x00")
}

// serve answers one message after the other by the name of its method, and goes away where there is no answer.
func (c *fakeClient) serve(answers map[string]string) {
	for {
		text := c.heard()
		method, _, _ := strings.Cut(strings.TrimPrefix(text, `{"method":"io.hookd.`), `"`)
		if answers[method] == "" {
			return
		}
		c.answer(answers[method])
	}
}

func (c *fakeClient) answer(text string) { fmt.Fprint(c, text+"\x00") }

// Until the report is sent the shim may go away and does; after that never.
func TestWithdrawal(t *testing.T) {
	const hello = `{"parameters":{"version":"x"}}`
	const failed = "hookshim: a: failed, exit status 3: first 'line'\n"
	for name, test := range map[string]struct {
		speak func(c *fakeClient)
		err   string
		local bool
	}{
		"ends at once":     {func(c *fakeClient) { c.Read(make([]byte, 1)) }, "the oneshots run here: hookd at DIR/state/control.sock ended the conversation", true},
		"ends after hello": {func(c *fakeClient) { c.heard() }, "the oneshots run here: hookd at DIR/state/control.sock ended the conversation", true},
		"is silent":        {func(c *fakeClient) { c.heard(); c.heard() }, "the oneshots run here: hookd at DIR/state/control.sock does not answer", true},
		"is older": {func(c *fakeClient) {
			c.heard()
			c.answer(`{"error":"org.varlink.service.MethodNotFound","parameters":{"method":"io.hookd.Hello"}}`)
		}, "the oneshots run here: org.varlink.service.MethodNotFound", true},
		"speaks nonsense":   {func(c *fakeClient) { c.heard(); c.answer("]"); c.heard() }, "the oneshots run here: cannot read the answer of hookd at DIR/state/control.sock: invalid character ']' looking for beginning of value", true},
		"dies after report": {func(c *fakeClient) { c.heard(); c.answer(hello); c.heard() }, "what became of the hooks of ifupdown.pre-up is in hookctl history, and stops nothing: hookd at DIR/state/control.sock ended the conversation", false},
		"dies while it runs": {func(c *fakeClient) {
			c.heard()
			c.answer(hello)
			c.heard()
			c.answer(`{"continues":true,"parameters":{"run":"r"}}`)
		},
			"what became of the hooks of ifupdown.pre-up is in hookctl history, and stops nothing: hookd at DIR/state/control.sock ended the conversation", false},
		"refuses the report": {func(c *fakeClient) {
			c.heard()
			c.answer(hello)
			c.heard()
			c.answer(`{"error":"io.hookd.Stopping","parameters":{"message":"hookd is stopping"}}`)
			c.heard()
		},
			"what became of the hooks of ifupdown.pre-up is in hookctl history, and stops nothing: hookd is stopping", false},
		"answers nonsense": {func(c *fakeClient) {
			c.heard()
			c.answer(hello)
			c.heard()
			c.answer(`{"parameters":{"run":7}}`)
			c.heard()
		},
			"what became of the hooks of ifupdown.pre-up is in hookctl history, and stops nothing: cannot read the answer of hookd: json: cannot unmarshal number into Go struct field ReportReply.run of type string", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"a": failing})
			w.fake(test.speak)
			begin := time.Now()
			got := w.shim([]string{"IFACE=eth0"}, "ifupdown", "pre-up")
			want, status := "hookshim: "+test.err+"\n", 0
			if test.local {
				want, status = want+failed, 1
			}
			w.expect(got, status, want)
			if took := time.Since(begin); name == "is silent" && took < greeting {
				t.Errorf("it has waited for %s only", took)
			}
		})
	}
}

// B12: what comes over the socket does nothing to a terminal.
func TestB12Harmless(t *testing.T) {
	w := newWorld(t, nil)
	w.fake(func(c *fakeClient) {
		c.serve(map[string]string{"Hello": `{"parameters":{"version":"x"}}`, "Report": `{"error":"io.hookd.No","parameters":{"message":"esc \u001b[31m \n \\n ü"}}`})
	})
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "up"), 0, "hookshim: what became of the hooks of ifupdown.up is in hookctl history: esc \\x1b[31m \\n \\n ü\n")
}

// A veto that hookd tells of, and one around all interfaces.
func TestVeto(t *testing.T) {
	for name, status := range map[string]int{"eth0": 1, "--all": 0} {
		w := newWorld(t, nil)
		w.fake(func(c *fakeClient) {
			c.heard()
			c.answer(`{"parameters":{"version":"x"}}`)
			c.heard()
			c.answer(`{"continues":true,"parameters":{"run":"r","steps":[{"hooks":["a"]}]}}`)
			c.answer(`{"continues":true,"parameters":{"run":"r","job":{"hook":"a","instance":"","result":"failed","reason":"exit status 3","output":"\u001b[1mx"}}}`)
			c.answer(`{"parameters":{"run":"r","ended":{"run":"r","event":{"event":"ifupdown.pre-up"},"result":"failed","aborted":true,"jobs":[]}}}`)
		})
		w.expect(w.shim([]string{"IFACE=" + name}, "ifupdown", "pre-up"), status, "hookshim: a: failed, exit status 3: \\x1b[1mx\n")
	}
}

// What does not fit into a message is not sent, and nothing is lost of it.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, map[string]string{"a": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\ntouch DIR/ran\n"})
	w.fake(func(c *fakeClient) { c.heard(); c.answer(`{"parameters":{"version":"x"}}`); c.heard() })
	var env []string
	for i := range 12 {
		env = append(env, fmt.Sprintf("IF_X%d=%s", i, strings.Repeat("x", 100_000)))
	}
	got := w.shim(env, "ifupdown", "up")
	if _, err := os.Stat(w.path("ran")); err != nil {
		t.Error(err)
	}
	if got.status != 0 || !strings.Contains(got.err, "the oneshots run here: cannot ask hookd at DIR/state/control.sock: hookd was not asked: a message of more than 1048576 bytes") {
		t.Errorf("%+v", got)
	}
}

// A hookd that hangs after the report holds up neither a shim nor scripts.
func TestHungAfterReport(t *testing.T) {
	w := adopted(t, nil, map[string]string{"a": script("echo A >>DIR/ran"), "b": script("echo B >>DIR/ran")})
	greeted := atomic.Int32{}
	w.fake(func(c *fakeClient) {
		if first := c.heard(); strings.Contains(first, "Hello") && greeted.Add(1)%2 == 1 {
			c.answer(`{"parameters":{"version":"x"}}`)
			c.heard()
			c.answer(`{"continues":true,"parameters":{"run":"r","steps":[{"hooks":["h"]},{"script":"a"},{"script":"b"}]}}`)
		}
		c.heard()
	})
	at := place{socket: w.path("state/control.sock"), watch: 300 * time.Millisecond, trust: hookspec.TrustOf}
	var stderr bytes.Buffer
	system, phase, _ := compat.ForDirectory("/" + ifUp)
	if status := newShim(at, system, phase, nil, &stderr).run(); status != 0 {
		t.Errorf("status %d", status)
	}
	o, _ := runparts.Parse([]string{"run-parts", w.path(ifUp)})
	c := &coordinator{shim: newShim(at, system, phase, nil, &stderr), engine: &runparts.Runner{Options: o}}
	c.scripts, _ = runparts.List(&c.engine.Options)
	if status := c.run(); status != 0 {
		t.Errorf("status %d", status)
	}
	w.ran("A B")
	const why = "hookd at DIR/state/control.sock does not answer\n"
	const want = "hookshim: what became of the hooks of ifupdown.up is in hookctl history: " + why + "hookshim: the other oneshots run here: " + why
	if got := strings.ReplaceAll(stderr.String(), w.dir, "DIR"); got != want {
		t.Errorf("got %s", got)
	}
}

// Not even a fault in our own program keeps scripts from running.
func TestOwnFault(t *testing.T) {
	w := adopted(t, nil, map[string]string{"a": script("echo A >>DIR/ran"), "b": script("echo B >>DIR/ran")})
	var stderr bytes.Buffer
	system, phase, _ := compat.ForDirectory("/" + ifUp)
	o, _ := runparts.Parse([]string{"run-parts", w.path(ifUp)})
	at := place{socket: w.path("none"), trust: func() hookspec.Trust { panic("no trust") }}
	c := &coordinator{shim: newShim(at, system, phase, nil, &stderr), engine: &runparts.Runner{Options: o}}
	c.scripts, _ = runparts.List(&c.engine.Options)
	if status := c.run(); status != 0 {
		t.Errorf("status %d", status)
	}
	w.ran("A B")
	if want := "hookshim: a fault of hookshim, the other scripts run without hooks: no trust\n"; stderr.String() != want {
		t.Errorf("got %s", &stderr)
	}
}

// Two shims at once run one instance of a hook one after the other.
func TestTwoShims(t *testing.T) {
	w := newWorld(t, map[string]string{"a": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\necho begin >>DIR/ran\nsleep 0.2\necho end >>DIR/ran\n"})
	w.mkdir("state")
	var both sync.WaitGroup
	for range 2 {
		call := w.call([]string{"IFACE=eth0"}, "ifupdown", "up")
		both.Go(func() { w.expect(w.wait(call), 0, "") })
	}
	both.Wait()
	w.ran("begin end begin end")
}

// With a signal that ends it a shim ends what it runs, and says so.
func TestSignal(t *testing.T) {
	w := newWorld(t, map[string]string{"a": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\necho begin >>DIR/ran\nexec sleep 60\n"})
	call := w.call([]string{"IFACE=eth0"}, "ifupdown", "up")
	ended := w.begin(call)
	w.eventually("the hook runs", func() bool { return w.read("ran") != "" })
	w.must(call.Process.Signal(syscall.SIGTERM))
	w.expect(<-ended, 0, "hookshim: a: canceled, hookd is stopping\n")
}

// B11: a hookd that greets and never says what is to run, is not waited for.
func TestB11SilentAfterReport(t *testing.T) {
	w := adopted(t, nil, map[string]string{"b": script("echo B >>DIR/ran")})
	w.fake(func(c *fakeClient) {
		for text := c.heard(); text != ""; text = c.heard() {
			if strings.Contains(text, "Hello") {
				c.answer(`{"parameters":{"version":"x"}}`)
			}
		}
	})
	at := place{socket: w.path("state/control.sock"), hooks: []string{w.path("hooks")}, watch: 300 * time.Millisecond, trust: hookspec.TrustOf}
	var stderr bytes.Buffer
	system, phase, _ := compat.ForDirectory("/" + ifUp)
	if status := newShim(at, system, phase, nil, &stderr).run(); status != 0 {
		t.Errorf("status %d", status)
	}
	w.ran("")
	o, _ := runparts.Parse([]string{"run-parts", w.path(ifUp)})
	c := &coordinator{shim: newShim(at, system, phase, nil, &stderr), engine: &runparts.Runner{Options: o}}
	c.scripts, _ = runparts.List(&c.engine.Options)
	if status := c.run(); status != 0 {
		t.Errorf("status %d", status)
	}
	w.ran("B") // hooks of ours would change what signals do in this process
	const why = "hookd does not say what is to run\n"
	if want := "hookshim: what became of the hooks of ifupdown.up is in hookctl history: " + why + "hookshim: the oneshots run here: " + why; stderr.String() != want {
		t.Errorf("got %s", &stderr)
	}
}

// B5: a link beside an adoption does not run every hook twice.
func TestB5LinkBeside(t *testing.T) {
	system, phase, _ := compat.ForDirectory("/" + ifUp)
	for _, test := range []struct{ by, name, ran, err string }{
		{"path", "aaa", "", "hookshim: /x/aaa does nothing: ifupdown is adopted by path\n"},
		{"path", "hookd", "", "hookshim: /x/hookd does nothing: ifupdown is adopted by path\n"},
		{"links", "aaa", "", "hookshim: /x/aaa does nothing: ifupdown is adopted by links\n"},
		{"links", "hookd", "c", ""},
		{"", "aaa", "c", ""},
		{"nobody", "aaa", "c", ""},
	} {
		w := adopted(t, map[string]string{"c": hook("", "echo c >>DIR/ran")}, nil)
		w.write("etc/hookd/adopted/ifupdown", "by "+test.by+"\n")
		if test.by == "" {
			w.must(os.Remove(w.path("etc/hookd/adopted/ifupdown")))
		}
		if test.by == "nobody" { // knows who has written it
			w.must(os.Chmod(w.path("etc/hookd/adopted/ifupdown"), 0o666))
		}
		at := place{socket: w.path("none"), root: w.dir, hooks: []string{w.path("hooks")}, trust: hookspec.TrustOf}
		var stderr bytes.Buffer
		if status := newShim(at, system, phase, nil, &stderr).asLink("/x/" + test.name); status != 0 || stderr.String() != test.err {
			t.Errorf("%+v: status %d, %s", test, status, &stderr)
		}
		w.ran(test.ran)
	}
}
