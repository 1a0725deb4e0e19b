package runner

import (
	"cmp"
	"context"
	"time"
)

// What the supervisor tells.

// Supervise is what a Supervisor's Run is to be given. It blocks while the runner is busy.
func (r *Runner) Supervise(ctx context.Context) func(states []ServiceState, whole bool) {
	return func(states []ServiceState, whole bool) {
		r.send(ctx, func() { r.hearServices(states, whole) })
	}
}

// Ready tells that what the kernel's state is has been told. Before that no service is started or stopped.
func (r *Runner) Ready(ctx context.Context) {
	r.send(ctx, func() {
		r.ready = true
		r.judgeAll()
		r.attendAll()
	})
}

func (r *Runner) attendAll() {
	for _, s := range r.listServices() {
		r.attend(s)
	}
}

// hear takes in what the supervisor tells. What is not in a whole list does not run.
func (r *Runner) hearServices(states []ServiceState, whole bool) {
	seen := map[ServiceID]bool{}
	for _, n := range states {
		seen[n.ID] = true
		if n.ID.Hook == "" {
			r.hearUnit(n)
			continue
		}
		if s := r.serviceOf(n, whole); s != nil {
			r.see(s, n)
		}
	}
	if !whole {
		return
	}
	for _, s := range r.listServices() {
		if !seen[s.id] && !s.told.Phase.down() {
			r.see(s, ServiceState{ID: s.id, Phase: Inactive, Unit: s.told.Unit, Invocation: s.told.Invocation, Restarts: s.told.Restarts, Result: "unknown", Since: r.now()})
		}
	}
	r.supervised = true
	r.dropUnits(seen)
	r.attendAll()
}

// serviceOf finds the service that a state is of. One that nobody remembers is taken over when it is in a whole list: as its
// hook says, or to be stopped when that is gone, for nobody else would. Else what is told of it comes late: it was stopped.
func (r *Runner) serviceOf(n ServiceState, whole bool) *service {
	h := r.set.Hook(n.ID.Hook)
	switch s := r.services[n.ID]; {
	case s != nil:
		return s
	case h != nil && len(h.Unit) > 0 && n.Phase.down():
		return nil // as is known of what nobody remembers
	case h != nil && len(h.Unit) > 0:
		return r.service(n.ID, h)
	case !whole || h != nil && !h.Service:
		return nil
	case h == nil && (r.supervised || r.set.Has(n.ID.Hook)): // later it may be somebody else's unit, that is not followed any more
		return nil
	}
	s := r.service(n.ID, h)
	s.ours = true
	if h == nil {
		s.cause = "removed"
	} else if n.Phase.up() && len(h.While) == 0 {
		s.want = &want{event: askedFor(nil, r.now()), why: "it was found running"}
	}
	return s
}

// see takes in the state of a service, and tells what has happened.
func (r *Runner) see(s *service, now ServiceState) {
	old, busy := s.told, s.op != nil
	now = s.explained(now)
	if s.op != nil && s.op.failed != "" {
		r.failureHeard(s, now)
	}
	s.told = now
	if now.Phase.up() {
		s.begun, s.said = s.begun && s.op != nil, ""
		r.takeOver(s)
	} else if old.Phase.up() && s.op == nil && (!s.doubt || !s.ours) {
		r.spendUnlessLost(s, now)
	}
	chapters := s.completed(story(old, now), old)
	r.conclude(s, old)
	s.owes = s.owes || len(chapters) > 0
	r.keepService(s)
	r.tellStory(s, chapters)
	if now.Phase == Broken && now.Reason != "" && len(chapters) > 0 {
		r.miss(s, now.Reason)
	}
	r.attend(s)
	if now.Phase.down() || busy && s.op == nil {
		r.attendOthers(s)
	}
}

// conclude ends an operation that is over, when what is told comes after it.
func (r *Runner) conclude(s *service, old ServiceState) {
	fresh := !s.told.Phase.down() || s.told.Invocation != old.Invocation
	if s.op == nil || !s.op.over || s.op.start && !fresh {
		return
	}
	if s.told.Phase.down() && s.op.start {
		r.spend(s)
	}
	s.op = nil
}

func (r *Runner) tellStory(s *service, chapters []chapter) {
	for _, c := range chapters {
		if c.word == "stopping" {
			c.restarting = c.restarting || s.want != nil && !s.want.spent
			c.cause = cmp.Or(c.cause, s.endCause())
		}
		if c.word == "failed" && s.op == nil {
			c.restarting = c.restarting || s.next() == begin
		}
		r.tell(s, c)
	}
}

// takeOver: what runs is not spent. A unit is ours to stop when it came up after we had started it.
func (r *Runner) takeOver(s *service) {
	if s.want != nil {
		s.want.spent, s.want.once, s.want.before = false, false, nil
	}
	if s.hook == nil || len(s.hook.Unit) == 0 || s.began.IsZero() {
		return
	}
	switch s.told.Phase {
	case Starting: // it was down, and we have asked for it
		s.ours = true
	case Running:
		s.ours = !s.told.Since.Before(s.began)
		s.began = time.Time{} // one that ran already is not ours because somebody restarts it
	}
}

// tell lets an event about a service in.
func (r *Runner) tell(s *service, c chapter) { r.arrive(s.event(c, r.now()), entry{}) }

// keepService notes what the next hookd has to know of a service, when it is something else than before.
func (r *Runner) keepService(s *service) {
	saved := s.save()
	if text := saved.text(); r.journal != nil && text != s.noted {
		s.noted = text
		r.note(Record{Kind: recordService, Service: saved})
	}
}
