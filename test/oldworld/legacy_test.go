package oldworld

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// oldScript is an old script in hookctl list --all --json.
type oldScript struct{ System, When, Path, State, Reason string }

func (o *old) scripts() []oldScript {
	o.t.Helper()
	var all []oldScript
	if err := json.Unmarshal([]byte(o.Run("hookctl", "list", "--all", "--json")), &all); err != nil {
		o.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(s oldScript) bool { return s.System == "" })
}

// TestListAll holds the list of all old scripts against what the real run-parts would run of what forty packages have installed,
// and of some that have something wrong with them.
func TestListAll(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	const script = "#!/bin/sh\n"
	for _, name := range []string{"if-up.d/x.sh", "if-up.d/y.dpkg-old", "if-up.d/zz", "if-pre-down.d/clatd"} {
		o.Run("mkdir", "-p", path.Dir("/etc/network/"+name))
		o.put("/etc/network/"+name, script)
	}
	o.Run("ln", "-s", "/nowhere", "/etc/network/if-down.d/gone")
	o.Run("chmod", "644", "/etc/ppp/ip-up.d/postfix")
	runs, reasons := map[string][]string{}, map[string]string{}
	for _, s := range o.scripts() {
		dir := path.Dir(s.Path)
		if runs[dir] = append(runs[dir], s.Path); s.State != "runs" {
			runs[dir] = runs[dir][:len(runs[dir])-1]
			reasons[s.Path] = s.Reason
		}
	}
	for _, dir := range strings.Fields("/etc/network/if-pre-up.d /etc/network/if-up.d /etc/network/if-down.d /etc/network/if-post-down.d " +
		"/etc/ppp/ip-up.d /etc/ppp/ip-down.d /etc/resolvconf/update.d /etc/resolvconf/update-libc.d") {
		if diff := cmp.Diff(strings.Fields(o.Shell("run-parts --test "+dir+" 2>/dev/null")), runs[dir]); diff != "" || len(runs[dir]) == 0 {
			t.Errorf("%s (-run-parts +list):\n%s", dir, diff)
		}
	}
	for script, why := range map[string]string{
		"/etc/network/if-up.d/x.sh":                   "run-parts takes no name with a dot in it; that of busybox would run it",
		"/etc/network/if-pre-down.d/clatd":            "nobody runs this directory: Debian's ifupdown has pre-up, up, down, post-down",
		"/etc/network/if-down.d/gone":                 "the link leads nowhere (/nowhere)",
		"/etc/ppp/ip-up.d/postfix":                    "it is not executable (mode 0644)",
		"/etc/ifplugd/action.d/action_wpa":            "ifplugd is not installed",
		"/etc/network/if-up.d/y.dpkg-old":             "run-parts takes no such name: left over by an editor or a package manager (.dpkg-old); that of busybox would run it",
		"/usr/lib/pm-utils/sleep.d/60_wpa_supplicant": "pm-utils is not installed",
	} {
		if reasons[script] != why {
			t.Errorf("%s: %q, want %q", script, reasons[script], why)
		}
	}
	if out := o.Run("hookctl", "check", "--legacy"); strings.Contains(out, "not installed") || strings.Count(out, ":1:1: doubt: the script never runs: ") != 5 {
		t.Errorf("doubts are\n%s", out)
	}
}

// TestImportReplaces: a script that ifup ran is a hook that ifup waits for, and sees what it saw, but for what all hooks have.
func TestImportReplaces(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	const script, record = "/etc/network/if-up.d/record", "/run/recorded"
	o.put(script, "#!/bin/sh\nd=${0%/*}\n{ echo ${d##*/}/${0##*/} $#; pwd; umask; env; } >"+record+"\n")
	o.Shell("ifdown --force lo; cd /; ifup lo")
	before := seen(o.Run("cat", record))
	o.Run("rm", record)
	if out, err := o.Try("hookctl", "import", "--replace", script); err == nil {
		t.Fatalf("it is replaced, and nobody would run it: %s", out)
	}
	o.Run("hookctl", "adopt", "ifupdown")
	o.Run("hookctl", "import", "--replace", script)
	o.Run("hookctl", "reload")
	o.Shell("ifdown lo; cd /; ifup lo")
	if diff := cmp.Diff(before, seen(o.Run("cat", record))); diff != "" || len(before) < 9 {
		t.Errorf("what it sees (-script +hook):\n%s", diff)
	}
	if out := o.Run("hookctl", "history", "--hook", "if-up-record"); !strings.Contains(out, "ifupdown.up") {
		t.Errorf("the history is\n%s", out)
	}
}

// seen is what a script recorded, without what hooks alone have and what shells add. Dialect= gives the PATH of Debian 13, which
// has a directory more than that of Debian 12.
func seen(text string) []string {
	text = strings.Replace(text, "PATH=/usr/lib/ifupdown:", "PATH=", 1)
	out := slices.DeleteFunc(lines(text), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		return strings.HasPrefix(name, "HOOK_") || strings.HasPrefix(name, "EVENT_") || slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name)
	})
	slices.Sort(out)
	return out
}
