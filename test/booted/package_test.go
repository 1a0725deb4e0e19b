package booted

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// TestPackage installs the package in a system that runs, uses it, upgrades, removes and purges it.
func TestPackage(t *testing.T) {
	deb := booted.Deb(t)
	newer := booted.Newer(t, deb)
	for _, suite := range suites() {
		t.Run(suite, func(t *testing.T) {
			h := booted.Boot(t, suite, booted.Options{})
			before := h.Shell(listing)
			h.Install(deb)
			versions(t, h)
			dropIn(t, h)
			crash(t, h)
			if suite == booted.Trixie {
				varlink(t, h)
			}
			left := leaveBehind(h)
			upgrade(t, h, newer)
			lives(t, h, left)
			h.Run("dpkg", "--remove", "hookd")
			removed(t, h)
			lives(t, h, left)
			h.Run("dpkg", "--purge", "hookd")
			lives(t, h, left)
			pid, _, _ := strings.Cut(left, " ")
			h.Run("kill", pid)
			h.Until(`test ! -e /sys/fs/cgroup/system.slice/hookd.service`)
			if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(h.Shell(listing), "\n")); diff != "" {
				t.Errorf("the purge leaves:\n%s", diff)
			}
		})
	}
}

// listing is every file, and below /run what is ours. dpkg and the journal keep books.
const listing = `find / -xdev \( -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/systemd/timers \) -prune -o -print | sort
find /run /sys/fs/cgroup /tmp -name '*hookd*' ! -path '/run/hookd-test*' | sort
find /var/lib/dpkg -name '*hookd*' | sort`

// versions fails when the package and the program do not tell of the same version.
func versions(t *testing.T, h *booted.Host) {
	t.Helper()
	deb, program := h.Run("dpkg-query", "--show", "--showformat=${Version}", "hookd"), h.Run("hookd", "--version")
	if program != "hookd "+deb {
		t.Errorf("the package has version %s, the program is %s", deb, program)
	}
}

// dropIn drops a hook into the running system.
func dropIn(t *testing.T, h *booted.Host) {
	t.Helper()
	h.Shell(`cat >/etc/hookd/hooks.d/seen.hook <<'END'
[Hook]
On=link.added kind=veth
Exec=/usr/bin/touch /run/seen-%{interface}
END`)
	h.Until(`hookctl status | grep -q '^hooks *1 in force, 0 faults'`)
	h.Run("ip", "link", "add", "hk0", "type", "veth", "peer", "name", "hk1")
	h.Until(`test -e /run/seen-hk0 -a -e /run/seen-hk1`)
	h.Shell(`rm /etc/hookd/hooks.d/seen.hook /run/seen-*`)
}

const mainPID = `systemctl show --value --property=MainPID hookd.service`

// crash kills hookd; systemd has another one run.
func crash(t *testing.T, h *booted.Host) {
	t.Helper()
	old := h.Shell(mainPID)
	h.Run("kill", "-9", old)
	h.Until(`systemctl is-active hookd.service; hookctl status; test "$(` + mainPID + `)" != ` + old)
}

// leaveBehind has a oneshot hook leave a process behind, and returns its number and when it was begun.
func leaveBehind(h *booted.Host) string {
	h.Shell(`cat >/etc/hookd/hooks.d/leave <<'END'
#!/bin/sh
# [Hook]
# On=user.leave
#
sleep 1d &
echo $! >/run/left
END
chmod 755 /etc/hookd/hooks.d/leave`)
	h.Until(`hookctl emit user.leave --wait && test -s /run/left`)
	return h.Shell(`rm /etc/hookd/hooks.d/leave; cut -d' ' -f1,22 "/proc/$(cat /run/left)/stat"; rm /run/left`)
}

func lives(t *testing.T, h *booted.Host, process string) {
	t.Helper()
	pid, _, _ := strings.Cut(process, " ")
	if now, err := h.Try("cut", "-d ", "-f1,22", "/proc/"+pid+"/stat"); err != nil || now != process {
		t.Errorf("the process that was left behind was %s and is %s, %v", process, now, err)
	}
}

func upgrade(t *testing.T, h *booted.Host, newer string) {
	t.Helper()
	old := h.Shell(mainPID)
	h.Install(newer)
	if now := h.Shell(`systemctl is-active --quiet hookd.service; ` + mainPID); now == old {
		t.Error("hookd runs on after the upgrade")
	}
	h.Run("hookctl", "status")
}

func removed(t *testing.T, h *booted.Host) {
	t.Helper()
	if out, err := h.Try("systemctl", "is-active", "hookd.service", "hookd.socket"); err == nil {
		t.Errorf("hookd was removed and runs: %s", out)
	}
	if out, err := h.Try("systemctl", "--failed", "--plain", "--no-legend"); err != nil || out != "" {
		t.Errorf("units have failed: %v %s", err, out)
	}
}

// varlink has systemd's own tool speak to the control socket.
func varlink(t *testing.T, h *booted.Host) {
	t.Helper()
	const socket = "unix:/run/hookd/control.sock"
	if text := h.Run("varlinkctl", "introspect", socket, "io.hookd"); !strings.Contains(text, "method Status(") {
		t.Errorf("the introspection is\n%s", text)
	}
	if text := h.Run("varlinkctl", "info", socket); !strings.Contains(text, "io.hookd") {
		t.Errorf("the service tells of itself\n%s", text)
	}
	if answer := h.Run("varlinkctl", "call", socket, "io.hookd.Status", "{}"); !strings.Contains(answer, `"executor"`) {
		t.Errorf("the status is\n%s", answer)
	}
}
