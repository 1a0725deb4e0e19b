// Package booted tests hookd as it is installed: the Debian package, in a Debian that was really booted.
package booted

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"hookd/internal/booted"
	"hookd/internal/nstest"
)

// suites are the systems that the package is for.
func suites() []string { return []string{booted.Bookworm, booted.Trixie} }

// scratch is thrown away after all tests.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "hookd-deb") })

// built is the package built from the tree, once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	out, err := exec.Command("make", "-C", "../..", "--no-print-directory", "deb", "DEBS="+dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make deb: %w\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "hookd_*.deb"))
	if len(found) != 1 {
		return "", fmt.Errorf("make deb has made %q: %v", found, err)
	}
	return found[0], nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, err := scratch(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

// theDeb is the package. A host that cannot boot leaves the test out before anything is built.
func theDeb(t *testing.T) string {
	t.Helper()
	booted.Need(t)
	deb, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return deb
}

// TestLintian asks Debian's own judge.
func TestLintian(t *testing.T) {
	deb := theDeb(t)
	if _, err := exec.LookPath("lintian"); err != nil && !nstest.Required("booted") {
		t.Skip("there is no lintian")
	}
	run(t, "lintian", "--fail-on=error,warning", deb)
}

// newer is the same package with a higher version.
func newer(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	run(t, "dpkg-deb", "--raw-extract", deb, tree)
	control := filepath.Join(tree, "DEBIAN/control")
	text, err := os.ReadFile(control)
	if err == nil {
		text = regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAll(text, []byte("${0}+newer"))
		err = os.WriteFile(control, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "newer.deb")
	run(t, "dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, out)
	return out
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}
