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
