package runner

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"hookd/events"
	"hookd/hookspec"
)

// arrive plans an event and lets its run in. Who waits gets a channel that holds all that can come.
func (r *Runner) arrive(e events.Event, wait bool) chan Progress {
	plan := r.set.Plan(e)
	records := r.settling(e)
	return r.enter(plan, entry{wait: wait, records: records})
}

// entry is how a run comes in.
type entry struct {
	wait    bool
	late    string    // why the event is no news: one of the Late words
	drop    []holdKey // what held it back
	records []Record  // what is to be written before its own
}

// enter lets a run in: what is let through now is queued, after it was written down.
func (r *Runner) enter(plan hookspec.Plan, in entry) chan Progress {
	run := newRun("", plan)
	if len(plan.Jobs) > 0 || in.wait {
		r.count++
		run.id = fmt.Sprintf("%s-%d", r.prefix, r.count)
	}
	if in.wait {
		run.reply = make(chan Progress, len(run.jobs)+2)
		run.reply <- Progress{Run: run.id}
	}
	if in.late != LateLimited {
		in.records = append(in.records, r.limit(run)...)
	}
	r.write(run, in)
	r.observer.Arrived(Arrival{Event: run.event, Run: run.id, Refused: run.refused, Settling: run.settling, Late: in.late})
	if run.id != "" {
		r.queue(run)
	}
	return run.reply
}

func hooksOf(jobs []hookspec.Job) []string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.Hook.Name)
	}
	return names
}

// write notes an event and what will run for it.
func (r *Runner) write(run *run, in entry) {
	e := run.event
	record := Record{Kind: recordRun, Event: &e, Run: run.id, Wait: in.wait, Drop: in.drop}
	if in.late == "" && r.told.Put(e) {
		record.Kind = recordEvent
	}
	for _, j := range run.jobs {
		if j.state != over {
			record.Hooks = append(record.Hooks, j.Hook.Name)
		}
	}
	if record.Kind == recordEvent || len(record.Hooks)+len(in.drop) > 0 {
		in.records = append(in.records, record)
	}
	r.note(in.records...)
}

// queue puts a run behind the earlier ones of its subjects and its instances.
func (r *Runner) queue(run *run) {
	r.seq++
	run.n = r.seq
	if run.over() {
		r.endRun(run)
		return
	}
	r.meet(run)
	for _, subject := range run.event.Subjects() {
		r.queues[subject] = append(r.queues[subject], run)
		r.bound(subject)
	}
	if r.ended && run.reply != nil {
		run.giveUp(Canceled, ErrStopped.Error())
	}
	r.tryFirst(run)
	r.wake(run)
}

// bound gives the oldest waiting run of a subject up when there are too many.
func (r *Runner) bound(subject string) {
	var waiting []*run
	for _, run := range r.queues[subject] {
		if run.untouched() {
			waiting = append(waiting, run)
		}
	}
	if len(waiting) > perQueue {
		waiting[0].giveUp(Limited, fmt.Sprintf("more than %d events wait for %s", perQueue, events.Show(subject)))
		r.wake(waiting[0])
	}
}

// tryFirst notes when a run stands first in the queues of all its subjects.
func (r *Runner) tryFirst(run *run) {
	for _, subject := range run.event.Subjects() {
		if q := r.queues[subject]; len(q) == 0 || q[0] != run {
			return
		}
	}
	run.first = true
	r.wake(run)
}

// wake has a run looked at before the owner waits again.
func (r *Runner) wake(run *run) {
	if !run.queued && !run.closed {
		run.queued = true
		r.todo = append(r.todo, run)
	}
}

// work looks at every run that something has changed for, until nothing is left to do. Free places go to runs that wait
// for one, in the order in which they came to wait.
func (r *Runner) work() {
	for {
		switch {
		case len(r.todo) > 0:
			run := r.todo[0]
			r.todo, run.queued = r.todo[1:], false
			r.advance(run, run.hungry || len(r.hungry) > 0)
		case len(r.hungry) > 0 && r.running < perRunner && !r.ended:
			run := r.hungry[0]
			r.hungry, run.hungry = r.hungry[1:], false
			r.advance(run, false)
			if run.hungry { // it wants more than there is: it keeps its turn
				last := len(r.hungry) - 1
				r.hungry = slices.Insert(r.hungry[:last:last], 0, run)
			}
		default:
			r.shorten()
			return
		}
	}
}

// advance starts what can start of a run, as far as it has not to wait behind hungry ones, and ends it when nothing is
// left.
func (r *Runner) advance(run *run, behind bool) {
	if run.closed {
		return
	}
	run.settle()
	for _, i := range run.ready(perRun, func(i int) bool { return r.may(ref{run, i}) }) {
		if behind || r.running == perRunner || r.ended {
			r.hunger(run)
			break
		}
		r.start(ref{run, i})
	}
	for i, j := range run.jobs {
		if j.state == over {
			r.release(ref{run, i})
		}
	}
	if run.over() {
		r.endRun(run)
	}
}

func (r *Runner) hunger(run *run) {
	if !run.hungry {
		run.hungry = true
		r.hungry = append(r.hungry, run)
	}
}

// finished is the message with which a job ends.
type finished struct {
	ref
	report JobReport
}

// start runs one job in a goroutine of its own, which ends with the job: Run reads done until none is left.
func (r *Runner) start(f ref) {
	j := f.job()
	ctx, cancel := context.WithCancelCause(r.ctx)
	j.state, j.cancel = started, cancel
	j.tries++
	r.running++
	r.note(Record{Kind: recordStart, Run: f.run.id, Hook: j.Hook.Name})
	task := Task{f.run.id, f.run.event, j.Job, r.ctx.Done()}
	lost := *j // the goroutine's own
	go func() {
		report := lost.attempt(ctx, r.exec, task)
		cancel(nil)
		r.done <- finished{f, report}
	}()
}

func (r *Runner) jobEnded(d finished) {
	r.running--
	j := d.job()
	j.lost = false
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
		r.arrive(followUp(run, report), false)
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

// endRun takes a run that is over out of everything and tells who waits.
func (r *Runner) endRun(run *run) {
	if run.closed {
		return
	}
	run.closed = true
	for _, subject := range run.event.Subjects() {
		r.queues[subject] = without(r.queues[subject], run)
		if len(r.queues[subject]) == 0 {
			delete(r.queues, subject)
		}
	}
	r.hungry = without(r.hungry, run)
	report := run.report()
	r.observer.RunEnded(report)
	if run.reply != nil {
		run.reply <- Progress{Run: run.id, Ended: &report}
	}
	r.note(Record{Kind: recordOver, Run: run.id})
	for _, subject := range run.event.Subjects() {
		if q := r.queues[subject]; len(q) > 0 {
			r.tryFirst(q[0])
		}
	}
}

func without(list []*run, gone *run) []*run {
	return slices.DeleteFunc(list, func(r *run) bool { return r == gone })
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
