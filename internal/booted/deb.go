package booted

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

// scratch is thrown away by Main.
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

// Main runs the tests of a package that uses Deb.
func Main(m *testing.M) {
	status := m.Run()
	if dir, err := scratch(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

// Deb is the package, for tests two directories below the root of the tree. A host that cannot boot leaves the test out before
// anything is built.
func Deb(t *testing.T) string {
	t.Helper()
	Need(t)
	deb, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return deb
}

// Newer is the same package with a higher version.
func Newer(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	debTool(t, "--raw-extract", deb, tree)
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
	debTool(t, "--root-owner-group", "-Znone", "--build", tree, out)
	return out
}

func debTool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("dpkg-deb", args...).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb %q: %v\n%s", args, err, out)
	}
}
