// Package booted runs tests on a Debian system of their own that was really booted: systemd is PID 1, and everything is
// thrown away afterwards. It is for tests; the host needs root, mmdebstrap and systemd-nspawn, and no systemd.
package booted

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hookd/internal/nstest"
)

// The systems that can be booted.
const (
	Bookworm = "bookworm" // Debian 12, systemd 252
	Trixie   = "trixie"   // Debian 13, systemd 257
)

// inside is set in the environment of a test binary that was started in the booted system.
const inside = "HOOKD_BOOTED"

// tools are the programs of the host, and the packages that have them. The last ones build our own package.
var tools = [][2]string{
	{"mmdebstrap", "mmdebstrap"}, {"systemd-nspawn", "systemd-container"},
	{"nsenter", "util-linux"}, {"unshare", "util-linux"},
	{"dh", "debhelper"}, {"dpkg-buildpackage", "dpkg-dev"},
}

// Missing says why this host cannot run the booted level; empty when it can.
func Missing() string {
	if os.Geteuid() != 0 {
		return "it needs root"
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool[0]); err != nil {
			return fmt.Sprintf("there is no %s; install %s", tool[0], tool[1])
		}
	}
	if _, err := hierarchies(); err != nil {
		return err.Error()
	}
	if out, err := exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp").CombinedOutput(); err != nil {
		return fmt.Sprintf("nothing can be mounted: %v %s", err, strings.TrimSpace(string(out)))
	}
	return ""
}

// Enter returns true in a booted system of the suite, as root and outside of every unit. Elsewhere it boots one for this
// test alone, runs the test again in it, takes over its outcome, throws the system away and returns false. The working
// directory is that of the package, read-only; the test must not be a subtest.
func Enter(t *testing.T, suite string) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		return true
	}
	h := Boot(t, suite, Options{})
	h.again(t)
	return false
}

// again runs the calling test again in the booted system.
func (h *Host) again(t *testing.T) {
	t.Helper()
	limit := 5 * time.Minute
	if end, has := t.Deadline(); has {
		limit = min(limit, max(time.Second, time.Until(end)-10*time.Second))
	}
	cmd := h.command(t.Context(), []string{inside + "=" + t.Name()}, guestBinary, "-test.run=^"+t.Name()+"$",
		"-test.count=1", "-test.v", "-test.timeout="+limit.String())
	out, err := cmd.CombinedOutput()
	if _, why, skipped := strings.Cut(string(out), "--- SKIP: "+t.Name()); skipped && err == nil {
		t.Skip(strings.TrimSpace(why))
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in the booted %s: %v\n%s", h.suite, err, out)
	}
}

// Need leaves a test out that this host cannot run, or fails it where HOOKD_TEST_REQUIRE names the level booted.
func Need(t *testing.T) {
	t.Helper()
	why := Missing()
	switch {
	case why == "":
	case nstest.Required("booted"):
		t.Fatal("level booted is required: " + why)
	default:
		t.Skip("level booted is left out: " + why)
	}
}

// tree is the directory of the module and the way from there to the working directory.
func tree() (root, below string, err error) {
	at, err := os.Getwd()
	for dir := at; err == nil; dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			below, err = filepath.Rel(dir, at)
			return dir, below, err
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("the test does not run within a module")
		}
	}
	return "", "", err
}
