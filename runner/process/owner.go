package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hookd/internal/procs"
)

// Owner is the job that a process belongs to, as the kernel knows it: by its run and hook, which are empty when there is none.
func (e *Executor) Owner(pid int) (run, hook string) { return e.groups.owner(pid) }

// owner reads the group of a process (cgroups(7)). A job may have made groups below its own.
func (c *cgroups) owner(pid int) (run, hook string) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	for l := range strings.Lines(string(text)) {
		if path, found := strings.CutPrefix(strings.TrimSuffix(l, "\n"), "0::"); found {
			_, below, _ := strings.Cut(path, "/"+filepath.Base(c.base)+"/")
			job, _, _ := strings.Cut(below, "/")
			run, hook, _ = strings.Cut(job, ".")
		}
	}
	return run, hook
}

// owner knows the first process of each job, and its session.
func (r *reaper) owner(pid int) (run, hook string) {
	p, _ := procs.Of(pid)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, first := range []int{pid, p.Session} {
		if f := r.jobs[first]; f != nil {
			return f.run, f.hook
		}
	}
	return "", ""
}
