package oldworld

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// TestPackage: an upgrade keeps what is adopted, a removal takes it back, and ifup works all the time.
func TestPackage(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	deb, err := built()
	if err != nil {
		t.Fatal(err)
	}
	o.Run("dpkg", "--purge", "hookd")
	before := o.Shell(tree)
	o.Run("systemctl", "start", "networkd-dispatcher.service")
	o.Install(deb)
	o.Run("hookctl", "adopt", "ifupdown", "ppp", "dhclient", "networkmanager", "networkd-dispatcher", "system-sleep")
	busy := `ip link add busy0 type veth peer name busy1
echo 'iface busy0 inet manual' >>/etc/network/interfaces
(while [ ! -e /run/enough ]; do ifup busy0 && ifdown busy0 || touch /run/broken; done) >/run/busy 2>&1 &`
	o.Shell(busy)
	o.Install(newer(t, deb))
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

// newer is the same package with a higher version.
func newer(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	files := filepath.Join(dir, "files")
	run(t, "dpkg-deb", "--raw-extract", deb, files)
	control := filepath.Join(files, "DEBIAN/control")
	text, err := os.ReadFile(control)
	if err == nil {
		version := "\nVersion: "
		head, tail, _ := strings.Cut(string(text), version)
		err = os.WriteFile(control, []byte(head+version+"9:"+tail), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "newer.deb")
	run(t, "dpkg-deb", "--root-owner-group", "-Znone", "--build", files, out)
	return out
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
}
