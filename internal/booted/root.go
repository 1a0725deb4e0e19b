package booted

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A system that was booted before, so that no preset is applied; without a host's name and name servers; without timers
// that would run in the middle of a test.
var adjustments = []string{
	`echo 6e3f1c0a5b7d4e2f8a9b0c1d2e3f4a5b >"$1/etc/machine-id"`,
	`echo guest >"$1/etc/hostname"; echo "127.0.0.1 localhost guest" >"$1/etc/hosts"; : >"$1/etc/resolv.conf"`,
	`systemctl --quiet --root="$1" mask console-getty.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer`,
}

// base is the directory of a system that is never booted itself, only what is laid over it. It is built when there is none of
// this package list yet, by one process alone.
func base(suite string, world World) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, suite+world.suffix+"-"+world.key(suite))
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return dir, err
	}
	return dir, build(suite, world, dir)
}

// key changes with all that makes a system.
func (w World) key(suite string) string {
	text := strings.Join(append([]string{suite, w.packages}, w.adjustments()...), "\n")
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:12]
}

// build makes a directory that is complete or not there.
func build(suite string, world World, dir string) error {
	unfinished := dir + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("cannot remove the unfinished system: %w", err)
	}
	args := []string{"--variant=minbase", "--include=" + world.packages}
	for _, line := range world.adjustments() {
		args = append(args, "--customize-hook="+line)
	}
	out, err := exec.Command("mmdebstrap", append(args, suite, unfinished)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot build a %s with mmdebstrap: %w\n%s", suite, err, out)
	}
	return os.Rename(unfinished, dir)
}

// cacheDir is outside of the tree, so that a clean clone need not build again.
func cacheDir() (string, error) {
	dir := os.Getenv("HOOKD_TEST_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			user = "/var/cache"
		}
		dir = filepath.Join(user, "hookd")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the cache of booted systems: %w", err)
	}
	return dir, nil
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the cache of booted systems: %w", err)
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// Base is the directory of a suite's system, for tests that want its programs and not the system itself. Nothing may be
// written there.
func Base(suite string) (string, error) { return base(suite, Plain()) }
