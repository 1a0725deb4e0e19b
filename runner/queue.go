package runner

import (
	"fmt"
	"slices"

	"hookd/events"
	"hookd/hookspec"
)

// arrive plans an event and lets its run in.
func (r *Runner) arrive(e events.Event, in entry) *run {
	for _, stop := range r.set.Stops(e) {
		r.stopFor(stop, e)
	}
	plan := r.set.Plan(e)
	in.records = r.settling(e)
	return r.enter(plan, in)
}

// entry is how a run comes in.
type entry struct {
	wait    bool            // somebody waits for it
	report  bool            // an old system reports the event: its run is wanted whoever waits
	scripts []string        // that who reports runs between the hooks
	steps   []hookspec.Step // of what is left of another hookd's run
	past    []JobReport     // of hooks of that run that are not left
	late    string          // why the event is no news: one of the Late words
	drop    []holdKey       // what held it back
	records []Record        // what is to be written before its own
}

// guided says whether hooks begin only when they are let.
func (e entry) guided() bool { return len(e.scripts)+len(e.steps) > 0 }

// enter lets a run in: what is let through now is queued, after it was written down. Who waits has a channel that holds all
// that can come.
func (r *Runner) enter(plan hookspec.Plan, in entry) *run {
	run := newRun("", plan)
	if len(plan.Jobs) > 0 || in.wait {
		run.id = r.newRunID()
	}
	if in.wait {
		run.reply = make(chan Progress, len(run.jobs)+2)
		run.waits, run.nested = !in.report, len(plan.Event.Cause) > 0
		run.reply <- Progress{Run: run.id, Steps: r.guided(run, plan, in)}
	}
	if in.late != LateLimited {
		in.records = append(in.records, r.limit(run)...)
	}
	r.accept(run, in)
	r.observer.Arrived(Arrival{Event: run.event, Run: run.id, Refused: run.refused, Settling: run.settling, Late: in.late})
	if run.id != "" {
		r.queue(run)
	}
	return run
}

func (r *Runner) newRunID() string {
	r.count++
	return fmt.Sprintf("%s-%d", r.prefix, r.count)
}

func hooksOf(jobs []hookspec.Job) []string {
	var names []string
	for _, j := range jobs {
		names = append(names, j.Hook.Name)
	}
	return names
}

// accept notes an event and what will run for it.
func (r *Runner) accept(run *run, in entry) {
	e := run.event
	record := Record{Kind: recordRun, Event: &e, Run: run.id, Wait: run.waits, Guided: run.guided, Drop: in.drop}
	if in.late == "" && r.told.Put(e) {
		record.Kind = recordEvent
		r.changed(e)
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
	for _, subject := range run.subjects() {
		r.queues[subject] = append(r.queues[subject], run)
		r.bound(subject)
	}
	if r.ended && run.waits {
		run.giveUp(Canceled, ErrStopped.Error())
	}
	r.tryFirst(run)
	r.wake(run)
}

// bound gives the oldest waiting run of a subject up when there are too many.
func (r *Runner) bound(subject string) {
	var waiting []*run
	for _, run := range r.queues[subject] {
		if run.untouched() && !run.over() {
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
	for _, subject := range run.subjects() {
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
		case len(r.fresh) > 0:
			r.judgeFresh()
		case len(r.attention) > 0:
			s := r.attention[0]
			r.attention = r.attention[1:]
			r.serve(s)
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
	r.disentangle(run)
	for _, i := range run.ready(perRun, func(i int) bool { return run.lets(i) && r.may(ref{run, i}) }) {
		if r.ended || !run.nested && (behind || r.running >= perRunner) {
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
	run.answer()
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

// endRun takes a run that is over out of everything and tells who waits.
func (r *Runner) endRun(run *run) {
	if run.closed {
		return
	}
	run.closed = true
	for _, subject := range run.subjects() {
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
	for _, subject := range run.subjects() {
		if q := r.queues[subject]; len(q) > 0 {
			r.tryFirst(q[0])
		}
	}
}

func without(list []*run, gone *run) []*run {
	return slices.DeleteFunc(list, func(r *run) bool { return r == gone })
}
