// Package oldworld tests the package beside the old systems of a Debian that was really booted: what they ran before they run
// after, and hooks hear of it.
package oldworld

import (
	"os"
	"path/filepath"
	"testing"

	"hookd/internal/booted"
)

func TestMain(m *testing.M) { booted.Main(m) }

// old is a host of the old world with the package installed and nothing adopted.
type old struct {
	*booted.Host
	t *testing.T
}

// boot boots a world.
func boot(t *testing.T, world booted.World, setup string) *old {
	t.Helper()
	deb := booted.Deb(t)
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
