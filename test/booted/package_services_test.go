package booted

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// longRunning is a hook whose service writes down each of its processes.
const longRunning = `cat >/etc/hookd/hooks.d/long.hook <<'END'
[Hook]
Type=service
On=user.go
Exec=/bin/sh -c 'echo $$ >>/run/long; exec sleep 1d'
END`

// TestPackageServices: what a hook has started runs on while hookd is upgraded, removed and installed again, as the same
// process, and ends with the purge.
func TestPackageServices(t *testing.T) {
	deb := booted.Deb(t)
	newer := booted.Newer(t, deb)
	for _, suite := range suites() {
		for _, executor := range []string{"systemd", "process"} {
			t.Run(suite+" "+executor, func(t *testing.T) {
				h := booted.Boot(t, suite, booted.Options{})
				before := h.Shell(trace)
				if executor == "process" {
					h.Shell(`mkdir -p /run/systemd/system/hookd.service.d; printf '[Service]\nExecStart=\nExecStart=hookd --executor process\n' >/run/systemd/system/hookd.service.d/process.conf`)
				}
				h.Install(deb)
				h.Shell(longRunning)
				h.Until(`hookctl emit user.go --wait && hookctl status long | grep -q running && test -s /run/long`)
				first := identity(h, executor)
				same := func(when string) {
					t.Helper()
					if now := identity(h, executor); now != first {
						t.Errorf("%s the service is %q, it was %q", when, now, first)
					}
				}
				h.Install(newer)
				same("after the upgrade")
				h.Until(`hookctl status long | grep -q running`)
				same("when hookd has found it")
				h.Run("dpkg", "--remove", "hookd")
				same("after the removal")
				h.Install(newer)
				h.Until(`hookctl status long | grep -q running`)
				same("after it was installed again")
				if pids := h.Run("cat", "/run/long"); strings.Contains(pids, "\n") {
					t.Errorf("it was started as %q", pids)
				}
				foreign(h)
				h.Run("dpkg", "--purge", "hookd")
				if out, err := h.Try("sh", "-c", `kill -0 "$(cat /run/long)"`); err == nil {
					t.Errorf("the service runs after the purge: %s", out)
				}
				h.Run("systemctl", "is-active", "--quiet", "hookd-foreign.service")
				h.Shell(`systemctl stop hookd-foreign.service; rm -f /run/long /etc/hookd/hooks.d/long.hook; rm -rf /run/systemd/system/hookd.service.d
rmdir /etc/hookd/hooks.d /etc/hookd 2>/dev/null || true; systemctl daemon-reload`)
				h.Until(`test ! -e /sys/fs/cgroup/system.slice/hookd.service`)
				if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(h.Shell(trace), "\n")); diff != "" {
					t.Errorf("the purge leaves:\n%s", diff)
				}
			})
		}
	}
}

// trace is the listing without what systemd 252 to 257 forget to remove when a unit ends after a daemon-reload.
const trace = "{ " + listing + "\n} | grep -v '^/run/systemd/units/log-extra-fields:'"

// foreign is a transient unit of somebody else that is only called like ours.
func foreign(h *booted.Host) {
	h.Run("systemd-run", "--quiet", "--unit=hookd-foreign.service", "sleep", "1d")
}

// identity is the process of the service, when it was begun and, in systemd, the id of its start.
func identity(h *booted.Host, executor string) string {
	line := `cut -d' ' -f1,22 "/proc/$(tail -n 1 /run/long)/stat"`
	if executor == "systemd" {
		line += `; systemctl show --property=MainPID --property=InvocationID hookd-long.service`
	}
	return h.Shell(line)
}
