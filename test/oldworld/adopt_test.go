package oldworld

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// tree is every file with its mode, owner and where it leads. dpkg and the journal keep books, and systemd notes when it was
// told of a unit.
const tree = `find / -xdev \( -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/systemd/timers -o -path /var/cache \) -prune -o \
	-printf '%p %M %u:%g %l\n' | sort`

// TestAdoptUndo adopts everything a host has, in both ways, and takes it back: no file is left, none is missing.
func TestAdoptUndo(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.Run("systemctl", "start", "networkd-dispatcher.service")
	before := o.Shell(tree)
	for _, links := range []string{"", " --links"} {
		o.Shell("hookctl adopt" + links + " ifupdown ppp")
		o.Run("hookctl", "adopt", "dhclient", "networkmanager", "networkd-dispatcher", "system-sleep")
		if out, err := o.Try("systemctl", "is-active", "networkd-dispatcher.service"); err == nil {
			t.Errorf("networkd-dispatcher is adopted and %s", out)
		}
		if out := o.Run("hookctl", "adopt"); strings.Count(out, " by ") != 6 {
			t.Errorf("adopted are\n%s", out)
		}
		now := o.Shell(tree)
		if out := o.Shell("hookctl adopt" + links + " ifupdown ppp; hookctl adopt dhclient networkmanager networkd-dispatcher system-sleep"); strings.Count(out, "already") != 6 {
			t.Errorf("a second time: %s", out)
		}
		if diff := cmp.Diff(lines(now), lines(o.Shell(tree))); diff != "" {
			t.Errorf("a second time:\n%s", diff)
		}
		o.Run("hookctl", "adopt", "--undo", "ppp", "dhclient")
		o.Run("hookctl", "adopt", "--undo", "--all")
		if diff := cmp.Diff(lines(before), lines(o.Shell(tree))); diff != "" {
			t.Errorf("left is:\n%s", diff)
		}
		o.Run("systemctl", "is-active", "networkd-dispatcher.service")
	}
}

// TestNotRoot: who is not root is told so, and can look.
func TestNotRoot(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	if out, err := o.Try("setpriv", "--reuid=65534", "--clear-groups", "hookctl", "adopt", "ifupdown"); err == nil || out != "hookctl: only root can adopt a system; --dry-run says what it would do" {
		t.Errorf("%s %v", out, err)
	}
	o.Run("setpriv", "--reuid=65534", "--clear-groups", "hookctl", "adopt", "ifupdown", "--dry-run")
	o.Run("setpriv", "--reuid=65534", "--clear-groups", "hookctl", "adopt")
}

func lines(text string) []string { return strings.Split(text, "\n") }
