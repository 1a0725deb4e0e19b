package booted

import (
	"strconv"
	"strings"
	"testing"

	"hookd/internal/booted"
)

// withInterface is a system with hookd, no D-Bus daemon, a hook, and an interface that ifupdown makes at boot.
const withInterface = `
dpkg --install hookd_*.deb
systemctl --quiet mask dbus.service dbus.socket systemd-logind.service
cat >/etc/hookd/hooks.d/told <<'END'
#!/bin/sh
# [Hook]
# On=link.added interface=hk0
# On=link.up interface=hk0
#
echo "$HOOK_EVENT $HOOK_SOURCE" >>/var/told
END
chmod 755 /etc/hookd/hooks.d/told
cat >/etc/network/interfaces <<'END'
auto hk0
iface hk0 inet static
	pre-up ip link add hk0 type veth peer name hk1
	pre-up ip link set hk1 up
	address 192.0.2.1/24
END
`

// TestR14 boots with the package in place: hookd is ready before any interface is configured, hears of each, and needs
// no D-Bus daemon.
func TestR14(t *testing.T) {
	deb := booted.Deb(t)
	for _, suite := range suites() {
		t.Run(suite, func(t *testing.T) {
			h := booted.Boot(t, suite, booted.Options{Files: []string{deb}, Setup: withInterface})
			early(t, h)
			noCycle(t, h)
			h.Until(`grep -qx 'link.up kernel' /var/told`)
			if told := h.Run("cat", "/var/told"); told != "link.added kernel\nlink.up kernel" {
				t.Errorf("the hook was told\n%s", told)
			}
			if out, err := h.Try("sh", "-c", "pgrep dbus || systemctl is-active dbus.service dbus.socket"); err == nil {
				t.Errorf("a D-Bus daemon runs: %s", out)
			}
			if status := h.Run("hookctl", "status"); !strings.Contains(status, "in control groups below /sys/fs/cgroup/system.slice/hookd.service/") {
				t.Errorf("with Delegate=yes hookd has control groups; its status is\n%s", status)
			}
			inherited(t, h)
			h.Run("systemd-analyze", "verify", "--man=no", "hookd.service", "hookd-flush.service", "hookd.socket")
		})
	}
}

// TestMixedControlGroups boots a system in which control groups of version 2 lie below a mount of their own: hookd finds them.
func TestMixedControlGroups(t *testing.T) {
	h := booted.Boot(t, booted.Bookworm, booted.Options{Files: []string{booted.Deb(t)}, Setup: "dpkg --install hookd_*.deb", Mixed: true})
	if status := h.Run("hookctl", "status"); !strings.Contains(status, "in control groups below /sys/fs/cgroup/unified/system.slice/hookd.service/") {
		t.Errorf("its status is\n%s", status)
	}
}

// early fails unless hookd was ready before the network was begun with.
func early(t *testing.T, h *booted.Host) {
	t.Helper()
	for _, unit := range []string{"hookd.service", "network-pre.target", "networking.service"} {
		h.Run("systemctl", "is-active", unit)
	}
	ready := since(t, h, "hookd.service", "ActiveEnterTimestampMonotonic")
	if pre := since(t, h, "network-pre.target", "ActiveEnterTimestampMonotonic"); ready > pre {
		t.Errorf("hookd was ready at %d µs, network-pre.target reached at %d", ready, pre)
	}
	if net := since(t, h, "networking.service", "ExecMainStartTimestampMonotonic"); ready > net {
		t.Errorf("hookd was ready at %d µs, networking.service begun at %d", ready, net)
	}
}

// since is a point in time in µs.
func since(t *testing.T, h *booted.Host, unit, property string) int {
	t.Helper()
	n, err := strconv.Atoi(h.Run("systemctl", "show", "--value", "--property="+property, unit))
	if err != nil || n == 0 {
		t.Fatalf("%s of %s: %d, %v", property, unit, n, err)
	}
	return n
}

// noCycle fails when systemd had to leave something out. It decides that before there is a journal.
func noCycle(t *testing.T, h *booted.Host) {
	t.Helper()
	console := h.Console()
	if !strings.Contains(console, "Queued start job for default target") {
		t.Fatalf("the console does not tell of the boot:\n%s", console)
	}
	if strings.Contains(console, "ordering cycle") {
		t.Errorf("an ordering cycle:\n%s", console)
	}
}

// inherited fails when hooks would inherit a restriction of hookd.service.
func inherited(t *testing.T, h *booted.Host) {
	t.Helper()
	h.Shell(`pid=$(` + mainPID + `)
grep -q '^NoNewPrivs:.*0$' /proc/$pid/status
for ns in mnt net ipc uts user; do test "$(readlink /proc/1/ns/$ns)" = "$(readlink /proc/$pid/ns/$ns)"; done
test "$(cat /proc/1/oom_score_adj)" = "$(cat /proc/$pid/oom_score_adj)"`)
	h.Run("sh", "-c", `test "$(systemctl show --value --property=Delegate hookd.service)" = yes`)
}

// TestSocketUnit boots with the socket unit enabled, which it is not by default: nothing is ordered in a circle, the socket is for root alone, and a
// caller waits while hookd is restarted.
func TestSocketUnit(t *testing.T) {
	deb := booted.Deb(t)
	h := booted.Boot(t, booted.Bookworm, booted.Options{Files: []string{deb}, Setup: withInterface + "systemctl enable hookd.socket"})
	early(t, h)
	noCycle(t, h)
	if mode := h.Run("stat", "-c", "%a %U", "/run/hookd", "/run/hookd/control.sock"); mode != "755 root\n600 root" {
		t.Errorf("modes are %q", mode)
	}
	h.Run("systemctl", "is-active", "hookd.socket")
	h.Shell(`kill -9 $(systemctl show --value --property=MainPID hookd.service); hookctl status`)
	h.Install(deb)
}
