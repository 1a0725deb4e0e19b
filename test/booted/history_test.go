package booted

import (
	"strings"
	"testing"

	"hookd/internal/booted"
)

// remembered is a hook whose run is looked for in the history.
const remembered = `dpkg --install hookd_*.deb
cat >/etc/hookd/hooks.d/remembered.hook <<'END'
[Hook]
On=user.remembered
Exec=/bin/echo remembered
END
`

// lateDisk is a file system that is mounted at /var/lib/hookd when hookd runs already. What is on it can be seen elsewhere.
const lateDisk = `mkdir -p /srv/disk /var/lib/hookd
cat >/etc/systemd/system/srv-disk.mount <<'END'
[Mount]
What=tmpfs
Where=/srv/disk
Type=tmpfs
END
cat >/etc/systemd/system/var-lib-hookd.mount <<'END'
[Unit]
DefaultDependencies=no
After=hookd.service
Conflicts=umount.target
Before=umount.target
[Mount]
What=/srv/disk
Where=/var/lib/hookd
Type=none
Options=bind
[Install]
WantedBy=multi-user.target
END
systemctl --quiet enable var-lib-hookd.mount
`

// TestHistoryLasts: what hookd did is known after a reboot, which takes all of /run; hookd that crashes goes on by itself;
// what was not moved yet is moved when the system stops.
func TestHistoryLasts(t *testing.T) {
	deb := booted.Deb(t)
	for _, suite := range suites() {
		t.Run(suite, func(t *testing.T) {
			h := booted.Boot(t, suite, booted.Options{Files: []string{deb}, Setup: remembered})
			noCycle(t, h)
			h.Run("systemctl", "is-active", "hookd-flush.service")
			h.Run("hookctl", "emit", "user.remembered", "n=1", "--wait")
			h.Run("hookctl", "flush")
			crash(t, h)
			h.Run("hookctl", "emit", "user.remembered", "n=2", "--wait")
			reboot(h, "hookd-flush.service hookd.service")
			h.Run("hookctl", "emit", "user.remembered", "n=3", "--wait")
			reboot(h, "hookd.service hookd-flush.service") // the disk is told to go last
			remembers(t, h, 3)
			if mode := h.Run("stat", "-c", "%a %U", "/var/lib/hookd/history"); mode != "700 root" {
				t.Errorf("the directory is %s", mode)
			}
			h.Run("systemctl", "stop", "hookd.service")
			remembers(t, h, 3) // without hookd
			h.Install(booted.Newer(t, deb))
			remembers(t, h, 3)
			removed := h.Shell(`dpkg --remove hookd >&2; ls /var/lib/hookd/history`)
			if !strings.Contains(removed, "part.") {
				t.Errorf("the removal took the history: %s", removed)
			}
			h.Shell(`dpkg --purge hookd; test ! -e /var/lib/hookd; test ! -e /run/hookd`)
			if failed := h.Run("systemctl", "--failed", "--plain", "--no-legend"); failed != "" {
				t.Errorf("units have failed: %s", failed)
			}
		})
	}
}

// reboot stops units as a shutdown does, takes what a reboot takes, and starts hookd as a boot does.
func reboot(h *booted.Host, units string) {
	h.Shell(`for unit in ` + units + `; do systemctl stop $unit; done
rm -r /run/hookd
systemctl start hookd.service`)
	h.Until(`systemctl is-active hookd-flush.service && hookctl status`)
}

// remembers fails unless so many runs are in the history, once each.
func remembers(t *testing.T, h *booted.Host, runs int) {
	t.Helper()
	out := h.Run("hookctl", "history", "--hook", "remembered", "--no-color")
	if n := strings.Count(out, "user.remembered"); n != runs {
		t.Errorf("%d runs of %d are in the history:\n%s", n, runs, out)
	}
}

// TestHistoryLateDisk boots with a /var/lib/hookd that is mounted when hookd runs already, and takes it away again: nothing
// is ordered in a circle, hookd does not wait for it, and nothing is written below the mount point.
func TestHistoryLateDisk(t *testing.T) {
	h := booted.Boot(t, booted.Bookworm, booted.Options{Files: []string{booted.Deb(t)}, Setup: remembered + lateDisk})
	noCycle(t, h)
	h.Until(`systemctl is-active hookd-flush.service`)
	if waits := h.Run("systemctl", "show", "--value", "--property=Before", "hookd-flush.service"); waits != "shutdown.target" {
		t.Errorf("%s waits for the disk of the history", waits)
	}
	if ready, mounted := since(t, h, "hookd.service", "ActiveEnterTimestampMonotonic"), since(t, h, "var-lib-hookd.mount", "ActiveEnterTimestampMonotonic"); mounted < ready {
		t.Errorf("hookd was ready at %d µs, its disk there at %d", ready, mounted)
	}
	h.Run("hookctl", "emit", "user.remembered", "n=1", "--wait")
	h.Run("systemctl", "stop", "var-lib-hookd.mount") // and before it the unit that moves the history
	h.Shell(`grep -q user.remembered /srv/disk/history/part.00000001; test -z "$(ls /var/lib/hookd)"`)
	remembers(t, h, 0)
	h.Run("hookctl", "emit", "user.remembered", "n=2", "--wait")
	h.Run("systemctl", "stop", "hookd.service")
	h.Shell(`journalctl --boot --unit=hookd.service | grep 'on another file system than it was'; test -z "$(ls /var/lib/hookd)"`)
	remembers(t, h, 1)
	h.Run("systemctl", "start", "hookd.service")
	h.Until(`mountpoint /var/lib/hookd && systemctl is-active hookd-flush.service`)
	remembers(t, h, 2)
}
