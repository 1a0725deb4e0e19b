package runner

import (
	"slices"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// What While= lines want. For each hook the topics that hold are kept; a change of the world is judged topic by topic.

// holding is a state that a While= line means, and the job of the service for it.
type holding struct {
	job   hookspec.Job
	line  string
	event events.Event
}

// changed notes that what is known of the world has changed, by this event.
func (r *Runner) changed(e events.Event) {
	r.fresh = append(r.fresh, e)
}

// judgeFresh judges what has changed since it was called last.
func (r *Runner) judgeFresh() {
	fresh := r.fresh
	r.fresh = nil
	for _, e := range fresh {
		if e.Name == "link.renamed" || e.Name == "link.changed" {
			r.judgeAll()
			break
		}
		for _, h := range r.set.Services() {
			if len(h.While) > 0 && r.judgeTopic(h, e.Topic()) {
				r.judge(h.Name)
			}
		}
	}
	r.lookAgain()
}

// judgeTopic takes in whether a topic holds for a hook, and says whether that is news.
func (r *Runner) judgeTopic(h *hookspec.Hook, topic string) bool {
	e, there := r.told.Now(topic)
	line, wanted := "", false
	if there {
		line, wanted = h.WantedBy(e)
	}
	_, before := r.holding[h.Name][topic]
	if !wanted {
		delete(r.holding[h.Name], topic)
		return before
	}
	job, why := h.Start(e)
	if why != "" {
		delete(r.holding[h.Name], topic)
		r.against[h.Name] = why
		return before
	}
	if r.holding[h.Name] == nil {
		r.holding[h.Name] = map[string]holding{}
	}
	r.holding[h.Name][topic] = holding{job, line, e}
	return true
}

// judgeAll judges every state anew: after a load, a rename, or when the world is known at last.
func (r *Runner) judgeAll() {
	r.holding, r.against = map[string]map[string]holding{}, map[string]string{}
	state := r.told.List(r.now())
	for _, h := range r.set.Services() {
		for _, e := range state {
			if _, wanted := h.WantedBy(e); wanted {
				r.judgeTopic(h, e.Topic())
			}
		}
		for _, line := range h.While {
			if line.Unit != "" && r.units[line.Unit] {
				r.judgeUnit(h, line)
			}
		}
	}
	for _, h := range r.set.Services() { // one whose While= was taken away too
		r.judge(h.Name)
	}
}

// judge compares what the states want of a hook with what is wanted of its services.
func (r *Runner) judge(hook string) {
	h := r.set.Hook(hook)
	if h == nil || !r.ready {
		return
	}
	now := map[string]bool{}
	for _, held := range r.holding[hook] {
		now[held.job.Instance] = true
	}
	for instance := range now {
		r.judgeService(h, ServiceID{hook, instance})
	}
	for _, s := range r.instancesOf(hook) {
		if !now[s.id.Instance] {
			r.judgeService(h, s.id)
		}
	}
}

// judgeService has a service follow the states, after Settle=.
func (r *Runner) judgeService(h *hookspec.Hook, id ServiceID) {
	s := r.services[id]
	held, holds := r.decisive(id)
	if s != nil && !holds {
		s.barred = false
	}
	if !r.differs(s, held, holds) {
		if s != nil {
			s.due = time.Time{}
			r.keepService(s)
			r.attend(s)
		}
		return
	}
	if wait := r.settles(h, id); wait {
		return
	}
	if !holds {
		r.lower(s, "while", nil, false)
		return
	}
	if s != nil && s.want != nil && !r.admit(instance{id.Hook, id.Instance}, h.RateLimit) {
		if due := r.windows[instance{id.Hook, id.Instance}].next(h.RateLimit); s.later != due {
			s.later = due
			r.agenda.at(due, func() { r.judge(id.Hook) })
		}
		return
	}
	if _, err := r.raise(held.job, want{event: held.event, why: "While=" + held.line, state: true}); err != nil {
		r.against[id.Hook] = err.Error()
	}
}

// differs says whether the states want something else of a service than what is wanted already.
func (r *Runner) differs(s *service, held holding, holds bool) bool {
	switch {
	case s == nil || s.want == nil:
		return holds && (s == nil || !s.barred)
	case !holds:
		return s.want.state
	case s.want.state && held.job.Hook.WhenBusy == hookspec.BusyRestart && !s.want.spent:
		return !sameParams(held.event, s.want.event)
	}
	return false
}

// sameParams compares in whichever order: the journal keeps none.
func sameParams(a, b events.Event) bool {
	have := func(p events.Param) bool { v, there := b.Get(p.Key); return there && v == p.Value }
	return len(a.Params) == len(b.Params) && !slices.ContainsFunc(a.Params, func(p events.Param) bool { return !have(p) })
}

// decisive is the state that a service runs for: the one it was started with as long as it holds, else the first.
func (r *Runner) decisive(id ServiceID) (holding, bool) {
	var best *holding
	var topic string
	for t, held := range r.holding[id.Hook] {
		if held.job.Instance != id.Instance {
			continue
		}
		if s := r.services[id]; s != nil && s.want != nil && s.want.event.Topic() == t {
			return held, true
		}
		if best == nil || t < topic {
			best, topic = &held, t
		}
	}
	if best == nil {
		return holding{}, false
	}
	return *best, true
}

// settles says whether a change has to hold on, and has it judged again when it has.
func (r *Runner) settles(h *hookspec.Hook, id ServiceID) bool {
	if h.Settle == 0 {
		return false
	}
	s := r.service(id, h)
	now := r.now()
	if s.due.IsZero() {
		s.due = now.Add(h.Settle)
		r.agenda.at(s.due, func() { r.judge(id.Hook) })
	}
	return now.Before(s.due)
}

// hearUnit takes in the state of a unit that a While= line names.
func (r *Runner) hearUnit(n ServiceState) {
	active := n.Phase == Running
	if r.units[n.ID.Instance] == active {
		return
	}
	r.units[n.ID.Instance] = active
	r.judgeAll()
	r.lookAgain()
}

// dropUnits forgets the units that are not among all there are.
func (r *Runner) dropUnits(seen map[ServiceID]bool) {
	for unit, active := range r.units {
		if id := (ServiceID{Instance: unit}); !seen[id] && active {
			r.hearUnit(ServiceState{ID: id, Phase: Inactive})
		}
	}
}

// judgeUnit holds a hook's line for a unit that is active. The event it runs for is the one that would tell of it.
func (r *Runner) judgeUnit(h *hookspec.Hook, line hookspec.State) {
	e := events.Event{Name: "service.started", Subject: "service/" + line.Unit, Source: events.SourceStart, Time: r.now(),
		Params: []events.Param{{Key: "service"}, {Key: "instance"}, {Key: "unit", Value: line.Unit}, {Key: "cause", Value: "found"}, {Key: "restarts", Value: "0"}}}
	job, why := h.Start(e)
	if why != "" {
		r.against[h.Name] = why
		return
	}
	if r.holding[h.Name] == nil {
		r.holding[h.Name] = map[string]holding{}
	}
	r.holding[h.Name]["unit "+line.Unit] = holding{job, line.String(), e}
}

// followUnits tells the supervisor which existing units to watch: those of While=unit and those of Unit=.
func (r *Runner) followUnits() {
	if r.supervisor == nil {
		return
	}
	units := map[ServiceID]string{}
	for _, h := range r.set.Services() {
		for _, line := range h.While {
			if line.Unit != "" {
				units[ServiceID{Instance: line.Unit}] = line.Unit
			}
		}
		if h.Unit != nil {
			if job, why := h.Start(events.Event{Name: "user.start"}); why == "" {
				units[ServiceID{h.Name, job.Instance}] = job.Unit
			}
		}
	}
	for id, s := range r.services {
		if s.hook != nil && s.hook.Unit != nil && s.want != nil {
			if job, why := s.hook.Start(s.want.event); why == "" {
				units[id] = job.Unit
			}
		}
	}
	r.supervisor.Follow(units)
}
