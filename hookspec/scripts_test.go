package hookspec

import (
	"os"
	"slices"
	"strings"
	"testing"

	"hookd/events"
)

// newScripts is a disk on which networkd-dispatcher is adopted. Its files have the mode 0755.
func newScripts(t *testing.T, archive string) *disk {
	d := newDisk(t, archive)
	d.write("adopted/networkd-dispatcher", "", 0o644)
	d.opt.Scripts = Scripts{d.path("adopted/networkd-dispatcher"), []string{d.path("nd"), d.path("usrnd")}}
	return d
}

func routable(t *testing.T, params ...string) events.Event {
	t.Helper()
	e, err := events.New("networkd.routable", []events.Param{{Key: "interface", Value: "eth0"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(params); i += 2 {
		e.Params = append(e.Params, events.Param{Key: params[i], Value: params[i+1]})
	}
	return e
}

func planned(p Plan) string {
	var out []string
	for _, j := range p.Jobs {
		out = append(out, j.Hook.Name+"("+strings.Join(NamesOf(p.Jobs, j.After), " ")+")")
	}
	return strings.Join(out, " ")
}

func TestScripts(t *testing.T) {
	d := newScripts(t, `
-- nd/routable.d/b --
#!/bin/sh
-- nd/routable.d/a --
#!/bin/sh
-- nd/off.d/b --
#!/bin/sh
-- nd/nostate.d/x --
#!/bin/sh
-- usrnd/routable.d/b --
#!/bin/sh
-- usrnd/routable.d/c.sh --
#!/bin/sh
-- usrnd/routable.d/masked --
#!/bin/sh
-- usrnd/routable.d/refused --
#!/bin/sh
-- nd/routable.d/.hidden~ --
#!/bin/sh
-- nd/routable.d/sub/x --
#!/bin/sh
-- nd/routable.d/noshebang --
exit 0
-- etc/after.hook --
[Hook]
On=networkd.routable
After=legacy:b
Before=legacy:c.sh
Exec=/bin/true
`)
	d.write("nd/routable.d/refused", "#!/bin/sh\n", 0o644)
	d.do(os.Symlink("/dev/null", d.path("nd/routable.d/masked")))
	d.do(os.Symlink("/nowhere", d.path("nd/routable.d/dangling")))
	set := Load(d.opt, nil)
	want := "legacy:.hidden~() legacy:a(legacy:.hidden~) legacy:b(legacy:a) after(legacy:b) legacy:c.sh(legacy:b after) legacy:noshebang(legacy:c.sh)"
	plan := set.Plan(routable(t))
	if got := planned(plan); got != want {
		t.Errorf("the plan is\n%s\nnot\n%s", got, want)
	}
	for _, j := range plan.Jobs {
		if j.Hook.Name == "legacy:b" && (j.Program != d.path("nd/routable.d/b") || !slices.Equal(j.Args, []string{j.Program})) {
			t.Errorf("it runs %s as %q", j.Program, j.Args)
		}
	}
	text := d.describe(set)
	for _, line := range []string{
		"overridden usrnd/routable.d/b: by ", "masked nd/routable.d/masked: a link to /dev/null", "overridden usrnd/routable.d/masked",
		"refused nd/routable.d/refused: the script is not executable (mode 0644)", "overridden usrnd/routable.d/refused",
		"refused nd/routable.d/dangling", "ignored nd/routable.d/sub: it is no regular file", "loaded nd/off.d/b",
		"the script has no #! line", "the script is run, but left over by an editor or a package manager (~)",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("nothing says %q:\n%s", line, text)
		}
	}
	e := routable(t)
	e.Name = "networkd.off"
	if p := set.Plan(e); planned(p) != "legacy:b()" || p.Jobs[0].Program != d.path("nd/off.d/b") {
		t.Errorf("off is %s", planned(p))
	}
	if len(set.Cycles) != 0 {
		t.Error(set.Cycles)
	}
}

func TestScriptsNotAdopted(t *testing.T) {
	d := newScripts(t, "-- nd/routable.d/a --\n#!/bin/sh\n")
	d.do(os.Remove(d.path("adopted/networkd-dispatcher")))
	if set := Load(d.opt, nil); len(set.Hooks)+len(set.Entries) != 0 {
		t.Error(d.describe(set))
	}
	d.write("adopted/networkd-dispatcher", "", 0o666)
	if set := Load(d.opt, nil); len(set.Hooks) != 0 || set.Hard() != 1 {
		t.Errorf("a record that everybody may write is believed:\n%s", d.describe(set))
	}
}

func TestScriptEnviron(t *testing.T) {
	d := newScripts(t, "-- nd/routable.d/a --\n#!/bin/sh\n")
	set := Load(d.opt, nil)
	e := routable(t, "administrative-state", "configured", "json", "{}")
	e.Source = "kernel"
	plan := set.Plan(e)
	want := []string{"PATH=" + searchPath, "HOOK_NAME=legacy:a", "HOOK_INSTANCE=", "HOOK_RUN=r", "HOOK_EVENT=networkd.routable", "HOOK_SOURCE=kernel",
		"HOOK_FORMAT=1", "IFACE=eth0", "AdministrativeState=configured", "json={}", "OperationalState=", "ADDR=", "IP_ADDRS=", "IP6_ADDRS=", "ESSID=", "STATE=routable"}
	got := plan.Jobs[0].Environ(e, "r")
	want[2] += plan.Jobs[0].Instance
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot\n%q", got, want)
	}
}

// The order of the scripts stands: a hook that contradicts it orders nothing.
func TestScriptsCycle(t *testing.T) {
	d := newScripts(t, `
-- nd/routable.d/a --
#!/bin/sh
-- nd/routable.d/b --
#!/bin/sh
-- etc/h.hook --
[Hook]
On=networkd.routable
After=legacy:b
Before=legacy:a
Exec=/bin/true
`)
	set := Load(d.opt, nil)
	if got := planned(set.Plan(routable(t))); got != "h() legacy:a() legacy:b(legacy:a)" || len(set.Cycles) == 0 {
		t.Errorf("%s %v", got, set.Cycles)
	}
}

// TestS2 has somebody else own or write what leads to a script.
func TestS2(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it needs root")
	}
	for name, spoil := range map[string]func(d *disk){
		"file writable by everybody": func(d *disk) { d.do(os.Chmod(d.path("nd/routable.d/a"), 0o757)) },
		"file writable by its group": func(d *disk) {
			d.do(os.Chown(d.path("nd/routable.d/a"), 0, 1000))
			d.do(os.Chmod(d.path("nd/routable.d/a"), 0o775))
		},
		"file of somebody":         func(d *disk) { d.do(os.Chown(d.path("nd/routable.d/a"), 1000, 0)) },
		"directory of somebody":    func(d *disk) { d.do(os.Chown(d.path("nd/routable.d"), 1000, 0)) },
		"directory above writable": func(d *disk) { d.do(os.Chmod(d.path("nd"), 0o777)) },
		"link to a file of somebody": func(d *disk) {
			d.write("canary", "#!/bin/sh\n", 0o755)
			d.do(os.Chown(d.path("canary"), 1000, 1000))
			d.do(os.Remove(d.path("nd/routable.d/a")))
			d.do(os.Symlink(d.path("canary"), d.path("nd/routable.d/a")))
		},
	} {
		d := newScripts(t, "-- nd/routable.d/a --\n#!/bin/sh\n-- usrnd/routable.d/a --\n#!/bin/sh\n")
		if set := Load(d.opt, nil); len(set.Plan(routable(t)).Jobs) != 1 {
			t.Fatalf("it does not run at all:\n%s", d.describe(set))
		}
		spoil(d)
		if set := Load(d.opt, nil); len(set.Plan(routable(t)).Jobs) != 0 || set.Hard() == 0 {
			t.Errorf("%s: it runs:\n%s", name, d.describe(set))
		}
	}
	d := newScripts(t, "-- nd/routable.d/a --\n#!/bin/sh\n")
	d.do(os.Chmod(d.path("nd/routable.d/a"), 0o700))
	if set := Load(d.opt, nil); len(set.Plan(routable(t)).Jobs) != 1 {
		t.Errorf("a script that only root may run is refused:\n%s", d.describe(set))
	}
}
