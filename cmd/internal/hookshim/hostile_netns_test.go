package hookshim

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/control"
	"hookd/internal/nstest"
)

// daemon starts a hookd for the world and ends it with the test.
func (w *world) daemon() *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(w.path(asDaemon), "--hooks", w.path("hooks"), "--state", w.path("state"))
	var log strings.Builder
	cmd.Stderr = &log
	w.must(cmd.Start())
	w.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if w.t.Failed() {
			w.t.Log(log.String())
		}
	})
	w.eventually("hookd listens", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return control.Call(ctx, w.path("state/control.sock"), control.MethodHello, nil, false, func(json.RawMessage) error { return nil }) == nil
	})
	return cmd
}

// hostile are values as a network, a provider or a user may choose them.
var hostile = []string{"", "() { :;}; x", "$(x)", "`x`", "a\nb", `'"\`, strings.Repeat("8", 8<<10), "\xff\xfe", "-rf", "%n%s", "%{interface}", "\x1b[2J", "a;b|c&d", "*", "ü"}

// foreign is what is in the environment of a shim and no business of a hook.
var foreign = []string{"LD_PRELOAD=libc.so.6", "BASH_ENV=/evil", "ENV=/evil", "IFS=x", "PATH=/evil", "PYTHONPATH=/evil", "BASH_FUNC_x%%=() { :; }", "HOME=/evil",
	"FSNOTIFY_DEBUG=1", "IF_lower=x", "IF_X-Y=x", "IF_\xff=x", "IF_=x", "new_UPPER=x", "new_=x", "new_a-b=x", "DHCP4_lower=x", "=x", "none", "HOOK_EVENT=x", "EVENT_INTERFACE=x"}

// calls are one call of each system; V is the hostile value.
var calls = []struct {
	event, word string // the parameter that the hook takes as an argument
	subject     string
	argv        string
	environ     string
	want        string // EVENT_ variables, in order
}{
	{"ifupdown.up", "if-description", "ifupdown/V", "ifupdown up",
		"IFACE=V|LOGICAL=V|ADDRFAM=V|METHOD=V|MODE=V|PHASE=V|VERBOSITY=V|CLASS=V|IF_DESCRIPTION=V",
		"INTERFACE=V|LOGICAL=V|FAMILY=V|METHOD=V|MODE=V|PHASE=V|VERBOSITY=V|CLASS=V|IF_DESCRIPTION=V"},
	{"ppp.ip-up", "ipparam", "ppp/V", "ppp ip-up V V V V V V",
		"PPP_TTYNAME=V|PEERNAME=V|CALL_FILE=V|DNS1=V|ACNAME=V",
		"INTERFACE=V|DEVICE=V|SPEED=V|LOCAL=V|REMOTE=V|IPPARAM=V|TTYNAME=V|PEERNAME=V|CALL_FILE=V|DNS1=V|ACNAME=V"},
	{"dhclient.bound", "new-domain-name", "dhclient/V", "dhclient",
		"reason=BOUND|interface=V|new_domain_name=V|old_host_name=V|cur_x=V|alias_x=V|requested_x=V",
		"REASON=BOUND|INTERFACE=V|NEW_DOMAIN_NAME=V|OLD_HOST_NAME=V|CUR_X=V|ALIAS_X=V|REQUESTED_X=V"},
	{"networkmanager.pre-up", "connection-id", "networkmanager/V", "networkmanager V pre-up",
		"CONNECTION_ID=V|DHCP4_HOST_NAME=V|CONNECTION_USER_X=V|VPN_IP4_DOMAINS=V|IP6_DOMAINS=V|PROXY_PAC_SCRIPT=V",
		"INTERFACE=V|ACTION=pre-up|CONNECTION_ID=V|DHCP4_HOST_NAME=V|CONNECTION_USER_X=V|VPN_IP4_DOMAINS=V|IP6_DOMAINS=V|PROXY_PAC_SCRIPT=V"},
	{"networkd.routable", "essid", "networkd/V", "networkd-dispatcher", "STATE=routable|IFACE=V|ESSID=V|json=V",
		"STATE=routable|INTERFACE=V|ESSID=V|JSON=V"},
	{"system.sleep", "operation", "system/", "system-sleep pre V", "SYSTEMD_SLEEP_ACTION=V", "PHASE=pre|OPERATION=V|ACTION=V"},
}

func dumping() map[string]string {
	hooks := map[string]string{}
	for _, c := range calls {
		hooks[c.event+".hook"] = "[Hook]\nOn=" + c.event + "\nExec=DIR/dump %{" + c.word + "} -%{" + c.word + "}-\n"
	}
	return hooks
}

// S4, S7, S8: values reach a hook as they are, under our names alone, whatever they are and whatever else is there. It is the
// same where we are the run-parts of an adopted directory.
func (w *world) tryHostile() {
	for _, name := range []string{"ifupdown", "ppp"} {
		w.write("etc/hookd/adopted/"+name, "by path\n")
	}
	for _, dir := range []string{ifUp, "etc/ppp/ip-up.d"} {
		w.mkdir(dir)
		w.must(os.Symlink(w.self(), w.path(dir+"/script")))
	}
	for _, c := range calls {
		for _, v := range hostile {
			argv := strings.Fields(c.argv)
			for i := range argv {
				argv[i] = strings.ReplaceAll(argv[i], "V", v)
			}
			dumped := []string{strings.Join([]string{w.path("dump"), v, "-" + v + "-"}, "\x00")}
			want := append(dumped, w.golden(c.event, strings.ReplaceAll(c.subject, "V", v), values(c.want, v))...)
			for _, argv := range [][]string{argv, w.asRunParts(argv)} {
				if argv == nil {
					continue
				}
				os.Remove(w.path("dumped"))
				w.expect(w.shim(append(values(c.environ, v), foreign...), argv...), 0, "")
				args, environ, _ := strings.Cut(w.read("dumped"), "\x00\x00\x00")
				if diff := cmp.Diff(want, append([]string{args}, withoutRun(environ)...)); diff != "" {
					w.t.Errorf("%s %s: arguments and environment (-want +got):\n%s", argv[0], events.Show(v), diff)
				}
			}
		}
	}
}

// asRunParts is the same call with a directory that is adopted, nil where none can be.
func (w *world) asRunParts(argv []string) []string {
	switch argv[0] {
	case "ifupdown":
		return []string{"run-parts", w.path(ifUp)}
	case "ppp":
		out := []string{"run-parts", w.path("etc/ppp/ip-up.d")}
		for _, arg := range argv[2:] {
			out = append(out, "--arg="+arg)
		}
		return out
	}
	return nil
}

// values fills a value into the right sides of a list.
func values(list, value string) []string {
	var out []string
	for part := range strings.SplitSeq(list, "|") {
		name, right, _ := strings.Cut(part, "=")
		if right == "V" {
			right = value
		}
		out = append(out, name+"="+right)
	}
	return out
}

// golden is all that a hook gets.
func (w *world) golden(event, subject string, params []string) []string {
	out := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOOK_NAME=" + event, "HOOK_INSTANCE=" + subject,
		"HOOK_EVENT=" + event, "HOOK_SOURCE=shim", "HOOK_FORMAT=1"}
	for _, p := range params {
		out = append(out, "EVENT_"+p)
	}
	return out
}

func withoutRun(environ string) []string {
	var out []string
	for v := range strings.SplitSeq(environ, "\x00") {
		if !strings.HasPrefix(v, "HOOK_RUN=") {
			out = append(out, v)
		}
	}
	return out
}

func TestHostileLocal(t *testing.T) { newWorld(t, dumping()).tryHostile() }

func TestHostileDaemon(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	w := newWorld(t, dumping())
	w.daemon()
	w.tryHostile()
}

// A hookd that is stopped in its tracks answers nobody: the shim waits two seconds and runs the oneshots itself. When it goes
// on, it has been told nothing.
func TestStoppedDaemon(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	w := newWorld(t, map[string]string{"a": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\necho $HOOK_RUN >>DIR/ran\nexit 3\n"})
	cmd := w.daemon()
	w.must(cmd.Process.Signal(syscall.SIGSTOP))
	w.eventually("hookd stands still", func() bool { return stands(cmd.Process.Pid) })
	begin := time.Now()
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "up"), 0,
		"hookshim: the oneshots run here: hookd at DIR/state/control.sock does not answer\nhookshim: a: failed, exit status 3\n")
	if took := time.Since(begin); took < greeting {
		t.Errorf("it has waited for %s only", took)
	}
	w.must(cmd.Process.Signal(syscall.SIGCONT))
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "up"), 0, "hookshim: a: failed, exit status 3\n")
	if n := strings.Count(w.read("ran"), "\n"); n != 2 {
		t.Errorf("it ran %d times", n)
	}
}

// stands says whether all threads of a process are stopped (proc_pid_stat(5)).
func stands(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(files) > 0
}

// A hookd that is killed while a hook runs: the shim says so and runs nothing.
func TestKilledDaemon(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	w := newWorld(t, map[string]string{"a": "#!/bin/sh\n# [Hook]\n# On=ifupdown.pre-up\n# Failure=abort\necho >>DIR/ran\nexec sleep 60\n"})
	cmd := w.daemon()
	call := w.call([]string{"IFACE=eth0"}, "ifupdown", "pre-up")
	ended := w.begin(call)
	w.eventually("the hook runs", func() bool { return w.read("ran") != "" })
	w.must(cmd.Process.Kill())
	w.expect(<-ended, 0, "hookshim: what became of the hooks of ifupdown.pre-up is in hookctl history, and stops nothing: hookd at DIR/state/control.sock ended the conversation\n")
	if w.read("ran") != "\n" {
		t.Error("it ran twice")
	}
}

// Nothing is said when all is well, and services and what settles are hookd's.
func TestWithDaemon(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	w := newWorld(t, map[string]string{
		"a": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# On=ifupdown.pre-up interface!=bad\necho a >>DIR/ran\n",
		"b": failing,
		"c": "#!/bin/sh\n# [Hook]\n# On=ifupdown.up\n# Settle=1m\necho c >>DIR/ran\n",
		"d": "#!/bin/sh\n# [Hook]\n# On=ifupdown.down\necho chatty >&2\n",
	})
	w.daemon()
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "down"), 0, "")
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "post-down"), 0, "")
	w.expect(w.shim([]string{"IFACE=eth0"}, "ifupdown", "up"), 0, "hookshim: b: failed, exit status 3: first 'line'\n")
	w.expect(w.shim([]string{"IFACE=bad"}, "ifupdown", "pre-up"), 1, "hookshim: b: failed, exit status 3: first 'line'\n")
	w.expect(w.shim([]string{"IFACE=--all"}, "ifupdown", "pre-up"), 0, "hookshim: b: failed, exit status 3: first 'line'\n")
	if got := w.read("ran"); got != "a\na\n" {
		t.Errorf("ran %q", got)
	}
}
