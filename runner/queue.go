package runner

import (
	"fmt"
	"strconv"
	"time"

	"hookd/events"
)

// arrive plans an event and queues its run; without hooks it ends here.
func (r *Runner) arrive(e events.Event, reply chan RunReport) {
	plan := r.set.Plan(e)
	run := &run{event: e, plan: plan, states: make([]state, len(plan.Jobs)), reports: make([]JobReport, len(plan.Jobs)), reply: reply}
	if len(plan.Jobs) > 0 || reply != nil {
		r.count++
		run.id = fmt.Sprintf("%s-%d", r.prefix, r.count)
	}
	r.observer.Arrived(e, run.id, plan.Refused)
	if run.id == "" {
		return
	}
	if r.ended {
		run.giveUp(Canceled, ErrStopped.Error())
	}
	for _, subject := range e.Subjects() {
		r.queues[subject] = append(r.queues[subject], run)
		r.bound(subject)
	}
	r.tryBegin(run)
}

// bound drops the oldest waiting run of a subject that has too many.
func (r *Runner) bound(subject string) {
	var oldest *run
	waiting := 0
	for _, run := range r.queues[subject] {
		if !run.begun {
			waiting++
			if oldest == nil {
				oldest = run
			}
		}
	}
	if waiting > perQueue {
		oldest.giveUp(Limited, fmt.Sprintf("more than %d events wait for %s", perQueue, events.Show(subject)))
		r.endRun(oldest)
	}
}

// tryBegin begins a run that stands first in the queues of all its subjects.
func (r *Runner) tryBegin(run *run) {
	for _, subject := range run.event.Subjects() {
		if q := r.queues[subject]; len(q) == 0 || q[0] != run {
			return
		}
	}
	if !run.begun {
		run.begun = true
		r.active = append(r.active, run)
		if !r.filling { // fill comes to it in its turn
			r.advance(run)
		}
	}
}

// advance starts what can start of a run and ends the run when nothing is left. While older runs wait for a place, this
// one waits behind them, until fill comes to it.
func (r *Runner) advance(run *run) {
	run.settle()
	if ready := run.ready(perRun); len(ready) > 0 && (!r.starved || r.filling) {
		free := min(len(ready), perRunner-r.running)
		r.starved = r.starved || free < len(ready)
		for _, i := range ready[:free] {
			run.states[i] = started
			r.running++
			go r.execute(run, i)
		}
	}
	if run.over() {
		r.endRun(run)
	}
}

// fill gives free places to runs that wait for one, the oldest first.
func (r *Runner) fill() {
	if !r.starved {
		return
	}
	r.starved, r.filling = false, true
	i := 0
	for i < len(r.active) && r.running < perRunner {
		run := r.active[i]
		r.advance(run)
		if i < len(r.active) && r.active[i] == run { // else it has ended
			i++
		}
	}
	r.filling = false
	r.starved = r.starved || i < len(r.active)
}

// finished is the message with which a job ends.
type finished struct {
	run    *run
	job    int
	report JobReport
}

// execute runs one job in a goroutine of its own, which ends with the job: Run reads done until none is left.
func (r *Runner) execute(run *run, i int) {
	begin := time.Now()
	report := r.exec.Execute(r.ctx, Task{run.id, run.event, run.plan.Jobs[i]})
	report.Started, report.Ended = begin, time.Now()
	r.done <- finished{run, i, report}
}

func (r *Runner) jobEnded(d finished) {
	r.running--
	run := d.run
	run.end(d.job, d.report)
	report := run.reports[d.job]
	r.observer.JobEnded(run.event, run.id, report)
	r.fill()
	r.advance(run)
	if r.follow {
		r.arrive(followUp(run, report), nil)
	}
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
	r.active = without(r.active, run)
	report := run.report()
	r.observer.RunEnded(report)
	if run.reply != nil {
		run.reply <- report
	}
	for _, subject := range run.event.Subjects() {
		if q := r.queues[subject]; len(q) > 0 {
			r.tryBegin(q[0])
		}
	}
}

func without(list []*run, gone *run) []*run {
	for i, run := range list {
		if run == gone {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// followUp is the event that tells of a job's result; its cause is the job and what led to it.
func followUp(run *run, r JobReport) events.Event {
	name := "hook.failed"
	if r.Result == Done {
		name = "hook.finished"
	}
	params := []events.Param{{Key: "hook", Value: r.Hook}, {Key: "instance", Value: r.Instance}, {Key: "event", Value: run.event.Name},
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
