package runner

import (
	"slices"

	"hookd/hookspec"
)

// resume carries on what an earlier hookd of this boot has left: its state, its runs, and what it held back. Hooks that
// it did not know hear of what is there.
func (r *Runner) resume(s *Saved) {
	if s == nil {
		r.known = r.set.Names()
		r.note(r.records()...)
		r.followUnits()
		return
	}
	r.told, r.known = s.Told, s.Hooks
	if r.known == nil {
		r.known = r.set.Names()
	}
	r.forget()
	for _, saved := range s.services {
		s := saved.service(r.set.Hook(saved.ID.Hook))
		r.services[saved.ID] = s
		if !r.set.Has(saved.ID.Hook) {
			r.lower(s, "removed", nil, false)
		}
	}
	for _, run := range s.runs {
		r.resumeRun(run)
	}
	for _, key := range s.order {
		if h, there := s.held[key]; there {
			r.resumeHold(key, h)
		}
	}
	r.long = r.journal != nil
	r.replay()
	r.followUnits()
}

// swap puts another set in force. What was held back for a hook that holds nothing back any more is due.
func (r *Runner) swap(set *hookspec.Set) {
	r.set = set
	r.forget()
	r.removeGone()
	for key := range r.held {
		if h := set.Hook(key.Hook); !key.Limited && (h == nil || h.Settle == 0) {
			r.settled(key)
		}
	}
	r.replay()
	r.swapServices()
}

// forget drops the state that no hook asks for, and so no source reports.
func (r *Runner) forget() {
	for _, family := range []string{"route", "neighbor"} {
		if !r.set.Asks(family) {
			r.told.Forget(family)
		}
	}
}

// resumeRun queues what a run had not come to, of a guided one only what had begun. Of its hooks those that are not in force any more are told as skipped.
func (r *Runner) resumeRun(s *savedRun) {
	run := newRun(s.id, r.set.PlanFor(s.event, s.hooks))
	run.guided = s.guided
	for _, name := range s.hooks {
		if !slices.ContainsFunc(run.jobs, func(j job) bool { return j.Hook.Name == name }) {
			run.jobs = append(run.jobs, goneJob(name, s.reports[name], s.begun[name] > 0))
		}
	}
	for i := range run.jobs {
		j := &run.jobs[i]
		report, begun := s.reports[j.Hook.Name], s.begun[j.Hook.Name] > 0
		switch {
		case j.state == over:
		case report != nil:
			j.state, j.report = over, *report
		case begun:
			j.lost, j.left, j.tries, j.began = true, s.guided, s.begun[j.Hook.Name], s.at[j.Hook.Name]
		case s.guided:
			run.end(i, JobReport{Result: Canceled, Reason: errBetween})
		case s.wait:
			run.end(i, JobReport{Result: Canceled, Reason: "hookd was killed, and who waited for it with it"})
		}
	}
	r.observer.Arrived(Arrival{Event: run.event, Run: run.id, Late: LateResumed})
	r.queue(run)
}

// goneJob stands for a hook that is not in force any more, or no longer asks for the event.
func goneJob(name string, report *JobReport, begun bool) job {
	if report == nil && begun {
		report = &JobReport{Hook: name, Result: Interrupted, Reason: "hookd was killed while it ran"}
	}
	if report == nil {
		report = &JobReport{Hook: name, Result: Skipped, Reason: "the hook no longer asks for the event"}
	}
	return job{Job: hookspec.Job{Hook: &hookspec.Hook{Name: name}}, state: over, report: *report}
}

// resumeHold has a state begin to settle anew, and lets in what was limited.
func (r *Runner) resumeHold(key holdKey, h hold) {
	hook := r.set.Hook(key.Hook)
	if hook == nil {
		return
	}
	of := instance{key.Hook, string(key.Instance)}
	if key.Limited {
		r.limited[of] = append(r.limited[of], key)
		r.agenda.at(r.now(), func() { r.letIn(of) })
	} else {
		h.due = r.now().Add(hook.Settle)
		r.schedule(key, h.due)
	}
	r.held[key] = h
}

// replay tells the hooks that do not know the state what is there. One that knew it knows it still when its file was
// refused for a while.
func (r *Runner) replay() {
	var fresh []string
	for _, h := range r.set.Hooks {
		if !slices.Contains(r.known, h.Name) {
			fresh = append(fresh, h.Name)
		}
	}
	r.known = slices.DeleteFunc(append(slices.Clone(r.known), fresh...), func(name string) bool { return !r.set.Has(name) })
	r.note(Record{Kind: recordHooks, Hooks: r.known})
	if len(fresh) == 0 {
		return
	}
	for _, e := range r.told.List(r.now()) {
		for _, h := range r.set.Settling(e) {
			if slices.Contains(fresh, h.Name) && !h.SkipStart {
				r.note(r.hear(h, e))
			}
		}
		r.late(e, slices.DeleteFunc(slices.Clone(fresh), func(name string) bool { return r.set.Hook(name).Settle > 0 }), LateReplayed, nil)
	}
}

// removeGone gives up what waits of hooks whose files are there no more: to take the file away is to stop it.
func (r *Runner) removeGone() {
	for of, jobs := range r.busy {
		for _, f := range slices.Clone(jobs) {
			if f.job().state == pending && !f.job().lost && !r.set.Has(of.hook) {
				r.endJob(f, JobReport{Result: Skipped, Reason: "the hook is no longer there"})
			}
		}
	}
}
