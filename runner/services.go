package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// Bounds for services.
const (
	perService  = 128              // instances of one hook; further ones are refused and told
	judgeLimit  = 10 * time.Second // for all conditions of a service
	firstRetry  = time.Second      // until conditions that do not hold are judged again; doubled each time
	lastRetry   = time.Minute
	lookPause   = 100 * time.Millisecond // between two looks at the conditions of a service
	unheardTime = 10 * time.Second       // how long after a start or stop we wait for the supervisor to tell of it
	failedTime  = time.Second            // the same after a start that failed before anything was told of it
)

// service finds a service, or makes a record of one.
func (r *Runner) service(id ServiceID, hook *hookspec.Hook) *service {
	s := r.services[id]
	if s == nil {
		s = &service{id: id, told: ServiceState{ID: id, Phase: Inactive}}
		r.services[id] = s
	}
	if hook != nil {
		s.hook = hook
		s.ours = s.ours || hook.Unit == nil // who else would start it
	}
	return s
}

// listServices lists the services by hook and instance.
func (r *Runner) listServices() []*service {
	var out []*service
	for _, s := range r.services {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *service) int {
		return cmp.Or(strings.Compare(a.id.Hook, b.id.Hook), strings.Compare(a.id.Instance, b.id.Instance))
	})
	return out
}

func (r *Runner) instancesOf(hook string) []*service {
	return slices.DeleteFunc(r.listServices(), func(s *service) bool { return s.id.Hook != hook })
}

// raise has a service wanted: the answer to an event of its On=, to a state of its While=, or to who asks by hand. One that
// runs goes on as it is, or is started anew with WhenBusy=restart. It says in words what comes of it.
func (r *Runner) raise(job hookspec.Job, w want) (string, error) {
	id := ServiceID{job.Hook.Name, job.Instance}
	if r.crowded(id) {
		return "", fmt.Errorf("there are %d instances of this service already", perService)
	}
	s := r.service(id, job.Hook)
	old := s.want
	if s.op != nil && s.op.failed != "" { // a new reason to try does not wait for what is still to be told
		s.op = nil
	}
	if w.run == "" {
		w.run = r.newRunID()
	}
	s.barred, s.due = false, time.Time{}
	live := s.told.Phase.up() || s.op != nil && s.op.start
	switch {
	case live && old != nil && job.Hook.WhenBusy != hookspec.BusyRestart && !w.renew:
		old.state = old.state && w.state // an event outlasts the states
		r.keepService(s)
		r.attend(s)
		return "it runs already", nil
	case live && old == nil && s.told.Phase.up() && !s.ours:
		w.renew = false
	default:
		w.renew = live && (w.renew || job.Hook.WhenBusy == hookspec.BusyRestart)
	}
	s.want, s.cause, s.chain = &w, causeOf(w), w.event.Cause
	s.unmet, s.look, s.tries = "", false, 0
	s.callOff()
	r.keepService(s)
	r.attend(s)
	if s.hook.Unit != nil {
		r.followUnits()
	}
	return "it is being started", nil
}

// crowded says whether there is no room for one more instance. Those that only settle, or wait for their state, take none.
func (r *Runner) crowded(id ServiceID) bool {
	takes := func(s *service) bool { return s.want != nil || !s.told.Phase.down() || s.op != nil }
	if s := r.services[id]; s != nil && takes(s) {
		return false
	}
	return len(slices.DeleteFunc(r.instancesOf(id.Hook), func(s *service) bool { return !takes(s) })) >= perService
}

// causeOf is the word for the events of a service.
func causeOf(w want) string {
	switch {
	case w.once:
		return "hookctl"
	case w.state:
		return "while"
	}
	return w.event.Name
}

// lower has a service not wanted any more.
func (r *Runner) lower(s *service, cause string, chain []events.Cause, bar bool) {
	_, held := r.decisive(s.id)
	s.barred = bar && held
	if s.want != nil || s.cause == "" {
		s.cause, s.chain = cause, chain
	}
	s.want, s.unmet, s.due = nil, "", time.Time{}
	s.callOff()
	r.keepService(s)
	r.attend(s)
}

// attend has a service looked at before the owner waits again.
func (r *Runner) attend(s *service) {
	if !slices.Contains(r.attention, s) {
		r.attention = append(r.attention, s)
	}
}

// serve does what is to be done about a service. Nothing is done before the state of the world is known: what it was
// before hookd ended may be over.
func (r *Runner) serve(s *service) {
	if !r.ready || !r.supervised || r.ended {
		return
	}
	switch s.next() {
	case begin:
		if !r.comesLater(s) {
			r.begin(s)
		}
	case halt:
		if !r.goesLater(s) {
			r.halt(s)
		}
	}
	if s.rests() && s.owes {
		s.owes = false
		r.keepService(s)
		r.tell(s, chapter{word: "stopped", cause: s.endCause()})
	}
	s.answer()
	if s.idle() && r.services[s.id] == s {
		r.keepService(s)
		delete(r.services, s.id)
		if s.hook != nil && s.hook.Unit != nil {
			r.followUnits()
		}
	}
}

// endCause is why a service is gone: it ended by itself when somebody still wants it.
func (s *service) endCause() string {
	if s.want != nil && s.want.spent {
		return "exit"
	}
	return ""
}

// comesLater says whether another service that is being started, and that this one comes after, must be up or have failed
// first.
func (r *Runner) comesLater(s *service) bool {
	for _, o := range r.services {
		if o.hook != nil && (o.op != nil && o.op.start || o.next() == begin) && r.set.Follows(s.hook, o.hook) {
			return true
		}
	}
	return false
}

// goesLater says whether another service that is to be stopped must be gone first: stops go in reverse.
func (r *Runner) goesLater(s *service) bool {
	if s.want != nil || s.hook == nil {
		return false
	}
	for _, o := range r.services {
		if o.want == nil && o.ours && o.hook != nil && !o.told.Phase.down() && r.set.Follows(o.hook, s.hook) {
			return true
		}
	}
	return false
}

// attendOthers has those looked at that may have waited for a service.
func (r *Runner) attendOthers(s *service) {
	for _, o := range r.services {
		if o != s && o.next() != wait {
			r.attend(o)
		}
	}
}

// stopFor is what a StopOn= line asks for.
func (r *Runner) stopFor(stop hookspec.Stop, e events.Event) {
	for _, s := range r.instancesOf(stop.Hook) {
		if stop.All || s.id.Instance == stop.Instance {
			r.lower(s, e.Name, e.Cause, true)
		}
	}
}

// swapServices follows a new set: what has no hook any more is stopped; what runs goes on as it was started.
func (r *Runner) swapServices() {
	for _, s := range r.listServices() {
		switch h := r.set.Hook(s.id.Hook); {
		case h != nil && h.Service:
			s.hook = h
		case h != nil || !r.set.Has(s.id.Hook):
			r.lower(s, "removed", nil, false)
		}
	}
	r.judgeAll()
	r.followUnits()
	r.attendAll()
}
