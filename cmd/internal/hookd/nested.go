package hookd

import (
	"context"
	"os"
	"sync"

	"hookd/events"
	"hookd/internal/control"
	"hookd/internal/procs"
	"hookd/runner"
)

// within is the chain of jobs that led to what a process asks: the process belongs to a job of ours, or to a script that the guide
// of a run has started (failures: R9). The control group tells, or else the environment, which a process can write itself: so it
// counts only where a job runs that has that name, and only root and our own user get this far. ifup(8) starts its scripts with an
// environment of their own, so all that led to a process are asked.
func (d *daemon) within(ctx context.Context, peer control.Peer) ([]events.Cause, error) {
	tried := map[events.Cause]bool{}
	line := procs.Ancestors(int(peer.PID), os.Getpid())
	for _, find := range []func(pid int) (run, hook string){d.guides.of, d.exec.Owner, owner} {
		for _, pid := range line {
			run, hook := find(pid)
			cause := events.Cause{Run: run, Hook: hook}
			if run == "" || tried[cause] {
				continue
			}
			tried[cause] = true
			if chain, err := d.runner.Within(ctx, cause); err != nil || chain != nil {
				return chain, err
			}
		}
	}
	return d.elsewhere(line), nil
}

// elsewhere is the cause of what a job does that a hookshim or hookctl test runs: it has the job's lock.
func (d *daemon) elsewhere(line []int) []events.Cause {
	for _, pid := range line {
		run, hook := owner(pid)
		instance, given := procs.Variable(pid, "HOOK_INSTANCE")
		if run != "" && given && d.locks.Held(hook, instance) {
			return []events.Cause{{Run: run, Hook: hook}}
		}
	}
	return nil
}

// owner reads what a job has in its environment.
func owner(pid int) (run, hook string) {
	run, _ = procs.Variable(pid, "HOOK_RUN")
	hook, _ = procs.Variable(pid, "HOOK_NAME")
	return run, hook
}

// guides are the processes that guide runs. What they start are the scripts between the hooks.
type guides struct {
	mu   sync.Mutex
	runs map[int]string
}

// add notes a process as long as it guides a run.
func (g *guides) add(pid int, run string) (remove func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.runs[pid] = run
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.runs[pid] == run {
			delete(g.runs, pid)
		}
	}
}

// of is the run that a process guides, as a cause.
func (g *guides) of(pid int) (run, hook string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := runner.Script(g.runs[pid])
	return c.Run, c.Hook
}
