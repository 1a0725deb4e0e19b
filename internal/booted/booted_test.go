package booted

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestEnterBookworm(t *testing.T) {
	if Enter(t, Bookworm) {
		looksBooted(t, "252")
	}
}

func TestEnterTrixie(t *testing.T) {
	if Enter(t, Trixie) {
		looksBooted(t, "257")
	}
}

func looksBooted(t *testing.T, version string) {
	if name, _ := os.ReadFile("/proc/1/comm"); string(name) != "systemd\n" {
		t.Errorf("PID 1 is %q", name)
	}
	if out, err := exec.Command("systemctl", "--version").Output(); err != nil || !strings.HasPrefix(string(out), "systemd "+version) {
		t.Errorf("%v %s", err, out)
	}
	if out, err := exec.Command("systemd-run", "--wait", "--pipe", "cat", "/proc/self/cgroup").CombinedOutput(); err != nil || !strings.Contains(string(out), "0::/system.slice/run-") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := exec.Command("systemctl", "--failed", "--plain", "--no-legend").CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("units have failed: %v %s", err, out)
	}
	if _, err := os.Stat("booted_test.go"); err != nil {
		t.Error("the working directory is not that of the package:", err)
	}
	if mine, _ := os.ReadFile("/proc/self/cgroup"); !strings.Contains(string(mine), "0::/from-host\n") {
		t.Errorf("the test is in the control groups\n%s", mine)
	}
}

func TestBoot(t *testing.T) {
	h := Boot(t, Bookworm, Options{
		Files: []string{"booted.go"},
		Setup: `cp booted.go /etc/copied; systemctl --quiet mask dbus.service dbus.socket`,
	})
	second := Boot(t, Bookworm, Options{})
	if h.Run("cat", "/etc/copied") != h.Run("cat", "booted.go") {
		t.Error("the setup has not copied the file")
	}
	if out, err := second.Try("cat", "/etc/copied"); err == nil {
		t.Errorf("the other system has it too: %s", out)
	}
	if out, err := h.Try("systemctl", "is-active", "dbus.service", "dbus.socket"); err == nil {
		t.Errorf("a masked unit runs: %s", out)
	}
	if out := h.Shell(`ip -br link; cat /etc/hostname`); !strings.HasPrefix(out, "lo ") || strings.Count(out, "\n") != 1 {
		t.Errorf("in a network of its own:\n%s", out)
	}
}

// TestWorlds boots each world beside Plain: it comes up at once, and nothing has failed.
func TestWorlds(t *testing.T) {
	for _, world := range []World{OldWorld(), NextGeneration()} {
		t.Run(world.suffix[1:], func(t *testing.T) {
			h := Boot(t, Bookworm, Options{World: world})
			if out := h.Run("systemctl", "--failed", "--plain", "--no-legend"); out != "" {
				t.Errorf("units have failed: %s", out)
			}
			for unit := range strings.FieldsSeq(world.quiet) {
				if out, err := h.Try("systemctl", "is-active", unit); err == nil {
					t.Errorf("%s is %s", unit, out)
				}
			}
		})
	}
}
