package oldworld

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hook puts a hook of a few lines into the system: its declaration, and what its script does.
func (o *old) hook(name, declared, script string) {
	o.t.Helper()
	text := "#!/bin/sh\n# [Hook]\n"
	for line := range strings.Lines(declared + "\n") {
		text += "# " + line
	}
	o.put("/etc/hookd/hooks.d/"+name, text+"#\n"+script+"\n")
}

// reload has hookd read the hooks, which have no faults.
func (o *old) reload() {
	o.t.Helper()
	o.Run("hookctl", "reload")
	if out := o.Run("hookctl", "check"); !strings.Contains(out, "hookctl: 0 faults") {
		o.t.Errorf("the hooks have faults:\n%s", out)
	}
}

// clear takes away hooks, and scripts that a test has added.
func (o *old) clear() {
	o.t.Helper()
	o.Shell(`ifdown --force rec0 2>/dev/null || true; ip address flush dev rec0
rm -f /etc/hookd/hooks.d/* /etc/network/if-*.d/test-* /run/told /run/recorded
systemctl is-active hookd.service >/dev/null && hookctl reload >/dev/null || true`)
}

// told is what hooks and scripts have written to /run/told, and how a line of sh ends.
func (o *old) told(line string) (told, said string, failed bool) {
	o.t.Helper()
	begun := time.Now()
	said, err := o.Try("sh", "-c", "rm -f /run/told; "+line)
	if took := time.Since(begun); took > 30*time.Second {
		o.t.Errorf("%s took %s", line, took)
	}
	return o.Shell(`cat /run/told 2>/dev/null || true`), said, err != nil
}

// expect runs a line of sh and compares what was written to /run/told, and whether it fails.
func (o *old) expect(line string, fails bool, want ...string) {
	o.t.Helper()
	told, said, failed := o.told(line)
	if diff := cmp.Diff(strings.Join(want, "\n"), told); diff != "" || failed != fails {
		o.t.Errorf("%s: failed is %v, said was\n%s\n%s", line, failed, said, diff)
	}
}

// telling is a script of the old world that tells of itself.
const telling = `#!/bin/sh
echo "$(basename $0) $IFACE $ADDRFAM $PHASE" >>/run/told
`

// tells is what a hook does that tells of itself.
const tells = `echo "$HOOK_NAME $EVENT_INTERFACE $EVENT_FAMILY $HOOK_EVENT" >>/run/told`

// native is a host with an adopted ifupdown whose scripts in every directory, aa-first and zz-last, tell of themselves.
func native(t *testing.T, adopt string) *old {
	t.Helper()
	o := recording(t, "")
	o.put("/run/telling", telling)
	o.Shell(`for dir in pre-up up down post-down; do
	cp /run/telling /etc/network/if-$dir.d/aa-first
	cp /run/telling /etc/network/if-$dir.d/zz-last
done`)
	o.Shell(adopt)
	return o
}

// part is one of several tests on one host.
type part struct {
	name string
	run  func(o *old)
}

// parts are what is true of both ways of adoption.
var parts = []part{{"parameters", parameters}, {"abort", aborts}, {"failure", fails}, {"R9", nested}, {"R9 alone", nestedAlone}, {"stopped", stopped}, {"started", started},
	{"killed", killed}}

// TestNativeLinks is what hooks are in an ifupdown that is adopted by links.
func TestNativeLinks(t *testing.T) {
	native(t, "hookctl adopt --links ifupdown").run(parts)
}

func (o *old) run(parts []part) {
	for _, p := range parts {
		o.t.Run(p.name, func(t *testing.T) {
			o := &old{o.Host, t}
			p.run(o)
			o.clear()
		})
	}
}

