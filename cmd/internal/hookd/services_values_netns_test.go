package hookd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"hookd/hookspec"
	"hookd/runner"
)

// S9, S11: values come to a service as they are, and those that are no UTF-8 escaped, alike with both executors.

func TestNetnsS9Service(t *testing.T) { supervised(t, testS9) }
func TestBootedS11(t *testing.T)      { onSystemd(t, testS9) }

func TestNetnsS12Service(t *testing.T) { supervised(t, testS12) }
func TestBootedS12(t *testing.T)       { onSystemd(t, testS12) }

// dumpValues writes down an argument, three variables that must agree with it, and $# and the value of HOME.
const dumpValues = `Exec=/bin/sh -c 'printf "%%s\\0%%s\\0%%s\\0%%s\\0%%s\\0" "$1" "$EVENT_V" "$COPY" "$HOOK_INSTANCE" "$#$HOME" >>DIR/dump; exec sleep 100000' sh %{v} "$HOME" ${PATH} ";" %%n` + "\n"

func testS9(t *testing.T, executor string) {
	values := []string{"$(id)", ";id", "`id`", "&", "|x", "*", "{a,b}", "~root", "'", `"`, `\`, "A=1", "-rf", "--help", "\x1b[31m", "\x01",
		"\x7f", "\xff\xfe", "\u202ex", "$HOME", "${PATH}", "$$", "%n", "%i %%", ";", "a\nb", "a\nExecStartPre=/bin/x", " a  b ", "caf\xe9", "\\x41",
		"../../tmp", "a/b", strings.Repeat("x", 300), strings.Repeat("$\xff", 150), strings.Repeat("y", 8<<10)}
	h := newServiceHost(t, executor, map[string]string{
		"dump.hook": "[Hook]\nType=service\nOn=user.go\nInstance=%{v}\nRateLimit=infinity\nEnvironment=\"COPY=%{v}\"\n" + dumpValues,
	})
	h.start()
	for _, v := range values {
		h.emit(true, "user.go", "v="+v)
	}
	h.eventually("all run", func() bool {
		n := 0
		for _, s := range h.services("dump") {
			if s.Phase == runner.Running {
				n++
			}
		}
		text, _ := os.ReadFile(h.path("dump"))
		return n == len(values) && strings.Count(string(text), "\x00") == 5*len(values)
	})
	dump, err := os.ReadFile(h.path("dump"))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for f := strings.Split(string(dump), "\x00"); len(f) >= 5; f = f[5:] {
		if f[0] != f[1] || f[0] != f[2] || f[0] != f[3] || f[4] != "5" {
			t.Errorf("argument %.80q, variables %.80q %.80q %.80q, rest %q", f[0], f[1], f[2], f[3], f[4])
		}
		seen = append(seen, f[0])
	}
	for _, v := range values {
		if !slices.Contains(seen, runner.Printable(v)) {
			t.Errorf("%.80q did not come as %.80q", v, runner.Printable(v))
		}
		if err := h.manage("stop", "dump", "v="+v); err != nil {
			t.Errorf("stop %.80q: %v", v, err)
		}
	}
	h.eventually("nothing is left", func() bool { return len(h.left()) == 0 })
	h.stop()
}

// testS12: a user that cannot be is refused at load, and never root instead.
func testS12(t *testing.T, executor string) {
	service := func(keys string) string {
		return "[Hook]\nType=service\nOn=user.go\n" + keys + "\nExec=/bin/sh -c 'echo $HOOK_NAME $(id -u) $(id -g) >>DIR/open/who; exec sleep 100000'\n"
	}
	hooks := map[string]string{"fine.hook": service("User=nobody")}
	for i, user := range []string{"0day", "no-such-user", `"root "`, "root\\s", "4294967296", "4294967295", "-1", "root nobody"} {
		hooks[fmt.Sprintf("bad%d.hook", i)] = service("User=" + user)
	}
	hooks["badgroup.hook"] = service("Group=0day")
	h := newServiceHost(t, executor, hooks)
	if _, err := (hookspec.Host{}).User("nobody"); err != nil {
		t.Skip("there is no nobody")
	}
	if executor == executorProcess && !mapped(65534) {
		delete(hooks, "fine.hook")
		os.Remove(h.path("hooks/fine.hook"))
	}
	if err := errors.Join(os.Mkdir(h.path("open"), 0o777), os.Chmod(h.path("open"), 0o777), os.Chmod(h.dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	for dir := h.dir; dir != "/tmp" && dir != "/"; dir = dir[:strings.LastIndexByte(dir, '/')] {
		os.Chmod(dir, 0o755)
	}
	h.start()
	h.emit(true, "user.go")
	if _, good := hooks["fine.hook"]; good {
		h.phase("fine", runner.Running)
		if got := h.file("open/who"); got != "fine 65534 65534" {
			t.Errorf("it runs as %s", got)
		}
	}
	for name := range hooks {
		name = strings.TrimSuffix(name, ".hook")
		if err := h.manage("start", name); err == nil && name != "fine" {
			t.Errorf("%s was started", name)
		}
	}
	if got := h.lines("open/who"); len(got) > 1 {
		t.Errorf("%q", got)
	}
	h.stop()
}

// mapped says whether processes of a user can be made here.
func mapped(uid int) bool {
	text, _ := os.ReadFile("/proc/self/uid_map")
	var inside, outside, size int
	fmt.Sscan(string(text), &inside, &outside, &size)
	return size > uid
}
