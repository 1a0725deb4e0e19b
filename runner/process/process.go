// Package process executes jobs as processes of hookd itself: an own session and a fixed environment for each, its
// output captured, and its whole process tree gone when its time is over.
//
// Where hookd may make control groups (cgroups(7)) each job lives in one of its own, which only root's hooks could leave.
// Elsewhere hookd becomes a child subreaper (prctl(2)), so that everything a job starts stays below hookd, and tells the
// jobs' processes apart by HOOK_RUN and HOOK_NAME in their environment.
package process

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/hookspec"
	"hookd/internal/procs"
	"hookd/runner"
)

// Executor runs oneshots. It is safe for use by several goroutines.
type Executor struct {
	trust  hookspec.Trust
	groups grouper
	locks  *Locks

	mu   sync.Mutex
	left []leftover
}

// leftover is a group in which something was left behind, and the pipe that it writes to.
type leftover struct {
	group
	pipe uint64 // inode
}

// grouper keeps the processes of jobs together.
type grouper interface {
	// start starts the job's first process so that everything it starts belongs to the returned group.
	start(cmd *exec.Cmd, run, hook string) (group, error)
	describe() string
	// find finds the processes of a job of a hookd that is dead.
	find(run, hook string) group
	// owner is the job that a process belongs to; empty when it knows none.
	owner(pid int) (run, hook string)
	// close takes away what is not used any more.
	close()
}

// group is the processes of one job.
type group interface {
	members() []int // those that live, without zombies
	left() []int    // the same when the first process has ended; may be quicker
	kill()          // SIGKILL to each
	release()       // called once, when nobody asks any more
}

// New makes an executor that runs only programs the trust allows. It fixes what hooks would inherit: the umask of this
// process becomes 022, descriptors that its own parent left open are closed to programs it executes, and signals that its
// parent ignored are not. It may make this process a subreaper. There should be one executor in a process. Locks keep its jobs
// and those of other processes apart; nil for none.
func New(trust hookspec.Trust, locks *Locks) (*Executor, error) {
	if err := isolate(); err != nil {
		return nil, err
	}
	if g, err := newCgroups(); err == nil {
		return &Executor{trust: trust, groups: g, locks: locks}, nil
	}
	g, err := newReaper()
	if err != nil {
		return nil, err
	}
	return &Executor{trust: trust, groups: g, locks: locks}, nil
}

func isolate() error {
	syscall.Umask(0o022)
	procs.DefaultSignals()
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT} {
		if signal.Ignored(s) { // as nohup(1) starts us; caught and dropped it is ignored here only
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("cannot close inherited descriptors: %w", err)
	}
	return nil
}

// Describe says how the processes of jobs are kept together.
func (e *Executor) Describe() string { return e.groups.describe() }

// Close takes away what jobs needed while they ran. Processes that were left behind stay.
func (e *Executor) Close() {
	e.letGo()
	e.groups.close()
}

// letGo prepares what was left behind for a time without us.
func (e *Executor) letGo() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, g := range e.left {
		for _, pid := range g.members() {
			letGo(pid, g.pipe)
		}
	}
}

// execute runs a job whose turn it is.
func (e *Executor) execute(ctx context.Context, t runner.Task) runner.JobReport {
	out, err := newOutput()
	if err != nil {
		return failed(fmt.Errorf("cannot capture its output: %w", err))
	}
	cmd, err := e.command(t, out)
	if err != nil {
		out.close(false)
		return failed(err)
	}
	g, err := e.startRetrying(cmd, t)
	if f, ok := cmd.Stdin.(*os.File); ok {
		f.Close()
	}
	if err != nil {
		out.close(false)
		return failed(startError(cmd.Path, cmd.Dir, err))
	}
	defer g.release()
	report := supervise(ctx, cmd, g, t)
	report.Left = left(g)
	report.Output, report.Cut = out.close(len(report.Left) > 0)
	if len(report.Left) > 0 {
		e.keep(leftover{g, out.inode})
	}
	return report
}

// Clear implements runner.Executor.
func (e *Executor) Clear(_ context.Context, t runner.Task) {
	g := e.groups.find(t.Run, t.Job.Hook.Name)
	over := make(chan struct{}) // its first process is not ours to wait for
	close(over)
	ask := asker(g)
	ask()
	_ = gone(t.Stop, g, over, t.Job.Hook.KillAfter, ask) || gone(nil, g, over, killLimit, g.kill)
	g.release()
}

