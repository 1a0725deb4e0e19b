package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// What is asked of the supervisor, and what comes of it.

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
	s.want.renew = false // it is, whoever has stopped it
	ctx, cancel := context.WithCancel(r.ops)
	s.op, s.began = &operation{start: true, cancel: cancel, before: s.told.Invocation}, r.now()
	s.begun = true
	r.keepService(s)
	r.write()
	spec := specOf(s.id, job, s.want.event, s.want.run)
	op := s.op
	r.operate(s, func() opEnd {
		defer cancel()
		judging, stop := context.WithTimeout(ctx, judgeLimit)
		defer stop()
		if fact := hookspec.Judge(judging, job.Conditions, job.Params, r.facts); !fact.True && ctx.Err() == nil {
			return opEnd{op: op, unmet: fact.Why}
		}
		if err := r.resolve(ctx, &spec); err != nil || ctx.Err() != nil {
			return opEnd{op: op, err: err, early: true, canceled: ctx.Err() != nil}
		}
		err := r.supervisor.Start(ctx, spec)
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

// resolve follows the links of the program, if it may be trusted. A file system may not answer: then nobody waits for it
// longer than for conditions.
func (r *Runner) resolve(ctx context.Context, spec *ServiceSpec) error {
	if spec.Unit != "" {
		return nil
	}
	program := spec.Args[0]
	select {
	case r.paths <- struct{}{}:
	default:
		return fmt.Errorf("cannot run %s: too many programs were looked for that lie where nothing answers", program)
	}
	ctx, cancel := context.WithTimeout(ctx, judgeLimit)
	defer cancel()
	found := make(chan error, 1)
	go func() { // it ends when the file system answers
		defer func() { <-r.paths }()
		path, err := r.trust.Resolve(program)
		if err == nil {
			program = path
		}
		found <- err
	}()
	select {
	case err := <-found:
		if err != nil {
			return fmt.Errorf("cannot run %s: %w", spec.Args[0], err)
		}
		spec.Args[0] = program
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot run %s: the file system does not answer", spec.Args[0])
	}
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
	canceled bool
	early    bool // it never came to the supervisor
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
	s.begun = s.begun && end.canceled
	switch {
	case end.canceled: // called off, or hookd ends
		s.doubt = s.doubtful()
		s.op = nil
	case end.unmet != "":
		s.op = nil
		r.unmetNow(s, end.unmet, true)
	case !end.op.start:
		r.stopEnded(s, end.err)
	case end.err != nil:
		r.startFailed(s, end)
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
		r.unheard(s, &operation{}, unheardTime, func() {})
		return
	}
	s.doubt, s.begun = false, false
	if s.want != nil {
		s.want.renew = false
	}
	switch s.told.Phase {
	case Inactive:
	case Broken:
		s.told.Phase = Inactive // what was left of it is gone
	default:
		r.unheard(s, &operation{over: true}, unheardTime, func() {
			now := s.told
			now.Phase, now.Result = Inactive, "unknown"
			r.see(s, now)
		})
	}
}

// unheard waits for the state that an operation has led to. If the supervisor does not tell it, else decides.
func (r *Runner) unheard(s *service, op *operation, limit time.Duration, otherwise func()) {
	s.op = op
	r.agenda.at(r.now().Add(limit), func() {
		if s.op == op {
			otherwise()
			r.endOf(s, op)
		}
	})
}

// startFailed: the supervisor tells how the service broke, or that it tries again by itself; or it never came that far.
func (r *Runner) startFailed(s *service, end opEnd) {
	op, heard := s.op, s.told.Invocation != s.op.before
	op.failed = end.err.Error()
	switch {
	case end.early, heard && s.told.Phase.down():
		s.op = nil
		r.startBroken(s, op.failed)
	case s.told.Phase == Restarting:
		r.failureHeard(s, s.told)
	case s.told.Phase.down():
		r.unheard(s, op, failedTime, func() { r.startBroken(s, op.failed) })
	default:
		r.unheard(s, op, unheardTime, func() { r.startBroken(s, op.failed) })
	}
}

// failureHeard takes in what has become of a start that failed, as soon as that is told.
func (r *Runner) failureHeard(s *service, now ServiceState) {
	switch op := s.op; {
	case now.Phase == Broken, now.Phase.down() && now.Invocation != op.before:
		s.op = nil
		r.spend(s)
	case now.Phase == Restarting, now.Phase == Starting && now.Restarts > s.told.Restarts:
		s.op = nil
		s.reply(op.failed)
	case now.Phase == Running:
		s.op = nil
	}
}

// startBroken: the supervisor has told how the service broke, or we do.
func (r *Runner) startBroken(s *service, why string) {
	r.spend(s)
	if s.told.Phase == Broken && s.told.Reason != "" {
		return
	}
	now := s.told
	now.Reason = why
	if now.Phase != Broken {
		now = ServiceState{ID: s.id, Phase: Broken, Result: startNotTold, Reason: why, Since: r.now(), Unit: now.Unit, Invocation: now.Invocation}
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
		r.unheard(s, op, unheardTime, func() { r.spend(s) })
	}
}

func (r *Runner) endOf(s *service, op *operation) {
	if s.op == op {
		s.op = nil
		r.attend(s)
		r.attendOthers(s)
	}
}

func (r *Runner) spend(s *service) {
	if s.want != nil {
		s.want.spent = true
	}
}

// spendUnlessLost spends a want, unless nobody can tell how the service ended although its hook says that it is started again:
// then who was to do that is gone, a monitor that was killed, and we do it, as RateLimit= allows.
func (r *Runner) spendUnlessLost(s *service, now ServiceState) {
	lost := now.Phase == Broken && now.Result == "unknown" && s.want != nil && s.hook != nil && s.hook.Restarts()
	if !lost || !r.admit(instance{s.id.Hook, s.id.Instance}, s.hook.RateLimit) {
		r.spend(s)
	}
}
