// Package oldworld tests the package beside the old systems of a Debian that was really booted: what they ran before they run
// after, and hooks hear of it.
package oldworld

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"hookd/internal/booted"
)

// scratch is thrown away after all tests.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "hookd-oldworld") })

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

// old is a host of the old world with the package installed and nothing adopted.
type old struct {
	*booted.Host
	t *testing.T
}

// boot boots a world. A host that cannot leaves the test out before anything is built.
func boot(t *testing.T, world booted.World, setup string) *old {
	t.Helper()
	booted.Need(t)
	deb, err := built()
	if err != nil {
		t.Fatal(err)
	}
	setup = "dpkg --install " + filepath.Base(deb) + "\n" + setup
	return &old{booted.Boot(t, booted.Bookworm, booted.Options{World: world, Files: []string{deb}, Setup: setup}), t}
}

// put writes an executable file into the system.
func (o *old) put(path, text string) {
	o.t.Helper()
	at := filepath.Join(o.Shared(), "put")
	if err := os.WriteFile(at, []byte(text), 0o755); err != nil {
		o.t.Fatal(err)
	}
	o.Run("cp", "/run/hookd-test/shared/put", path)
}
