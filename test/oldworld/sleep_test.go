package oldworld

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// sleepy makes a system that can be sent to sleep: /sys is a file system in memory there, so what is written to go to sleep goes
// nowhere, and systemd-sleep(8) wakes at once.
const sleepy = `mount -o remount,rw /sys
mkdir /sys/power
mkdir -p /usr/lib/systemd/system-sleep
echo 'freeze mem disk' >/sys/power/state
echo '[s2idle]' >/sys/power/mem_sleep
`

// invocation are variables that no two starts of a unit have in common.
var invocation = regexp.MustCompile(`(?m)^(INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID)=.*\n`)

// sleeps sends the system to sleep as logind does, and is what scripts wrote down meanwhile.
func (o *old) sleeps() string {
	o.t.Helper()
	o.Shell("rm -f /run/recorded /run/told; echo 'freeze mem disk' >/sys/power/state; systemctl start systemd-suspend.service")
	out := strings.ReplaceAll(o.Shell("cat /sys/power/state; cat /run/recorded 2>/dev/null || true"), "\000", "\n")
	return invocation.ReplaceAllString(varying.ReplaceAllString(out, ""), "")
}

// TestSleep sends a system to sleep before an adoption, after it, without hookd and after it was taken back: scripts are given the
// same, hooks hear of both, and after the sleep run in the opposite order.
func TestSleep(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.Shell(sleepy)
	o.put("/usr/lib/systemd/system-sleep/recorder.sleep", recorder)
	before := o.sleeps()
	if strings.Count(before, "script /") != 2 || !strings.Contains(before, "argument 'post'") {
		t.Fatalf("systemd has run\n%s", before)
	}
	const each = `echo "$HOOK_NAME $EVENT_PHASE $EVENT_OPERATION $EVENT_ACTION" >>/run/told`
	o.hook("aa-second", "On=system.sleep\nAfter=zz-first\nReverse=yes", each)
	o.hook("zz-first", "On=system.sleep\nReverse=yes", each+"; exit 3")
	o.hook("post-only", "On=system.sleep phase=post\nAfter=zz-first", each)
	o.reload()
	const want = "zz-first pre suspend suspend\naa-second pre suspend suspend\n" +
		"aa-second post suspend suspend\nzz-first post suspend suspend\npost-only post suspend suspend"
	for _, step := range []string{"hookctl adopt system-sleep", "systemctl stop hookd.service"} {
		o.Shell(step)
		if diff := cmp.Diff(lines(before), lines(o.sleeps())); diff != "" {
			t.Errorf("after %s:\n%s", step, diff)
		}
		if diff := cmp.Diff(want, o.Shell("cat /run/told")); diff != "" {
			t.Errorf("after %s the hooks were:\n%s", step, diff)
		}
	}
	o.Shell("systemctl start hookd.service; hookctl adopt --undo system-sleep")
	if diff := cmp.Diff(lines(before), lines(o.sleeps())); diff != "" {
		t.Errorf("after it was taken back:\n%s", diff)
	}
	if out, err := o.Try("cat", "/run/told"); err == nil {
		t.Errorf("after it was taken back the hooks were\n%s", out)
	}
}