// keep remembers a group with something left behind, and forgets those that are empty by now.
func (e *Executor) keep(l leftover) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left = append(slices.DeleteFunc(e.left, func(old leftover) bool { return len(old.members()) == 0 }), l)
}

func failed(err error) runner.JobReport {
	return runner.JobReport{Result: runner.Failed, Reason: err.Error()}
}

// command makes the process of a job; everything about it is fixed here.
func (e *Executor) command(t runner.Task, out *output) (*exec.Cmd, error) {
	hook := t.Job.Hook
	path, err := e.trust.Resolve(t.Job.Program)
	if err != nil {
		return nil, fmt.Errorf("cannot run %s: %w", t.Job.Program, err)
	}
	cred, err := credential(hook)
	if err != nil {
		return nil, err
	}
	if cred != nil {
		// so that the hook can open /dev/stderr
		if err := out.child.Chown(int(cred.Uid), int(cred.Gid)); err != nil {
			return nil, fmt.Errorf("cannot give its output to uid %d: %w", cred.Uid, err)
		}
	}
	stdin, err := input(t.Job.Input(t.Event))
	if err != nil {
		return nil, fmt.Errorf("cannot make its standard input: %w", err)
	}
	return &exec.Cmd{
		Path: path, Args: t.Job.Args, Env: t.Job.Environ(t.Event, t.Run), Dir: hook.Dir,
		Stdin: stdin, Stdout: out.child, Stderr: out.child,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Credential: cred},
	}, nil
}

// input is the standard input with the given content.
func input(content []byte) (*os.File, error) {
	if content == nil {
		return os.Open(os.DevNull)
	}
	return procs.InMemory("hookd-input", content)
}

// credential is who the hook runs as; nil for whoever hookd is. A hookd that may not change it refuses.
func credential(h *hookspec.Hook) (*syscall.Credential, error) {
	if h.User == nil && h.Group == nil {
		return nil, nil
	}
	cred := &syscall.Credential{Uid: uint32(os.Geteuid()), Gid: uint32(os.Getegid()), NoSetGroups: true}
	name := ""
	if h.User != nil {
		cred = &syscall.Credential{Uid: h.User.ID, Gid: h.User.GID, Groups: h.User.Groups}
		name = "user " + h.User.Name
	}
	if h.Group != nil {
		cred.Gid, name = h.Group.ID, name+" group "+h.Group.Name
	}
	same := int(cred.Uid) == os.Geteuid() && int(cred.Gid) == os.Getegid()
	switch {
	case os.Geteuid() == 0:
		return cred, nil
	case same:
		return nil, nil
	}
	return nil, fmt.Errorf("hookd is not root and cannot become %s", strings.TrimSpace(name))
}

// startRetrying starts the process. A program that somebody has open for writing is tried again for a moment: that is
// what an editor or a package manager looks like from here (ETXTBSY, execve(2)).
func (e *Executor) startRetrying(cmd *exec.Cmd, t runner.Task) (group, error) {
	for try := 0; ; try++ {
		g, err := e.groups.start(cmd, t.Run, t.Job.Hook.Name)
		if !errors.Is(err, syscall.ETXTBSY) || try == 20 {
			return g, err
		}
		time.Sleep(10 * time.Millisecond)
		*cmd = exec.Cmd{Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, Stdin: cmd.Stdin,
			Stdout: cmd.Stdout, Stderr: cmd.Stderr, SysProcAttr: cmd.SysProcAttr} // one is started once only
	}
}

func startError(path, dir string, err error) error {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch _, dirErr := os.Stat(dir); {
	case errno == syscall.ENOEXEC:
		return fmt.Errorf("cannot run %s: it is no program and has no #! line", path)
	case dirErr != nil:
		return fmt.Errorf("cannot run %s in %s: %w", path, dir, errno)
	case errno == syscall.ENOENT:
		return fmt.Errorf("cannot run %s: the interpreter in its #! line does not exist", path)
	case errno != 0:
		return fmt.Errorf("cannot run %s: %w", path, errno)
	}
	return fmt.Errorf("cannot run %s: %w", path, err)
}
