package runner

import (
	"context"
	"fmt"
	"strconv"

	"hookd/events"
)

// finished is the message with which a job ends.
type finished struct {
	ref
	report JobReport
}

// start runs one job in a goroutine of its own, which ends with the job: Run reads done until none is left. The job of a
// service is done when the service is wanted.
func (r *Runner) start(f ref) {
	j := f.job()
	if j.Hook.Service {
		r.startService(f)
		return
	}
	if why := r.needs(j.Needs); why != "" {
		r.endJob(f, JobReport{Result: Skipped, Reason: why})
		return
	}
	ctx, cancel := context.WithCancelCause(r.ctx)
	lost := *j // the goroutine's own
	j.state, j.cancel = started, cancel
	r.running++
	if !j.lost || j.runsAgain() {
		j.tries++
		now := r.now()
		j.began = now
		r.note(Record{Kind: recordStart, Run: f.run.id, Hook: j.Hook.Name, Time: &now})
		r.write()
	}
	task := Task{f.run.id, f.run.event, j.Job, r.ctx.Done()}
	go func() {
		report := lost.attempt(ctx, r.exec, r.facts, task)
		cancel(nil)
		r.done <- finished{f, report}
	}()
}

// startService has a service wanted. Who waits does not wait for it.
func (r *Runner) startService(f ref) {
	if r.supervisor == nil {
		r.endJob(f, JobReport{Result: Skipped, Reason: "it is a service, which only hookd starts"})
		return
	}
	now := r.now()
	report := JobReport{Result: Done, Started: now, Ended: now}
	what, err := r.raise(f.job().Job, want{event: f.run.event, run: f.run.id, why: "On=" + f.run.event.Name})
	if report.Reason = what; err != nil {
		report.Result, report.Reason = Failed, err.Error()
	}
	f.run.end(f.i, report)
	r.observer.JobEnded(f.run.event, f.run.id, f.job().report)
	r.jobOver(f)
}

func (r *Runner) jobEnded(d finished) {
	r.running--
	j := d.job()
	j.lost = false
	if j.replaced != nil && d.report.Result != Done { // it may have failed before it was ended
		d.report.Result, d.report.Reason = Canceled, j.replaced.Error()
	}
	if again(d.report.Result, j.tries, j.Hook.Retry) && !r.ended {
		r.rest(d)
		return
	}
	d.run.end(d.i, d.report)
	r.observer.JobEnded(d.run.event, d.run.id, j.report)
	r.jobOver(d.ref)
	r.followUp(d.run, j.report)
}

func (r *Runner) followUp(run *run, report JobReport) {
	if r.follow {
		r.arrive(followUp(run, report), entry{})
	}
}

// rest has a job that failed tried again later.
func (r *Runner) rest(d finished) {
	j := d.job()
	j.state = resting
	report := j.report
	plan := d.report
	plan.Hook, plan.Instance, plan.Args, plan.Tries = report.Hook, report.Instance, report.Args, j.tries
	plan.Reason += fmt.Sprintf("; it is tried again in %s, %d of %d", j.Hook.RetryDelay, j.tries, j.Hook.Retry)
	r.observer.JobEnded(d.run.event, d.run.id, plan)
	r.agenda.at(r.now().Add(j.Hook.RetryDelay), func() {
		if j.state == resting {
			j.state = pending
			r.wake(d.run)
		}
	})
}

// endJob ends a job that does not run.
func (r *Runner) endJob(f ref, report JobReport) {
	f.run.end(f.i, report)
	r.jobOver(f)
}

// jobOver notes the result of a job, tells who waits, and goes on.
func (r *Runner) jobOver(f ref) {
	report := f.job().report
	r.note(Record{Kind: recordEnd, Run: f.run.id, Hook: report.Hook, Report: &report})
	if f.run.reply != nil {
		f.run.reply <- Progress{Run: f.run.id, Job: &report}
	}
	r.release(f)
	r.wake(f.run)
}

// followUp is the event that tells of a job's result; its cause is the job and what led to it.
func followUp(run *run, r JobReport) events.Event {
	name := "hook.failed"
	if r.Result == Done {
		name = "hook.finished"
	}
	params := []events.Param{{Key: "hook", Value: r.Hook}, {Key: "instance", Value: string(r.Instance)}, {Key: "event", Value: run.event.Name},
		{Key: "run", Value: run.id}, {Key: "result", Value: string(r.Result)}}
	if r.ExitStatus != nil {
		params = append(params, events.Param{Key: "exit-status", Value: strconv.Itoa(*r.ExitStatus)})
	}
	if r.Signal != "" {
		params = append(params, events.Param{Key: "signal", Value: r.Signal})
	}
	chain := run.event.Cause
	return events.Event{
		Name: name, Subject: "hook/" + r.Hook, Params: params, Source: events.SourceHook, Time: r.Ended,
		Cause: append(chain[:len(chain):len(chain)], events.Cause{Run: run.id, Hook: r.Hook}),
	}
}
