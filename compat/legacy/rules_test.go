package legacy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNames holds the rules for names that no program is asked about here.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		rules    []rule
		yes, not string
	}{
		{manager[:2], "10-x.sh x.dpkg-old.sh x.bak a.rpm x.old", ".x x~ x.rpmsave x.rpmorig x.rpmnew x.swp x.dpkg-dist .dpkg-new"},
		{systemd[:2], "mdadm.shutdown x.sh a.orig x.dpkg-", ".x x~ lost+found aquota.user x.rpmnew x.dpkg-old x.dpkg-remove x.ucf-dist x.swp x.bak x.old x.new"},
		{[]rule{noTilde}, "x.dpkg-old 10x", ".x x~"},
		{[]rule{busyboxName}, "x.sh x.dpkg-old A_-", ".x x~ x+"},
	} {
		for _, name := range strings.Fields(test.yes) {
			if v := (File{Name: name}).judged(test.rules); v.why != "" {
				t.Errorf("%s: %s", name, v.why)
			}
		}
		for _, name := range strings.Fields(test.not) {
			if v := (File{Name: name}).judged(test.rules); v.why == "" {
				t.Errorf("%s is taken", name)
			}
		}
	}
}

// TestManager holds what NetworkManager's dispatcher refuses, in its order (check_file and check_permissions).
func TestManager(t *testing.T) {
	good := File{Name: "10-x", Path: "/d/10-x", Real: "/d/10-x", Kind: '-', Mode: 0o755, Size: 9, Start: "#!/bin/sh\n"}
	for _, test := range []struct {
		change func(*File)
		want   string
	}{
		{func(*File) {}, ""},
		{func(f *File) { f.Mode = 0o700 }, ""},
		{func(f *File) { f.GID = 5 }, ""},
		{func(f *File) { f.UID = 1000 }, "it must belong to root, not to 1000"},
		{func(f *File) { f.Mode = 0o775 }, "others may write to it (mode 0775)"},
		{func(f *File) { f.Mode = 0o757 }, "others may write to it (mode 0757)"},
		{func(f *File) { f.Mode = 0o4755 }, "it is set-user-ID (mode 4755)"},
		{func(f *File) { f.Mode = 0o2755 }, ""},
		{func(f *File) { f.Mode = 0o655 }, "its owner may not execute it (mode 0655)"},
		{func(f *File) { f.Size = 0 }, "a mask: it is empty or a link to /dev/null"},
		{func(f *File) { f.Link, f.Kind = "/dev/null", 'c' }, "a mask: it is empty or a link to /dev/null"},
	} {
		f := good
		test.change(&f)
		if got := f.judged(manager).why; got != test.want {
			t.Errorf("%+v: %q, want %q", f, got, test.want)
		}
	}
}

// asPython has networkd-dispatcher's own functions say what it would run. They are taken out of the program, since it imports
// what a host without it does not have.
const asPython = `
import ast, json, logging, os, pathlib, sys
logging.disable(logging.CRITICAL)
logger = logging.getLogger()
tree = ast.parse(open(sys.argv[1]).read())
tree.body = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in ("check_perms", "scripts_in_path")]
exec(compile(tree, "x", "exec"))
etc = sys.argv[2] + "/etc/networkd-dispatcher"
print(json.dumps({s: scripts_in_path(etc + ":" + etc.replace("/etc/", "/usr/lib/"), s + ".d") for s in ("routable", "off", "carrier", "dormant")}))
`

// networkdFiles are one file for each way in which networkd-dispatcher judges.
func networkdFiles(t *testing.T) string {
	const etc, lib = "etc/networkd-dispatcher/", "usr/lib/networkd-dispatcher/"
	at := root(t, with(programs("usr/bin/networkd-dispatcher"), map[string]string{
		etc + "routable.d/b": script, etc + "routable.d/a.sh": script, etc + "routable.d/.hidden": script, etc + "routable.d/x~": script,
		etc + "routable.d/group": "0775 " + script, lib + "routable.d/group": script,
		etc + "routable.d/own": "0750 " + script, etc + "routable.d/suid": "4755 " + script, etc + "routable.d/plain": "0644 " + script,
		etc + "routable.d/null": "-> /dev/null", lib + "routable.d/null": script,
		etc + "routable.d/gone": "-> /nowhere", lib + "routable.d/gone": script,
		etc + "routable.d/link": "-> b", etc + "routable.d/dir/": "", etc + "routable.d/b2": script, lib + "routable.d/b2": script,
		etc + "routable.d/theirs": script, etc + "routable.d/group-of": script,
		etc + "off.d/x": script, lib + "off.d/x": script, lib + "off.d/y": script,
		etc + "away/x": script, etc + "carrier.d": "-> away", etc + "dormant.d/x": script,
	}))
	must(t, os.Chmod(filepath.Join(at, etc+"off.d"), 0o775))
	must(t, syscall.Chown(filepath.Join(at, etc+"routable.d/theirs"), 1000, 0))
	must(t, syscall.Chown(filepath.Join(at, etc+"routable.d/group-of"), 0, 1000))
	must(t, syscall.Chown(filepath.Join(at, etc+"dormant.d"), 0, 1000))
	return at
}

