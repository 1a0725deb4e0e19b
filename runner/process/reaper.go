package process

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"hookd/internal/procs"
)

// reaper keeps jobs together where there are no control groups: this process is the subreaper of all it starts, so a
// process that loses its parent becomes our child and is never out of reach.
type reaper struct {
	stop chan struct{}
	over chan struct{}

	mu   sync.Mutex
	jobs map[int]*family // by the first process, which cmd.Wait reaps
}

func newReaper() (*reaper, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("cannot become a subreaper: %w", err)
	}
	r := &reaper{stop: make(chan struct{}), over: make(chan struct{}), jobs: map[int]*family{}}
	go r.run() // until close
	return r, nil
}

func (r *reaper) describe() string { return "process, as a subreaper" }

func (r *reaper) close() {
	close(r.stop)
	<-r.over
}

// run reaps orphans as they end. The channel holds one signal: another one that comes meanwhile says the same.
func (r *reaper) run() {
	defer close(r.over)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	for {
		select {
		case <-ended:
			r.reap()
		case <-r.stop:
			return
		}
	}
}

func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pid := range procs.Children() {
		if r.jobs[pid] == nil {
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// start holds the lock until the job is known, so that reap cannot take it for an orphan.
func (r *reaper) start(cmd *exec.Cmd, run, hook string) (group, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &family{all: r, first: cmd.Process.Pid, run: run, hook: hook, known: map[int]uint64{}}
	if p, there := procs.Of(f.first); there { // not reaped yet, so it is this one
		f.known[f.first] = p.Start
	}
	r.jobs[f.first] = f
	return f, nil
}

// family is the processes that descend from a job's first one, share its session or carry its variables. A process that
// once was found in it stays in it, by its process id and the time of its start.
type family struct {
	all       *reaper
	first     int
	run, hook string
	known     map[int]uint64
}

func (f *family) members() []int {
	all := procs.All()
	for pid, start := range f.known {
		if p, there := all[pid]; !there || p.Start != start {
			delete(f.known, pid)
		}
	}
	for pid, p := range all {
		if p.Parent == os.Getpid() && f.all.job(pid) == nil && (p.Session == f.first || f.marked(pid)) {
			f.known[pid] = p.Start
		}
	}
	procs.Adopt(all, f.known)
	var out []int
	for pid := range f.known {
		if !all[pid].Zombie {
			out = append(out, pid)
		}
	}
	return out
}

// job is the job whose first process has the id, else nil.
func (r *reaper) job(pid int) *family {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jobs[pid]
}

// left looks at our own children first: what a job leaves behind is one of them, or below one.
func (f *family) left() []int {
	for _, pid := range procs.Children() {
		if f.all.job(pid) == nil && (session(pid) == f.first || f.marked(pid)) {
			return f.members()
		}
	}
	return nil
}

// session is the session of a process; each job has its own, with the id of its first process.
func session(pid int) int {
	sid, _ := unix.Getsid(pid)
	return sid
}

func (f *family) marked(pid int) bool {
	return procs.Carries(pid, "HOOK_RUN="+f.run) && procs.Carries(pid, "HOOK_NAME="+f.hook)
}

func (f *family) kill() {
	for _, pid := range f.members() {
		unix.Kill(pid, unix.SIGKILL)
	}
}

func (f *family) release() {
	f.all.mu.Lock()
	if f.all.jobs[f.first] == f { // else the id is another job's by now
		delete(f.all.jobs, f.first)
	}
	f.all.mu.Unlock()
	f.all.reap()
}

// orphans are the processes that carry the variables of a job of a hookd that is dead.
type orphans struct{ family }

func (r *reaper) find(run, hook string) group {
	return orphans{family{all: r, run: run, hook: hook}}
}

func (o orphans) members() []int {
	var out []int
	for pid, p := range procs.All() {
		if !p.Zombie && pid != os.Getpid() && o.marked(pid) {
			out = append(out, pid)
		}
	}
	return out
}

func (o orphans) left() []int { return o.members() }

func (o orphans) kill() {
	for _, pid := range o.members() {
		unix.Kill(pid, unix.SIGKILL)
	}
}

func (o orphans) release() {}
