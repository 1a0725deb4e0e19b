package hookshim

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"hookd/compat/runparts"
	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/procs"
	"hookd/runner"
	"hookd/runner/process"
)

// here runs oneshots in this process, where no hookd does. Old scripts run in this process, too: what hooks need of it is there
// only while they run.
type here struct {
	*shim
	set    *hookspec.Set
	exec   *process.Executor // while hooks run
	locks  *process.Locks    // likewise; nil where none can be had
	umask  int               // while they do not
	passed []int             // likewise, descriptors
	ignore func()            // likewise: has signals ignored again
	ended  chan struct{}
	stop   context.CancelFunc
	run    *runner.Runner
}

// local runs the oneshots of an event, and tells of everything that takes a hookd.
func (s *shim) local(ctx context.Context, e events.Event) (aborted bool) {
	h, e := s.here(ctx, e, nil)
	if h == nil {
		return false
	}
	defer h.close()
	if err := h.open(); err != nil {
		s.say("no hook runs: %s", err)
		return false
	}
	defer h.shut()
	err := h.run.SubmitReport(context.WithoutCancel(ctx), e, nil, func(p runner.Progress) error {
		if p.Job != nil {
			h.job(*p.Job)
		}
		if p.Ended != nil {
			aborted = p.Ended.Aborted
		}
		return nil
	})
	if err != nil {
		s.say("the hooks of %s: %s", e.Name, err)
	}
	return aborted
}

// here is nil where nothing runs for the event, or none of those hooks that are left. The event is told what led to it.
func (s *shim) here(ctx context.Context, e events.Event, left func(hook string) bool) (*here, events.Event) {
	set := hookspec.Load(hookspec.Options{Hooks: s.hooks, Trust: s.trust(), Accounts: hookspec.Host{}}, nil)
	if n := set.Hard(); n > 0 {
		s.say("faults in the hook files: %d (hookctl check)", n)
	}
	e.Cause = ancestors()
	plan := set.Plan(e)
	if left != nil {
		gone := func(j hookspec.Job) bool { return !left(j.Hook.Name) }
		plan.Jobs, plan.Settling = slices.DeleteFunc(plan.Jobs, gone), slices.DeleteFunc(plan.Settling, gone)
	}
	s.notHere(plan)
	if !slices.ContainsFunc(plan.Jobs, func(j hookspec.Job) bool { return !j.Hook.Service }) {
		return nil, e
	}
	h := &here{shim: s, set: set, ended: make(chan struct{})}
	h.run = runner.New(h, quiet{}, set, runner.Options{Facts: files{}})
	running, stop := context.WithCancel(ctx)
	h.stop = stop
	go func() { h.run.Run(running); close(h.ended) }() // until close
	return h, e
}

func (h *here) close() {
	h.stop()
	<-h.ended
}

// notHere tells of what only a hookd does.
func (s *shim) notHere(p hookspec.Plan) {
	for _, j := range p.Jobs {
		if j.Hook.Service {
			s.say("hookd does not run: the service %s is not started", j.Hook.Name)
		}
	}
	for _, j := range p.Settling {
		s.say("hookd does not run: %s, which waits for its Settle=, does not run either", j.Hook.Name)
	}
}

// open makes this process one that runs hooks: one that old scripts are not run by. A hookd that comes meanwhile finds the
// locks beside its socket.
func (h *here) open() (err error) {
	h.umask, h.passed, h.ignore = unix.Umask(0o022), passed(), procs.KeepSignals()
	dir := filepath.Dir(h.socket)
	if os.Mkdir(dir, 0o755) == nil {
		os.Chmod(dir, 0o755) // as hookd makes it, whatever our umask
	}
	h.locks, _ = process.OpenLocks(filepath.Join(dir, process.LocksName))
	h.exec, err = process.New(h.trust(), h.locks)
	if err != nil {
		h.restore()
	}
	return err
}

func (h *here) shut() {
	h.exec.Close()
	if h.locks != nil {
		h.locks.Close()
	}
	h.restore()
}

// restore gives old scripts the umask, the descriptors and the orphans back that they have with run-parts(8).
func (h *here) restore() {
	h.exec = nil
	unix.Umask(h.umask)
	h.ignore()
	unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	for _, fd := range h.passed {
		unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
	}
}

// passed are the descriptors besides the standard ones that programs get that are executed here.
func passed() []int {
	var out []int
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if flags, gone := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && gone == nil && fd > 2 && flags&unix.FD_CLOEXEC == 0 {
			out = append(out, fd)
		}
	}
	return out
}

// endedBy ends with a signal that would end run-parts(8), and says which: hooks are to end with it, as its scripts do. One that
// is ignored stays so.
func endedBy() (context.Context, func() os.Signal) {
	heard := make(chan os.Signal, 1)
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Ignore(s) // SetSignals has changed it behind Go's back, which would not catch it otherwise
			signal.Notify(heard, s)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	got := make(chan os.Signal, 1)
	go func() { // until a signal comes or ctx is stopped
		select {
		case s := <-heard:
			got <- s
			stop()
		case <-ctx.Done():
			got <- nil
		}
	}()
	return ctx, func() os.Signal {
		stop()
		signal.Stop(heard)
		runparts.SetSignals()
		return <-got
	}
}

// die ends as the signal would have ended run-parts(8).
func die(by os.Signal) {
	unix.Kill(os.Getpid(), by.(unix.Signal))
	time.Sleep(greeting) // it comes to some thread
	os.Exit(1)
}

// Execute implements runner.Executor. A hook runs only between open and shut.
func (h *here) Execute(ctx context.Context, t runner.Task) runner.JobReport {
	if h.exec == nil {
		return runner.JobReport{Result: runner.Failed, Reason: "no hook may run now"}
	}
	return h.exec.Execute(ctx, t)
}

// Clear implements runner.Executor. There is no earlier hookd whose jobs could be left.
func (h *here) Clear(context.Context, runner.Task) {}

// quiet hears nothing: who waits is told it all.
type quiet struct{}

func (quiet) Arrived(runner.Arrival)                          {}
func (quiet) JobEnded(events.Event, string, runner.JobReport) {}
func (quiet) RunEnded(runner.RunReport)                       {}
func (quiet) Missed(runner.ServiceID, string)                 {}