// parameters: a hook for each event sees everything that a script sees.
func parameters(o *old) {
	for _, event := range []string{"pre-up", "up", "down", "post-down"} {
		o.hook("seen-"+event, "On=ifupdown."+event, `{ echo "$HOOK_EVENT"; env | grep ^EVENT_ | sort; } >>/run/seen`)
	}
	o.reload()
	o.Shell("ifup rec0; ifdown rec0")
	events := strings.Split(o.Run("cat", "/run/seen"), "ifupdown.")[1:]
	if len(events) != 8 {
		o.t.Fatalf("%d events: %q", len(events), events)
	}
	for i, want := range []string{"pre-up inet pre-up start", "up inet post-up start", "pre-up inet6 pre-up start", "up inet6 post-up start",
		"down inet pre-down stop", "post-down inet post-down stop", "down inet6 pre-down stop", "post-down inet6 post-down stop"} {
		w := strings.Fields(want)
		common := []string{w[0], "EVENT_FAMILY=" + w[1], "EVENT_PHASE=" + w[2], "EVENT_MODE=" + w[3], "EVENT_INTERFACE=rec0", "EVENT_LOGICAL=rec0",
			"EVENT_METHOD=static", "EVENT_VERBOSITY=0"}
		if w[1] == "inet" {
			common = append(common, "EVENT_IF_ADDRESS=192.0.2.1", "EVENT_IF_NETMASK=255.255.255.0", "EVENT_IF_REPEATED=one",
				`EVENT_IF_X_STRANGE=two  words "quoted" $(touch /run/pwned) # kept`)
		} else {
			common = append(common, "EVENT_IF_ADDRESS=2001:db8::1", "EVENT_IF_NETMASK=64")
		}
		for _, line := range common {
			if !strings.Contains("\n"+events[i]+"\n", "\n"+line+"\n") && !strings.HasPrefix(events[i], line+"\n") {
				o.t.Fatalf("event %d has no %s:\n%s", i, line, events[i])
			}
		}
	}
	if out, err := o.Try("test", "-e", "/run/pwned"); err == nil {
		o.t.Errorf("a value was executed %s", out)
	}
}

// aborts: a hook with Failure=abort stops ifup before it has done anything, and nothing else.
func aborts(o *old) {
	o.hook("mm-no", "On=ifupdown.pre-up\nFailure=abort", tells+"; exit 3")
	o.hook("mn-after", "On=ifupdown.pre-up\nAfter=mm-no", tells)
	o.reload()
	o.expect("ifup rec0", true, "aa-first rec0 inet pre-up", "mm-no rec0 inet ifupdown.pre-up")
	if out := o.Shell("ip address show dev rec0"); strings.Contains(out, "192.0.2.1") {
		o.t.Errorf("rec0 has an address:\n%s", out)
	}
	told, said, failed := o.told("ifup -a")
	if !failed || !strings.Contains(told, "zz-last --all meta pre-up") || !strings.Contains(told, "zz-last --all meta post-up") {
		o.t.Errorf("ifup -a: failed is %v\n%s\n%s", failed, said, told)
	}
	o.clear()
	for _, event := range []string{"up", "down", "post-down"} {
		o.hook("mm-no-"+event, "On=ifupdown."+event+"\nFailure=abort", "exit 3")
	}
	o.reload()
	for _, line := range []string{"ifup rec0", "ifdown rec0"} {
		if told, said, failed := o.told(line); failed || strings.Count(told, "zz-last") != 4 {
			o.t.Errorf("%s: failed is %v\n%s\n%s", line, failed, said, told)
		}
	}
}

// fails: any other failure of ours is no matter of ifup.
func fails(o *old) {
	o.hook("mm-fails", "On=ifupdown.*", tells+"; exit 3")
	o.hook("mm-dies", "On=ifupdown.*", "kill -9 $$")
	o.hook("mm-hangs", "On=ifupdown.*\nTimeout=100ms\nKillAfter=100ms", "trap '' TERM; sleep 1d")
	o.put("/etc/hookd/hooks.d/mm-broken.hook", "[Hook]\nOn=ifupdown.up\nExec=/nosuch\n")
	o.Run("hookctl", "reload")
	for _, line := range []string{"ifup rec0", "ifdown rec0", "ifup -a", "ifdown -a"} {
		if told, said, failed := o.told(line); failed || strings.Count(told, "zz-last") < 4 || strings.Count(told, "mm-fails") != strings.Count(told, "zz-last") {
			o.t.Errorf("%s: failed is %v\n%s\n%s", line, failed, said, told)
		}
	}
	o.Shell("ifup lo")
}

