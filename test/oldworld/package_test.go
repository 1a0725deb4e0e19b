package oldworld

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// TestPackage: an upgrade keeps what is adopted, a removal takes it back, and ifup works all the time.
func TestPackage(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	deb := booted.Deb(t)
	o.Run("dpkg", "--purge", "hookd")
	before := o.Shell(tree)
	o.Run("systemctl", "start", "networkd-dispatcher.service")
	o.Install(deb)
	o.Run("hookctl", "adopt", "ifupdown", "ppp", "dhclient", "networkmanager", "networkd-dispatcher", "system-sleep")
	busy := `ip link add busy0 type veth peer name busy1
echo 'iface busy0 inet manual' >>/etc/network/interfaces
(while [ ! -e /run/enough ]; do ifup busy0 && ifdown busy0 || touch /run/broken; done) >/run/busy 2>&1 &`
	o.Shell(busy)
	o.Install(booted.Newer(t, deb))
	if out := o.Run("hookctl", "adopt"); strings.Count(out, " by ") != 6 {
		t.Errorf("after the upgrade adopted are\n%s", out)
	}
	o.Run("dpkg", "--remove", "hookd")
	o.Run("systemctl", "is-active", "networkd-dispatcher.service")
	o.Shell(`touch /run/enough`)
	if out, err := o.Try("cat", "/run/broken", "/run/busy"); err == nil {
		t.Errorf("ifup was broken: %s", out)
	}
	o.Shell(`sed -i '$d' /etc/network/interfaces`)
	o.Run("dpkg", "--purge", "hookd")
	o.Until(`test ! -e /sys/fs/cgroup/system.slice/hookd.service`)
	if diff := cmp.Diff(lines(before), lines(o.Shell(tree))); diff != "" {
		t.Errorf("the purge leaves:\n%s", diff)
	}
}
