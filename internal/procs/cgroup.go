package procs

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OwnCgroup finds the directory of this process's own group of version 2, which on hybrid hosts is not mounted at
// /sys/fs/cgroup itself, and the one where that hierarchy is mounted.
func OwnCgroup() (dir, root string, err error) {
	lines, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", "", err
	}
	path := ""
	for _, l := range strings.Split(string(lines), "\n") {
		if p, found := strings.CutPrefix(l, "0::"); found {
			path = p
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || path == "" {
		return "", "", errors.New("no control groups of version 2")
	}
	for _, l := range strings.Split(string(mounts), "\n") {
		front, back, _ := strings.Cut(l, " - ")
		f := strings.Fields(front)
		if len(f) < 5 || !strings.HasPrefix(back, "cgroup2 ") {
			continue
		}
		if below, err := filepath.Rel(f[3], path); err == nil && !strings.HasPrefix(below, "..") {
			return filepath.Join(f[4], below), f[4], nil
		}
	}
	return "", "", errors.New("no control groups of version 2 are mounted")
}

// Cgroup is the directory of a control group. One that does not exist is empty.
type Cgroup string

// Members lists the processes of the group and of all groups below it: who lives in it may make some of its own.
func (g Cgroup) Members() []int {
	var pids []int
	for _, dir := range g.dirs() {
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, l := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(l); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// dirs lists the group and those below it, parents first.
func (g Cgroup) dirs() []string {
	dirs := []string{string(g)}
	for i := 0; i < len(dirs); i++ {
		entries, _ := os.ReadDir(dirs[i])
		for _, e := range entries {
			if e.IsDir() {
				dirs = append(dirs, filepath.Join(dirs[i], e.Name()))
			}
		}
	}
	return dirs
}

// Kill reaches the groups below as well.
func (g Cgroup) Kill() { os.WriteFile(filepath.Join(string(g), "cgroup.kill"), []byte("1"), 0) }

// Remove takes the group away if nobody lives in it. The usual group has nothing below it and goes at once.
func (g Cgroup) Remove() bool {
	if err := unix.Rmdir(string(g)); err == nil || errors.Is(err, unix.ENOENT) {
		return true
	}
	dirs := g.dirs()
	for i := len(dirs) - 1; i > 0; i-- {
		unix.Rmdir(dirs[i])
	}
	return unix.Rmdir(string(g)) == nil
}
