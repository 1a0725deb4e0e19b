package runner

import (
	"fmt"
	"slices"

	"hookd/hookspec"
)

// instance is what jobs exclude each other by.
type instance struct{ hook, value string }

// ref is a job that is not over.
type ref struct {
	run *run
	i   int
}

func (f ref) job() *job { return &f.run.jobs[f.i] }

func (f ref) instance() instance { return instance{f.job().Hook.Name, f.job().Instance} }

// yield is what happens to a job that a later one of its instance meets.
type yield int

const (
	stay   yield = iota
	giveUp       // it has not begun, and does not
	ended        // it runs, and is ended
)

// meets decides, by WhenBusy= of the hook as it is now.
func meets(whenBusy string, old state) yield {
	switch {
	case whenBusy == hookspec.BusyReplace && old == started:
		return ended
	case whenBusy == hookspec.BusyReplace && old != over, whenBusy == hookspec.BusyMerge && old == pending:
		return giveUp
	}
	return stay
}

// replacedError is why a job is ended for a later one.
type replacedError struct{ run string }

func (e replacedError) Error() string { return "a later event replaces it (run " + e.run + ")" }

// meet puts the jobs of a run that may begin behind those of their instances, which may have to give way. Those that a guide does
// not let begin yet are in nobody's way: a script may wait for the same hook at another event.
func (r *Runner) meet(run *run) {
	for i := range run.jobs {
		now := ref{run, i}
		if now.job().state == over || now.job().met || !run.lets(i) {
			continue
		}
		now.job().met = true
		for _, old := range slices.Clone(r.busy[now.instance()]) {
			r.yields(old, now)
		}
		r.busy[now.instance()] = line(r.busy[now.instance()], now)
		if len(now.job().Hook.Instance) > 0 {
			r.boundInstance(now.instance())
		}
	}
}

func (r *Runner) yields(old, now ref) {
	whenBusy, state := now.job().Hook.WhenBusy, old.job().state
	if old.job().lost { // an earlier hookd began it
		state = started
	}
	switch meets(whenBusy, state) {
	case ended:
		old.job().replaced = replacedError{now.run.id}
		if old.job().cancel != nil {
			old.job().cancel(old.job().replaced)
		}
	case giveUp:
		report := JobReport{Result: Skipped, Reason: "a later event takes its place (run " + now.run.id + ")"}
		if whenBusy == hookspec.BusyReplace {
			report = JobReport{Result: Canceled, Reason: replacedError{now.run.id}.Error()}
		}
		r.endJob(old, report)
	}
}

// boundInstance gives the oldest waiting job of an instance up when there are too many: a value that many subjects share
// could gather them without end.
func (r *Runner) boundInstance(key instance) {
	var waiting []ref
	for _, f := range r.busy[key] {
		if f.job().state == pending {
			waiting = append(waiting, f)
		}
	}
	if len(waiting) > perQueue {
		oldest := slices.MinFunc(waiting, func(a, b ref) int { return a.run.n - b.run.n })
		r.endJob(oldest, JobReport{Result: Limited, Reason: fmt.Sprintf("more than %d events wait for this instance", perQueue)})
	}
}

// may says whether a job has its turn among other runs: all but parallel ones wait for the earlier events of their
// subject and the earlier jobs of their instance, nested ones only for one of these that has begun.
func (r *Runner) may(f ref) bool {
	if f.job().Hook.WhenBusy == hookspec.BusyParallel {
		return true
	}
	return r.ahead(f) == f && (f.run.nested || f.run.first && r.busy[f.instance()][0] == f)
}

// release lets the next job of an instance go on when one is over.
func (r *Runner) release(f ref) {
	if f.job().released {
		return
	}
	f.job().released = true
	key := f.instance()
	r.busy[key] = slices.DeleteFunc(r.busy[key], func(o ref) bool { return o == f })
	if len(r.busy[key]) == 0 {
		delete(r.busy, key)
		return
	}
	for i, o := range r.busy[key] {
		if i == 0 || o.run.nested {
			r.wake(o.run)
		}
	}
}
