package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/procs"
)

// cgroups gives each job a control group of its own, below hookd's.
type cgroups struct {
	base string
	lock *os.File // on base: while we hold it nobody takes our groups for those of a dead hookd
	init *reaper  // as process 1 orphans are ours to reap; else nil

	mu   sync.Mutex
	used []*cgroup // in which something was left behind
}

// newCgroups fails where hookd may not make groups.
func newCgroups() (*cgroups, error) {
	own, _, err := procs.OwnCgroup()
	if err != nil {
		return nil, err
	}
	base := filepath.Join(own, fmt.Sprintf("hookd.%d", os.Getpid()))
	sweepDead(own)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, err
	}
	c := &cgroups{base: base}
	if c.lock, err = lockDir(base); err != nil {
		return nil, err
	}
	if os.Getpid() == 1 {
		if c.init, err = newReaper(); err != nil {
			return nil, err
		}
	}
	if err := c.try(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// try starts a process in a group: whether that works depends on the kernel and on who owns the groups around us.
func (c *cgroups) try() error {
	if _, err := os.Stat(filepath.Join(c.base, "cgroup.kill")); err != nil {
		return err // before Linux 5.14
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Path = "/nonexistent" // the child joins the group before it executes anything
	g, err := c.start(cmd, "0", "try")
	if err == nil {
		g.release()
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("cannot start a process in a control group: %w", err)
}

// sweepDead removes the groups of an earlier hookd in which nothing lives any more, and lets go what lives in the others.
func sweepDead(own string) {
	bases, _ := filepath.Glob(filepath.Join(own, "hookd.*"))
	for _, base := range bases {
		lock, err := lockDir(base)
		if err != nil {
			continue // its hookd lives, perhaps where we cannot see it
		}
		defer lock.Close()
		jobs, _ := filepath.Glob(filepath.Join(base, "*.*"))
		for _, dir := range append(jobs, base) {
			g := &cgroup{dir: dir}
			if g.remove() {
				continue
			}
			for _, pid := range g.members() { // it was left behind, and nobody reads what it writes
				letGo(pid, 0)
			}
		}
	}
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot lock %s: %w", dir, err)
	}
	return f, nil
}

func (c *cgroups) describe() string { return "process, in control groups below " + c.base }

func (c *cgroups) start(cmd *exec.Cmd, run, hook string) (group, error) {
	dir := filepath.Join(c.base, run+"."+hook)
	err := os.MkdirAll(dir, 0o755)
	var f *os.File
	if err == nil {
		f, err = os.Open(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make its control group: %v", err) // not to be taken for an error of execve
	}
	defer f.Close()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &unix.SysProcAttr{}
	}
	cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(f.Fd())
	g := &cgroup{all: c, dir: dir}
	if c.init != nil {
		g.first, err = c.init.start(cmd, run, hook)
	} else {
		err = cmd.Start()
	}
	if err != nil {
		for try := 0; try < closeTries && !g.remove(); try++ { // the child that could not become a program goes at once
			time.Sleep(killPoll)
		}
		g.release()
		return nil, err
	}
	return g, nil
}

// find looks below our own group, where an earlier hookd of the same service had its groups. Without one there the group is
// one that does not exist, and so is empty.
func (c *cgroups) find(run, hook string) group {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(c.base), "hookd.*", run+"."+hook))
	return &cgroup{all: c, dir: append(found, filepath.Join(c.base, run+"."+hook))[0]}
}

// close removes the groups that are empty by now.
func (c *cgroups) close() {
	for try := 0; try < closeTries && c.emptied(); try++ {
		time.Sleep(killPoll)
	}
	os.Remove(c.base)
	if c.lock != nil {
		c.lock.Close()
	}
	if c.init != nil {
		c.init.close()
	}
}

// closeTries bounds how long the end waits for groups whose processes have ended and are not quite gone yet.
const closeTries = 100

// emptied sweeps, and says whether a group is left in which nothing lives any more.
func (c *cgroups) emptied() bool {
	c.sweep()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.used, func(g *cgroup) bool { return len(g.members()) == 0 })
}

func (c *cgroups) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.used[:0]
	for _, g := range c.used {
		if !g.remove() {
			kept = append(kept, g)
		}
	}
	c.used = kept
}

type cgroup struct {
	all   *cgroups
	dir   string
	first group // of the reaper, where we are process 1
}

func (g *cgroup) members() []int { return procs.Cgroup(g.dir).Members() }

func (g *cgroup) left() []int { return g.members() }

func (g *cgroup) kill() { procs.Cgroup(g.dir).Kill() }

func (g *cgroup) release() {
	if g.first != nil {
		g.first.release()
	}
	g.all.sweep()
	if !g.remove() {
		g.all.mu.Lock()
		g.all.used = append(g.all.used, g)
		g.all.mu.Unlock()
	}
}

func (g *cgroup) remove() bool { return procs.Cgroup(g.dir).Remove() }