// nested: a hook that calls ifup of another interface, of its own one, or emit --wait, waits for nothing that waits for it, and
// the hooks of what it makes happen run (R9).
func nested(o *old) {
	o.hook("mm-calls", "On=ifupdown.up interface=rec0 family=inet", `ifup other 2>&1; echo "other $?" >>/run/told
ifup rec0 2>/dev/null; hookctl emit user.inner --wait >/dev/null; echo "emit $?" >>/run/told`)
	o.hook("mm-other", "On=ifupdown.up interface=other\nOn=user.inner", tells)
	o.reload()
	o.Shell("ifdown --force other 2>/dev/null || true")
	o.expect("ifup rec0 | grep -v ^says", true, "aa-first rec0 inet pre-up", "zz-last rec0 inet pre-up", "aa-first rec0 inet post-up",
		"aa-first other inet pre-up", "zz-last other inet pre-up", "aa-first other inet post-up", "mm-other other inet ifupdown.up", "zz-last other inet post-up",
		"other 0", "mm-other   user.inner", "emit 0", "zz-last rec0 inet post-up",
		"aa-first rec0 inet6 pre-up", "zz-last rec0 inet6 pre-up", "aa-first rec0 inet6 post-up", "zz-last rec0 inet6 post-up")
	o.Shell("ifdown rec0; ifdown other")
}

// everywhere is a hook that runs once for each event of rec0.
func everywhere(o *old) { o.hook("mm-hook", "On=ifupdown.* interface=rec0", tells) }

// ran fails when a line of sh does not end well, or a script or the hook has not run once for each family and phase.
func (o *old) ran(line, phases string) {
	o.t.Helper()
	told, said, failed := o.told(line)
	for phase := range strings.FieldsSeq(phases) {
		for _, family := range []string{"inet", "inet6"} {
			event := strings.NewReplacer("pre-down", "down", "post-up", "up").Replace(phase)
			for _, want := range []string{"aa-first rec0 " + family + " " + phase, "mm-hook rec0 " + family + " ifupdown." + event, "zz-last rec0 " + family + " " + phase} {
				if n := strings.Count(told+"\n", want+"\n"); n != 1 {
					o.t.Errorf("%s: %d times %s", line, n, want)
				}
			}
		}
	}
	if failed || o.t.Failed() {
		o.t.Errorf("%s: failed is %v\n%s\n%s", line, failed, said, told)
	}
}

// stopped: without hookd the hooks run in the process of the old system.
func stopped(o *old) {
	everywhere(o)
	o.Run("systemctl", "stop", "hookd.service")
	o.ran("ifup rec0", "pre-up post-up")
	o.ran("ifdown rec0", "pre-down post-down")
	o.Run("systemctl", "start", "hookd.service")
}

// started: a hookd that starts in the middle of an ifup takes over what follows, and runs nothing twice.
func started(o *old) {
	everywhere(o)
	o.Run("systemctl", "stop", "hookd.service")
	o.put("/etc/network/if-pre-up.d/test-starts", "#!/bin/sh\n[ $ADDRFAM = inet6 ] || systemctl start hookd.service\n")
	o.ran("ifup rec0", "pre-up post-up")
	if out := o.Run("hookctl", "history"); strings.Count(out, "ifupdown.") < 3 {
		o.t.Errorf("hookd has run\n%s", out)
	}
}

// killed: a hookd that is killed in the middle of an ifup holds nothing up, and nothing runs twice.
func killed(o *old) {
	everywhere(o)
	o.reload()
	o.hook("mm-kills", "On=ifupdown.up interface=rec0 family=inet", `kill -9 $(systemctl show --value --property=MainPID hookd.service); sleep 1d`)
	o.reload()
	told, said, failed := o.told("ifup rec0")
	for _, once := range []string{"aa-first rec0 inet post-up", "zz-last rec0 inet post-up", "aa-first rec0 inet6 post-up", "zz-last rec0 inet6 post-up"} {
		if n := strings.Count(told+"\n", once+"\n"); n != 1 {
			o.t.Errorf("%d times %s", n, once)
		}
	}
	for _, family := range []string{"inet", "inet6"} {
		if n := strings.Count(told, fmt.Sprintf("mm-hook rec0 %s ifupdown.up\n", family)); n > 1 || family == "inet6" && n != 1 {
			o.t.Errorf("%d times for %s", n, family)
		}
	}
	if failed || o.t.Failed() {
		o.t.Errorf("ifup: failed is %v\n%s\n%s", failed, said, told)
	}
	o.Until("hookctl status")
}
