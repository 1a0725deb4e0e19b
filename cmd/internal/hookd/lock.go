package hookd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"hookd/hookspec"
)

// A hookd that was killed while it started a program leaves its lock to that one until it has begun.
const (
	lockTries = 50
	lockPause = 20 * time.Millisecond
)

// lockState makes the state directory and takes it for this process alone. One that others may write to is refused: who
// can move our socket away can put another one in its place.
func lockState(dir string, trust hookspec.Trust) (unlock func(), err error) {
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return nil, fmt.Errorf("cannot make the state directory: %w (name another one with --state)", err)
	}
	if _, err := trust.Resolve(dir); err != nil {
		return nil, fmt.Errorf("the state directory is not safe: %w", err)
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() || fi.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("the state directory %s must be a directory that nobody else may write to", dir)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the state directory: %w", err)
	}
	err = unix.EWOULDBLOCK
	for try := 0; try < lockTries && errors.Is(err, unix.EWOULDBLOCK); try++ {
		if try > 0 {
			time.Sleep(lockPause)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another hookd uses the state directory %s (name another one with --state)", dir)
		}
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
