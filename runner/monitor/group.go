package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/procs"
)

// groups is where services have their control groups: beside hookd's own, so that who ends all of that does not end
// services; empty where none can be made.
type groups string

// The groups of a service: the monitor must not be ended with what it ends.
const (
	monitorGroup = "monitor"
	serviceGroup = "service"
)

// newGroups finds a place for groups. Each directory of services has its own.
func newGroups(dir string) groups {
	own, root, err := procs.OwnCgroup()
	if err != nil {
		return ""
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(real))
	name := "hookd-services." + hex.EncodeToString(sum[:6])
	places := []string{own}
	if own != root {
		places = []string{filepath.Dir(own), own}
	}
	for _, p := range places {
		if g := groups(filepath.Join(p, name)); g.try() == nil {
			return g
		}
	}
	return ""
}

// try starts a process in a group: whether that works depends on the kernel and on who owns the groups around us.
func (g groups) try() error {
	dir := filepath.Join(string(g), "try") // what a killed one has left is removed by the next
	defer os.Remove(string(g))
	defer os.Remove(dir)
	f, err := makeGroup(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := os.Stat(filepath.Join(dir, "cgroup.kill")); err != nil {
		return err // before Linux 5.14
	}
	_, err = syscall.ForkExec("/nonexistent", []string{"try"},
		&syscall.ProcAttr{Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}})
	if errors.Is(err, unix.ENOENT) { // the child joins the group before it executes anything
		return nil
	}
	return fmt.Errorf("cannot start a process in a control group: %w", err)
}

// makeGroup makes a group and those above it, which somebody may be taking away at the same time.
func makeGroup(dir string) (f *os.File, err error) {
	for range 100 {
		if err = os.MkdirAll(dir, 0o755); err == nil {
			f, err = os.Open(dir)
		}
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}

// freshGroup makes a group anew: Linux 6.18 kills all that is started in one whose cgroup.kill was ever written. Nothing
// lives in the old one, but who has just ended may not be quite gone.
func freshGroup(dir string) (*os.File, error) {
	for range 200 {
		if _, err := os.Stat(dir); err != nil || procs.Cgroup(dir).Remove() {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return makeGroup(dir)
}

// of is the group of a service, with the two of its monitor and its processes below it; empty where there are none.
func (g groups) of(key string) string {
	if g == "" {
		return ""
	}
	return filepath.Join(string(g), key)
}

// removeGroup takes the groups of a service away, and the place of all if it is empty now. The path comes from the record:
// another hookd may have had them elsewhere.
func removeGroup(dir string) bool {
	if dir == "" {
		return true
	}
	gone := procs.Cgroup(dir).Remove()
	os.Remove(filepath.Dir(dir))
	return gone
}
