// Package nstest runs tests in network namespaces of their own, with real interfaces of the kernel. As root it makes a
// network namespace, as an ordinary user a user namespace as well.
package nstest

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside is set in the environment of a test binary that was started in its namespace.
const inside = "HOOKD_NSTEST"

// Missing says why this host cannot run the netns level; empty when it can.
func Missing() string {
	if _, err := exec.LookPath("ip"); err != nil {
		return "there is no ip(8); install iproute2"
	}
	cmd := exec.Command("ip", "link", "add", "nstest0", "type", "veth", "peer", "name", "nstest1")
	cmd.SysProcAttr = attr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Sprintf("no namespace with a veth pair can be made: %v %s", err, strings.TrimSpace(string(out)))
	}
	return ""
}

// Required says whether a level must not be left out (HOOKD_TEST_REQUIRE, names with commas between).
func Required(level string) bool {
	return slices.Contains(strings.Split(os.Getenv("HOOKD_TEST_REQUIRE"), ","), level)
}

// Enter returns true in a namespace with a loopback that is up. Elsewhere it runs the calling test again in one, takes
// over its outcome and returns false.
func Enter(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		IP(t, "link", "set", "lo", "up")
		return true
	}
	if why := Missing(); why != "" {
		if Required("netns") {
			t.Fatal("level netns is required: " + why)
		}
		t.Skip("level netns is left out: " + why)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = attr()
	out, err := cmd.CombinedOutput()
	if _, why, skipped := strings.Cut(string(out), "--- SKIP: "+t.Name()); skipped && err == nil {
		t.Skip(strings.TrimSpace(why))
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in its namespace: %v\n%s", err, out)
	}
	return false
}

func attr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	if os.Geteuid() != 0 {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// IP runs ip(8).
func IP(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
