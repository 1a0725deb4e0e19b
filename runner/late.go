package runner

import (
	"fmt"

	"hookd/events"
	"hookd/hookspec"
)

// Why an event that was told before makes a run now.
const (
	LateSettled  = "settled"  // it has held for Settle=
	LateLimited  = "limited"  // RateLimit= did not let it through when it came
	LateReplayed = "replayed" // a hook that is new hears of what was there before it
	LateResumed  = "resumed"  // an earlier hookd did not come to it
)

// settling has the hooks with Settle= that an event concerns wait, or wait on, and says what is to be written of it.
func (r *Runner) settling(e events.Event) []Record {
	var out []Record
	for _, h := range r.set.Settling(e) {
		out = append(out, r.hear(h, e))
	}
	if e.Name == "link.renamed" {
		r.rename(e)
	}
	return out
}

func (r *Runner) hear(h *hookspec.Hook, e events.Event) Record {
	key := holdKey{Hook: h.Name, Topic: e.Topic()}
	now := r.now()
	before, held := r.held[key]
	next, changed := hold{e, e, now.Add(h.Settle)}, true
	if held {
		next, changed = before.hear(e, now, h.Settle)
	}
	if !changed {
		delete(r.held, key)
		return Record{Drop: []holdKey{key}}
	}
	r.held[key] = next
	if !next.due.Equal(before.due) {
		r.agenda.at(next.due, func() { r.settled(key) })
	}
	return Record{Kind: recordHold, Hold: &key, First: &next.first, Event: &next.last}
}

// rename has what waits for an interface heard under its new name.
func (r *Runner) rename(e events.Event) {
	index, _ := e.Get("index")
	for key, h := range r.held {
		if of, _ := h.last.Get("index"); of == index && index != "" && e.Topic() != key.Topic {
			h.last = h.last.Of(e)
			r.held[key] = h
		}
	}
}

// settled makes a run of what has held long enough: one for all hooks that waited for the same.
func (r *Runner) settled(key holdKey) {
	h, there := r.held[key]
	if !there || r.now().Before(h.due) {
		return
	}
	names, drop := []string{key.Hook}, []holdKey{key}
	for _, other := range r.set.Settling(h.last) {
		k := holdKey{Hook: other.Name, Topic: key.Topic}
		if o, there := r.held[k]; there && k != key && o.due.Equal(h.due) && o.first.Time.Equal(h.first.Time) {
			names, drop = append(names, k.Hook), append(drop, k)
		}
	}
	for _, k := range drop {
		delete(r.held, k)
	}
	e, _ := events.Net(h.first, h.last)
	r.late(e, names, LateSettled, drop)
}

// late lets an event in that was told before, for some hooks only.
func (r *Runner) late(e events.Event, names []string, why string, drop []holdKey) {
	plan := r.set.PlanFor(e, names)
	if len(plan.Jobs) == 0 {
		if len(drop) > 0 {
			r.note(Record{Drop: drop})
		}
		return
	}
	r.enter(plan, entry{late: why, drop: drop})
}

// limit ends the jobs of a run that RateLimit= does not let through; their hooks hear of the event when there is room.
func (r *Runner) limit(run *run) []Record {
	var out []Record
	for i := range run.jobs {
		j := &run.jobs[i]
		of := instance{j.Hook.Name, j.Instance}
		if len(r.limited[of]) == 0 && r.admit(of, j.Hook.RateLimit) {
			continue
		}
		run.end(i, JobReport{Result: Limited, Reason: fmt.Sprintf("more than %s; the last event of its kind runs when there is room", j.Hook.RateLimit)})
		key := holdKey{j.Hook.Name, events.Bytes(j.Instance), run.event.Topic(), true}
		if _, there := r.held[key]; !there {
			r.limited[of] = append(r.limited[of], key)
		}
		r.held[key] = hold{first: run.event, last: run.event}
		if len(r.limited[of]) == 1 {
			r.agenda.at(r.windows[of].next(j.Hook.RateLimit), func() { r.letIn(of) })
		}
		out = append(out, Record{Kind: recordHold, Hold: &key, First: &run.event, Event: &run.event})
	}
	return out
}

func (r *Runner) admit(of instance, rate hookspec.Rate) bool {
	w, ok := r.windows[of].admit(r.now(), rate)
	if r.windows[of] = w; len(w) == 0 {
		delete(r.windows, of)
	}
	r.admitted++
	if r.admitted%4096 == 0 {
		r.forgetWindows()
	}
	return ok
}

// forgetWindows drops those that limit nothing any more: instances come and go with interfaces.
func (r *Runner) forgetWindows() {
	now := r.now()
	for of, w := range r.windows {
		h := r.set.Hook(of.hook)
		if h == nil || len(r.limited[of]) == 0 && !now.Before(w[len(w)-1].Add(h.RateLimit.Per)) {
			delete(r.windows, of)
		}
	}
}

// letIn lets in what was held back of an instance, as far as its rate allows now.
func (r *Runner) letIn(of instance) {
	for len(r.limited[of]) > 0 {
		key := r.limited[of][0]
		h := r.held[key]
		hook := r.set.Hook(of.hook)
		lasts := hook != nil && r.told.Holds(h.last)
		if lasts && !r.admit(of, hook.RateLimit) {
			r.agenda.at(r.windows[of].next(hook.RateLimit), func() { r.letIn(of) })
			return
		}
		r.limited[of] = r.limited[of][1:]
		delete(r.held, key)
		if lasts {
			r.late(h.last, []string{of.hook}, LateLimited, []holdKey{key})
		} else { // the state it told of is over, or its hook is gone
			r.note(Record{Drop: []holdKey{key}})
		}
	}
	delete(r.limited, of)
}
