package runner

import (
	"cmp"
	"context"
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
	firstRetry  = time.Second      // after a condition that nobody could judge; doubled each time
	lastRetry   = time.Minute
	lookPause   = 100 * time.Millisecond // between two looks at the conditions of a service
	unheardTime = 10 * time.Second       // how long after a start we wait for the supervisor to tell of it
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
	if r.services[id] == nil && len(r.instancesOf(id.Hook)) >= perService {
		return "", fmt.Errorf("there are %d instances of this service already", perService)
	}
	s := r.service(id, job.Hook)
	old := s.want
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

// begin judges the conditions of a service and starts it, in a goroutine that ends with it.
func (r *Runner) begin(s *service) {
	s.look, s.doubt = false, false
	job, why := s.hook.Start(s.want.event)
	if why == "" {
		why = r.needs(r.set.Needs(s.hook))
	}
	if why != "" {
		r.unmetNow(s, why, false)
		return
	}
	ctx, cancel := context.WithCancel(r.ops)
	s.op, s.began = &operation{start: true, cancel: cancel, before: s.told.Invocation}, r.now()
	if s.hook.Unit == nil {
		s.ours = true
	}
	r.keepService(s)
	r.write()
	spec := specOf(s.id, job, s.want.event, s.want.run)
	op := s.op
	r.operate(s, func() opEnd {
		defer cancel()
		judging, stop := context.WithTimeout(ctx, judgeLimit)
		defer stop()
		if fact := hookspec.Judge(judging, job.Conditions, job.Params, r.facts); !fact.True && ctx.Err() == nil {
			return opEnd{op: op, unmet: fact.Why, again: fact.Again}
		}
		err := r.resolve(&spec)
		if err == nil && ctx.Err() == nil {
			err = r.supervisor.Start(ctx, spec)
		}
		return opEnd{op: op, err: err, canceled: ctx.Err() != nil}
	})
}

// needs says which required service does not run.
func (r *Runner) needs(services []string) string {
	for _, name := range services {
		if !slices.ContainsFunc(r.instancesOf(name), func(s *service) bool { return s.told.Phase == Running }) {
			return "it requires " + name + ", which does not run"
		}
	}
	return ""
}

// resolve follows the links of the program, if it may be trusted.
func (r *Runner) resolve(spec *ServiceSpec) error {
	if spec.Unit != "" {
		return nil
	}
	path, err := r.trust.Resolve(spec.Args[0])
	if err != nil {
		return fmt.Errorf("cannot run %s: %w", spec.Args[0], err)
	}
	spec.Args[0] = path
	return nil
}

// specOf is what the supervisor has to know.
func specOf(id ServiceID, job hookspec.Job, e events.Event, run string) ServiceSpec {
	h := job.Hook
	description := h.Description
	if description == "" {
		description = "hook " + h.Name
	}
	spec := ServiceSpec{ID: id, Description: description, Unit: job.Unit, Dir: h.Dir, User: h.User, Group: h.Group, Directives: h.Directives}
	if job.Unit == "" {
		spec.Args, spec.Env = slices.Clone(job.Args), job.Environ(e, run)
	}
	return spec
}

// halt stops a service.
func (r *Runner) halt(s *service) {
	ctx, cancel := context.WithCancel(r.ops)
	op := &operation{cancel: cancel}
	s.op = op
	r.keepService(s)
	r.write()
	r.operate(s, func() opEnd {
		defer cancel()
		err := r.supervisor.Stop(ctx, s.id)
		return opEnd{op: op, err: err, canceled: ctx.Err() != nil}
	})
}

// opEnd is how an operation ended.
type opEnd struct {
	op       *operation
	unmet    string
	again    bool
	canceled bool
	err      error
}

// operate runs an operation; its end comes back to the owner, who waits for all of them before it returns.
func (r *Runner) operate(s *service, do func() opEnd) {
	r.operations++
	go func() {
		end := do()
		r.opDone <- func() { r.operationEnded(s, end) }
	}()
}

func (r *Runner) operationEnded(s *service, end opEnd) {
	r.operations--
	switch {
	case end.canceled: // called off, or hookd ends
		s.doubt = s.doubtful()
		s.op = nil
	case end.unmet != "":
		s.op = nil
		r.unmetNow(s, end.unmet, end.again)
	case !end.op.start:
		r.stopEnded(s, end.err)
	case end.err != nil:
		s.op = nil
		r.startFailed(s, end.err)
	default:
		s.unmet, s.tries = "", 0
		r.startEnded(s)
	}
	r.keepService(s)
	r.attend(s)
	r.attendOthers(s)
}

// stopEnded: a stop that failed is tried again, as long as it is wanted; the state tells.
func (r *Runner) stopEnded(s *service, err error) {
	s.op, s.reason = nil, ""
	if err != nil {
		s.reason = "it cannot be stopped: " + err.Error()
		r.unheard(s, &operation{}, func() {})
		return
	}
	s.doubt = false
	if s.want != nil {
		s.want.renew = false
	}
	switch s.told.Phase {
	case Inactive:
	case Broken:
		s.told.Phase = Inactive // what was left of it is gone
	default:
		r.unheard(s, &operation{over: true}, func() {
			now := s.told
			now.Phase, now.Result = Inactive, "unknown"
			r.see(s, now)
		})
	}
}

// unheard waits for the state that an operation has led to. If the supervisor does not tell it, else decides.
func (r *Runner) unheard(s *service, op *operation, otherwise func()) {
	s.op = op
	r.agenda.at(r.now().Add(unheardTime), func() {
		if s.op == op {
			otherwise()
			r.endOf(s, op)
		}
	})
}

// startFailed: the supervisor has told how the service broke, or it never came that far.
func (r *Runner) startFailed(s *service, err error) {
	if s.want != nil {
		s.want.spent = true
	}
	if s.told.Phase == Broken && s.told.Reason != "" {
		return
	}
	now := s.told
	now.Reason = err.Error()
	if now.Phase != Broken {
		now = ServiceState{ID: s.id, Phase: Broken, Result: "start-failed", Reason: err.Error(), Since: r.now(), Unit: now.Unit, Invocation: now.Invocation}
	}
	r.see(s, now)
}

// startEnded: the service runs, or has ended again. If its state was not told yet we wait for it.
func (r *Runner) startEnded(s *service) {
	switch op := s.op; {
	case s.told.Phase.up():
		s.op = nil
	case s.told.Invocation != op.before && s.told.Invocation != "":
		s.op = nil
		r.spend(s)
	default:
		op.over = true
		r.unheard(s, op, func() { r.spend(s) })
	}
}

func (r *Runner) endOf(s *service, op *operation) {
	if s.op == op {
		s.op = nil
		r.attend(s)
	}
}

func (r *Runner) spend(s *service) {
	if s.want != nil {
		s.want.spent = true
	}
}

// unmetNow notes why a service cannot run now. Who asked by hand is told, and wants it no longer.
func (r *Runner) unmetNow(s *service, why string, again bool) {
	s.unmet, s.judged = why, r.now()
	if again && s.want != nil && !s.want.once {
		pause := min(firstRetry<<min(s.tries, 10), lastRetry)
		s.tries++
		r.agenda.at(r.now().Add(pause), func() { r.lookNow(s) })
	}
	if s.want != nil && s.want.once {
		s.want, s.unmet = s.want.before, ""
		s.reply(r.withoutState(s.hook, why))
		r.judge(s.id.Hook)
	}
	r.attend(s)
}

// lookAgain has the services that wait for conditions judged again: the state has changed. In a flood of changes that is
// done now and then.
func (r *Runner) lookAgain() {
	for _, s := range r.services {
		if s.unmet != "" && s.want != nil && !s.looking {
			s.looking, s.tries = true, 0
			r.agenda.at(s.judged.Add(lookPause), func() {
				s.looking = false
				r.lookNow(s)
			})
		}
	}
}

func (r *Runner) lookNow(s *service) {
	if s.unmet != "" {
		s.look = true
		r.attend(s)
	}
}

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
		if s := r.serviceOf(n.ID); s != nil {
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
	r.attendAll()
}

// serviceOf finds the service that a state is of. One that nobody remembers is taken over: as its hook says, or to be
// stopped when that is gone, for nobody else would.
func (r *Runner) serviceOf(id ServiceID) *service {
	if s := r.services[id]; s != nil {
		return s
	}
	h := r.set.Hook(id.Hook)
	if h == nil && !r.set.Has(id.Hook) && !r.supervised { // later it may be a unit of somebody else, that is not followed any more
		s := r.service(id, nil)
		s.ours, s.cause = true, "removed"
		return s
	}
	if h == nil || !h.Service {
		return nil
	}
	s := r.service(id, h)
	if s.ours = h.Unit == nil; s.ours && len(h.While) == 0 {
		s.want = &want{event: askedFor(nil, r.now()), why: "it was found running"}
	}
	return s
}

// see takes in the state of a service, and tells what has happened.
func (r *Runner) see(s *service, now ServiceState) {
	old := s.told
	fresh := !now.Phase.down() || now.Invocation != old.Invocation
	if now.Phase == Broken && now.Reason == "" && !anew(old, now) {
		now.Reason = old.Reason
	}
	chapters := story(old, now)
	s.told = now
	if now.Phase.up() {
		r.takeOver(s)
	} else if old.Phase.up() && s.op == nil && (!s.doubt || !s.ours) {
		r.spend(s)
	}
	halting := s.op != nil && !s.op.start
	if (halting || s.doubt && s.ours) && now.Phase.down() && old.Phase.up() {
		chapters = append([]chapter{{word: "stopping"}}, chapters...)
	}
	if s.op != nil && s.op.over && (fresh || halting && now.Phase.down()) {
		if now.Phase.down() && !halting {
			r.spend(s)
		}
		s.op = nil
	}
	s.owes = s.owes || len(chapters) > 0
	r.keepService(s)
	for _, c := range chapters {
		if c.word == "stopping" {
			c.restarting = c.restarting || s.want != nil && !s.want.spent
			c.cause = cmp.Or(c.cause, s.endCause())
		}
		r.tell(s, c)
	}
	r.attend(s)
	if now.Phase.down() {
		r.attendOthers(s)
	}
}

// takeOver: what runs is not spent. A unit is ours to stop when it came up after we had started it.
func (r *Runner) takeOver(s *service) {
	if s.want != nil {
		s.want.spent, s.want.once, s.want.before = false, false, nil
	}
	if s.hook != nil && s.hook.Unit != nil && !s.began.IsZero() && !s.told.Since.Before(s.began) {
		s.ours = true
	}
}

// tell lets an event about a service in.
func (r *Runner) tell(s *service, c chapter) { r.arrive(s.event(c, r.now()), false) }

// keepService notes what the next hookd has to know of a service, when it is something else than before.
func (r *Runner) keepService(s *service) {
	saved := s.save()
	if text := saved.text(); r.journal != nil && text != s.noted {
		s.noted = text
		r.note(Record{Kind: recordService, Service: saved})
	}
}
