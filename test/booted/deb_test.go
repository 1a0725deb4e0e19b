// Package booted tests hookd as it is installed: the Debian package, in a Debian that was really booted.
package booted

import (
	"os/exec"
	"testing"

	"hookd/internal/booted"
	"hookd/internal/nstest"
)

// suites are the systems that the package is for.
func suites() []string { return []string{booted.Bookworm, booted.Trixie} }

func TestMain(m *testing.M) { booted.Main(m) }

// TestLintian asks Debian's own judge.
func TestLintian(t *testing.T) {
	deb := booted.Deb(t)
	if _, err := exec.LookPath("lintian"); err != nil && !nstest.Required("booted") {
		t.Skip("there is no lintian")
	}
	if out, err := exec.Command("lintian", "--fail-on=error,warning", deb).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
