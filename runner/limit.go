package runner

import (
	"fmt"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// limit ends the jobs of a run that RateLimit= does not let through, with those that require them; their hooks hear of
// the event together when there is room. It says what is to be written of it.
func (r *Runner) limit(run *run) []Record {
	leader := make([]*holdKey, len(run.jobs)) // which hold a limited job belongs to
	for i := range run.jobs {
		j := &run.jobs[i]
		for _, k := range j.Requires {
			if leader[k] != nil {
				leader[i] = leader[k]
			}
		}
		reason := "it requires a hook that comes later"
		if leader[i] == nil {
			of := instance{j.Hook.Name, j.Instance}
			if len(r.limited[of]) == 0 && r.admit(of, j.Hook.RateLimit) {
				continue
			}
			leader[i] = r.holdBack(of, j.Hook.RateLimit, run.event)
			reason = fmt.Sprintf("more than %s; the last event of its kind runs when there is room", j.Hook.RateLimit)
		} else {
			h := r.held[*leader[i]]
			h.with = append(h.with, j.Hook.Name)
			r.held[*leader[i]] = h
		}
		run.end(i, JobReport{Result: Limited, Reason: reason})
	}
	var out []Record
	for i, key := range leader {
		if key != nil && run.jobs[i].Hook.Name == key.Hook {
			out = append(out, r.held[*key].record(*key))
		}
	}
	return out
}

// holdBack keeps an event for an instance, in the place of an earlier one about the same.
func (r *Runner) holdBack(of instance, rate hookspec.Rate, e events.Event) *holdKey {
	key := holdKey{of.hook, events.Bytes(of.value), topicOf(e), true}
	if _, there := r.held[key]; !there {
		r.limited[of] = append(r.limited[of], key)
	}
	r.held[key] = hold{first: e, last: e}
	if len(r.limited[of]) == 1 {
		r.agenda.at(r.windows[of].next(rate), func() { r.letIn(of) })
	}
	return &key
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

// crowded is how long what was held back waits on while its subject has much to do.
const crowded = time.Second

// letIn lets in what was held back of an instance, as far as its rate and the queue of its subject allow now.
func (r *Runner) letIn(of instance) {
	for len(r.limited[of]) > 0 {
		key := r.limited[of][0]
		h := r.held[key]
		hook := r.set.Hook(of.hook)
		lasts := hook != nil && r.told.Holds(h.last)
		if lasts && len(r.queues[h.last.Subject]) >= perQueue/2 {
			r.agenda.at(r.now().Add(crowded), func() { r.letIn(of) })
			return
		}
		if lasts && !r.admit(of, hook.RateLimit) {
			r.agenda.at(r.windows[of].next(hook.RateLimit), func() { r.letIn(of) })
			return
		}
		r.limited[of] = r.limited[of][1:]
		delete(r.held, key)
		if lasts {
			r.late(h.last, append([]string{of.hook}, h.with...), LateLimited, []holdKey{key})
		} else { // the state it told of is over, or its hook is gone
			r.note(Record{Drop: []holdKey{key}})
		}
	}
	delete(r.limited, of)
}