// TestNetworkd holds what was recorded of networkd-dispatcher 2.2.3.
func TestNetworkd(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("files of others need root")
	}
	at := networkdFiles(t)
	runs := map[string]string{}
	for _, e := range Read(at) {
		if e.Runs {
			runs[e.When] += fmt.Sprintf(" %d%s", e.Order, strings.NewReplacer("/etc/networkd-dispatcher/", "etc:", "/usr/lib/networkd-dispatcher/", "lib:").Replace(e.Path))
		}
	}
	want := map[string]string{
		"networkd.routable": " 1etc:routable.d/.hidden 2etc:routable.d/a.sh 3etc:routable.d/b 4etc:routable.d/b2 5lib:routable.d/gone" +
			" 6lib:routable.d/group 7etc:routable.d/link 8lib:routable.d/null 9etc:routable.d/x~",
		"networkd.off": " 1lib:off.d/x 2lib:off.d/y",
	}
	if diff := cmp.Diff(want, runs); diff != "" {
		t.Errorf("(-recorded +told):\n%s", diff)
	}
	agree(t, at)
}

// What networkd-dispatcher cannot execute ends its turn: no later script of the state runs.
func TestNetworkdStuck(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("files of root's need root")
	}
	const dir = "etc/networkd-dispatcher/routable.d/"
	got := told(Read(root(t, with(programs("usr/bin/networkd-dispatcher"), map[string]string{
		dir + "a": script, dir + "b": "echo\n", dir + "c": script, "usr/lib/networkd-dispatcher/routable.d/b": script}))))
	want := []string{
		"networkd.routable /etc/networkd-dispatcher/routable.d/a: runs 1",
		"networkd.routable /etc/networkd-dispatcher/routable.d/b: exec format error: it does not begin with #!",
		"networkd.routable /usr/lib/networkd-dispatcher/routable.d/b: (overridden by /etc/networkd-dispatcher/routable.d/b)",
		"networkd.routable /etc/networkd-dispatcher/routable.d/c: never reached: networkd-dispatcher gives up at b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Once it is adopted hookd runs the scripts, by rules without these faults.
func TestNetworkdAdopted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("files of root's need root")
	}
	const dir = "etc/networkd-dispatcher/routable.d/"
	at := root(t, map[string]string{"bin/sh": "x", dir + "a": "0750 " + script, dir + "b": "echo\n", dir + "c": script, dir + "d": "-> /dev/null",
		dir + "e": "0757 " + script, "usr/lib/networkd-dispatcher/routable.d/d": script, "etc/hookd/adopted/networkd-dispatcher": "x"})
	want := []string{
		"networkd.routable /etc/networkd-dispatcher/routable.d/a: runs 1",
		"networkd.routable /etc/networkd-dispatcher/routable.d/b: exec format error: it does not begin with #!",
		"networkd.routable /etc/networkd-dispatcher/routable.d/c: runs 2",
		"networkd.routable /etc/networkd-dispatcher/routable.d/d: (a mask: it is empty or a link to /dev/null)",
		"networkd.routable /usr/lib/networkd-dispatcher/routable.d/d: (overridden by /etc/networkd-dispatcher/routable.d/d)",
		"networkd.routable /etc/networkd-dispatcher/routable.d/e: hookd does not trust it: others may write to it (mode 0757)"}
	entries := Read(at)
	if diff := cmp.Diff(want, told(entries)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !entries[0].OnePlan {
		t.Error("hookd runs it in one plan with hooks")
	}
}

// agree asks the program itself, where one is: on this host or in a system that was built for tests.
func agree(t *testing.T, at string) {
	cache, _ := os.UserCacheDir()
	found, _ := filepath.Glob(filepath.Join(cache, "hookd", "*", "usr/bin/networkd-dispatcher"))
	programs := append([]string{"/usr/bin/networkd-dispatcher"}, found...)
	for _, program := range programs {
		if _, err := os.Stat(program); err != nil {
			continue
		}
		out, err := exec.Command("python3", "-c", asPython, program, at).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var real map[string][]string
		must(t, json.Unmarshal(out, &real))
		told := map[string][]string{"routable": {}, "off": {}, "carrier": {}, "dormant": {}}
		for _, e := range Read(at) {
			if state := strings.TrimPrefix(e.When, "networkd."); e.Runs {
				told[state] = append(told[state], at+e.Path)
			}
		}
		if diff := cmp.Diff(real, told); diff != "" {
			t.Errorf("(-%s +told):\n%s", program, diff)
		}
		t.Logf("%s agrees", program)
	}
}

// Who may not read a script is not told that it has no first line.
func TestSecret(t *testing.T) {
	f := File{Name: "a", Path: "/d/a", Real: "/d/a", Kind: '-', Mode: 0o700, Size: 9, Secret: true}
	if v := f.judged(runParts); v.why != "" || len(v.remarks) != 1 {
		t.Errorf("%+v", v)
	}
}
