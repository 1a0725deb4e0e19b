package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/procs"
	"hookd/runner"
)

// supervise waits for the first process of a job, and ends all of them when the time is over or ctx ends.
func supervise(ctx context.Context, cmd *exec.Cmd, g group, t runner.Task) runner.JobReport {
	h := t.Job.Hook
	exited := make(chan struct{})
	go func() { // ends with the process, which the kill below makes sure of
		cmd.Wait()
		close(exited)
	}()
	var limit <-chan time.Time
	if h.Timeout > 0 {
		timer := time.NewTimer(h.Timeout)
		defer timer.Stop()
		limit = timer.C
	}
	var report runner.JobReport
	select {
	case <-exited:
		return result(cmd.ProcessState)
	case <-limit:
		report = runner.JobReport{Result: runner.TimedOut, Reason: "it ran longer than " + h.Timeout.String()}
	case <-ctx.Done():
		report = runner.JobReport{Result: runner.Canceled, Reason: context.Cause(ctx).Error()}
	}
	if !terminate(t.Stop, cmd, g, h.KillAfter, exited) {
		report.Reason += "; some of its processes cannot be killed"
	}
	return report
}

func result(state *os.ProcessState) runner.JobReport {
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		name := unix.SignalName(status.Signal())
		return runner.JobReport{Result: runner.Failed, Signal: name, Reason: "ended by " + name}
	}
	code := status.ExitStatus()
	report := runner.JobReport{Result: runner.Done, ExitStatus: &code}
	if code != 0 {
		report.Result, report.Reason = runner.Failed, fmt.Sprintf("exit status %d", code)
	}
	return report
}

// stopKill is the longest KillAfter= that is heeded when hookd ends.
const stopKill = 5 * time.Second

// How often, and for how long at the most, a group is looked at while it is being ended. Only a process in
// uninterruptible sleep outlives the latter.
const (
	killPoll  = 10 * time.Millisecond
	killLimit = 10 * time.Second
)

// terminate asks all processes of a job to end, gives them killAfter, and kills those that are left. The first process
// counts by itself: it may have left its group. It returns false when even that did not end them.
func terminate(stop <-chan struct{}, cmd *exec.Cmd, g group, killAfter time.Duration, exited <-chan struct{}) bool {
	ask := asker(g, cmd.Process.Pid)
	cmd.Process.Signal(unix.SIGTERM)
	cmd.Process.Signal(unix.SIGCONT)
	kill := func() {
		g.kill()
		cmd.Process.Kill()
	}
	ask()
	return gone(stop, g, exited, killAfter, ask) || gone(nil, g, exited, killLimit, kill)
}

// asker returns a function that asks every process of a group to end that was not asked before: one may be made while the
// others are asked, and one that a shell has just made forgets the signal when it becomes another program.
func asker(g group, but ...int) func() {
	asked := map[string]bool{}
	key := func(pid int) string { return fmt.Sprintf("%d %s", pid, procs.Command(pid)) }
	for _, pid := range but {
		asked[key(pid)] = true
	}
	return func() {
		for _, pid := range g.members() {
			if k := key(pid); !asked[k] {
				asked[k] = true
				unix.Kill(pid, unix.SIGTERM)
				unix.Kill(pid, unix.SIGCONT)
			}
		}
	}
}

// gone waits until a group has been found empty twice and the first process has ended, at most for the given time, and
// calls again each time that is not so. Once is not enough: while one process is being found gone another one may be
// on its way from a dead parent to us. When hookd ends meanwhile it takes stopKill more at the most.
func gone(stop <-chan struct{}, g group, exited <-chan struct{}, limit time.Duration, again func()) bool {
	deadline, stopping := time.Now().Add(limit), false
	for empty := 0; empty < 2; {
		if !stopping && stop != nil && ended(stop) {
			stopping = true
			deadline = time.Now().Add(min(stopKill, time.Until(deadline)))
		}
		if len(g.members()) == 0 && ended(exited) {
			empty++
			continue
		}
		if time.Now().After(deadline) {
			return false
		}
		again()
		empty = 0
		time.Sleep(killPoll)
	}
	return true
}

func ended(exited <-chan struct{}) bool {
	select {
	case <-exited:
		return true
	default:
		return false
	}
}

// settle is how long what a job leaves behind gets to become what it will be: a child that its parent has just made still
// looks like the parent.
const settle = 20 * time.Millisecond

// left lists the processes that outlive the first one.
func left(g group) []runner.Process {
	if len(g.left()) == 0 {
		return nil
	}
	time.Sleep(settle)
	var out []runner.Process
	for _, pid := range g.left() {
		if cmd := procs.Command(pid); len(cmd) > 0 {
			out = append(out, runner.Process{PID: pid, Command: events.Bytes(cmd)})
		}
	}
	return out
}
