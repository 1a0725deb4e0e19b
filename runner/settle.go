package runner

import (
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// settling has the hooks with Settle= that an event concerns wait, or wait on, and says what is to be written of it.
func (r *Runner) settling(e events.Event) []Record {
	var out []Record
	for _, h := range r.set.Settling(e) {
		if !h.SkipStart || e.Source != events.SourceStart {
			out = append(out, r.hear(h, e))
		}
	}
	if e.Name == "link.renamed" {
		out = append(out, r.rename(e)...)
	}
	return out
}

// topicOf keeps what somebody emits apart from what sources see.
func topicOf(e events.Event) string {
	if _, isState := e.Phase(); isState && !e.Real() {
		return "emitted " + e.Topic()
	}
	return e.Topic()
}

func (r *Runner) hear(h *hookspec.Hook, e events.Event) Record {
	key := holdKey{Hook: h.Name, Topic: topicOf(e)}
	now := r.now()
	before, held := r.held[key]
	next, changed := hold{first: e, last: e, due: now.Add(h.Settle)}, true
	if held {
		next, changed = before.hear(e, now, h.Settle)
	}
	if !changed {
		delete(r.held, key)
		return Record{Drop: []holdKey{key}}
	}
	r.held[key] = next
	r.schedule(key, next.due)
	return next.record(key)
}

// schedule has a hold looked at when it is due: once at a time, however often that is put off.
func (r *Runner) schedule(key holdKey, due time.Time) {
	if r.scheduled[key] {
		return
	}
	r.scheduled[key] = true
	r.agenda.at(due, func() {
		delete(r.scheduled, key)
		switch h, there := r.held[key]; {
		case there && r.now().Before(h.due):
			r.schedule(key, h.due)
		case there:
			r.settled(key)
		}
	})
}

// rename has what waits for an interface heard under its new name.
func (r *Runner) rename(e events.Event) []Record {
	var out []Record
	index, _ := e.Get("index")
	for key, h := range r.held {
		if of, _ := h.last.Get("index"); of == index && index != "" && e.Topic() != key.Topic {
			h.last = h.last.Of(e)
			r.held[key] = h
			out = append(out, h.record(key))
		}
	}
	return out
}

// settled makes a run of what has held long enough: one for all hooks that waited for the same.
func (r *Runner) settled(key holdKey) {
	h := r.held[key]
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
