package booted

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hierarchies are the mount points of the control groups in which a system needs a group of its own, version 2 first.
// Without one, two systems would share theirs.
func hierarchies() ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("cannot look for control groups: %w", err)
	}
	var v2, v1 []string
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		switch {
		case f[2] == "cgroup2" && v2 == nil:
			v2 = append(v2, f[1])
		case f[2] == "cgroup" && strings.Contains(f[3], "name=systemd"):
			v1 = append(v1, f[1])
		}
	}
	if v2 == nil {
		return nil, errors.New("no control groups of version 2 are mounted")
	}
	return append(v2, v1...), nil
}

// makeGroups makes a group of the same name in each hierarchy. They go with the test.
func (h *Host) makeGroups(mixed bool) {
	h.t.Helper()
	tops, err := hierarchies()
	if err != nil {
		h.t.Fatal(err)
	}
	if mixed && len(tops) == 1 {
		h.t.Skip("this host does not mix versions of control groups")
	}
	first, err := os.MkdirTemp(tops[0], "hookd-test-")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, top := range tops {
		dir := filepath.Join(top, filepath.Base(first))
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			h.t.Fatal(err)
		}
		h.groups = append(h.groups, dir)
	}
	h.t.Cleanup(func() {
		for _, dir := range h.groups {
			removeGroup(dir)
		}
	})
}

// removeGroup removes a group and those in it, deepest first. What was killed may take a moment to leave it.
func removeGroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeGroup(filepath.Join(dir, e.Name()))
		}
	}
	for try := 0; try < 500 && errors.Is(os.Remove(dir), unix.EBUSY); try++ {
		time.Sleep(20 * time.Millisecond)
	}
}
