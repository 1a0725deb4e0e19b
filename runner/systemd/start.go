package systemd

import (
	"context"
	"fmt"
	"time"

	"hookd/runner"
)

// Start starts a service. What happens is read off the unit's state alone, so nothing is waited for that a lost
// connection could take with it.
func (s *Supervisor) Start(ctx context.Context, spec runner.ServiceSpec) error {
	u, done := s.use(spec.ID, spec.Unit)
	defer done()
	a := &attempt{s: s, u: u, spec: spec, stops: s.stopsOf(u)}
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return a.run(ctx)
}

// use finds the unit of a service, or begins to watch it, and keeps it from being forgotten until done is called.
func (s *Supervisor) use(id runner.ServiceID, foreign string) (u *unit, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := foreign
	if foreign == "" {
		name = unitName(s.prefix, id)
	}
	path := pathOf(name)
	if u = s.units[path]; u == nil {
		u = newUnit(name)
		s.units[path] = u
	}
	if foreign == "" {
		u.id, u.ours = id, true
	} else if s.begun[id] != foreign {
		s.begun[id] = foreign
		s.ask(u)
	}
	u.users++
	return u, func() { s.release(u) }
}

func (s *Supervisor) release(u *unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.users--
	s.lose(u)
	s.forget(u)
}

func (s *Supervisor) stopsOf(u *unit) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return u.stops
}

// attempt is one Start.
type attempt struct {
	s         *Supervisor
	u         *unit
	spec      runner.ServiceSpec
	stops     int   // that had been asked for when it began
	submitted bool  // systemd was asked to start the unit, and has said yes
	resets    int   // tries to make systemd forget an earlier run
	last      *link // on which the state was read
	stale     bool  // something was asked of systemd after that
}

// step is what a Start does next.
type step int

const (
	wait   step = iota // for a change
	submit             // ask systemd to start the unit
	reset              // have systemd forget that it failed, or ended
	ready              // it runs
	failed
)

// next decides by the state of the unit.
func (a *attempt) next(v view, ours, stopping bool) step {
	switch {
	case v.exited() && ours:
		return a.ended(v)
	case v.up() || v.exited():
		if stopping || v.job != 0 && !a.submitted {
			return wait // for what its job makes of it
		}
		return ready
	case stopping || v.job != 0 || v.active == "activating" || v.active == "deactivating" || v.active == "maintenance":
		return wait
	case a.submitted:
		return a.outcome(v, ours)
	case v.active == "failed" || v.isLoaded() && ours:
		return reset
	}
	return submit
}

// ended is about one of ours whose process has ended well. If this Start has started it, it had been ready; else it goes.
func (a *attempt) ended(view) step {
	if a.submitted {
		return ready
	}
	return wait
}

// outcome is about a unit that was to run and does not. A unit of the administrator's may be done already.
func (a *attempt) outcome(v view, ours bool) step {
	if !ours && v.active == "inactive" && v.result == "success" && a.u.verdict == "done" && v.condition {
		return ready
	}
	return failed
}

func (a *attempt) run(ctx context.Context) error {
	for {
		l, err := a.s.current(ctx)
		over := false
		if err == nil {
			over, err = a.step(ctx, l)
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("start %s: %w", a.u.name, ctx.Err())
		case over || err != nil:
			return err
		}
	}
}

// step does what the state of the unit asks for, or waits for it to change. A lost connection is no error: the next one
// tells how far it has come.
func (a *attempt) step(ctx context.Context, l *link) (over bool, err error) {
	if l != a.last || a.stale {
		if err := a.s.refresh(ctx, l, a.u); err != nil && l.isLost() {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("start %s: %w", a.u.name, err)
		}
	}
	do, v, changed, err := a.decide()
	a.last, a.stale = l, do != wait
	switch {
	case err != nil || do == ready:
		return true, err
	case do == failed:
		return true, fmt.Errorf("%s does not run: %s", a.u.name, a.why(v))
	case do == submit:
		return false, a.submit(ctx, l)
	case do == reset:
		return false, a.reset(ctx, l, changed)
	}
	return false, waitFor(ctx, changed)
}

// decide takes the next step from the state as it is now. If that is to submit, no Stop looks at the unit before it is
// done. A Stop that was asked for later than this Start ends it.
func (a *attempt) decide() (step, view, <-chan struct{}, error) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	u := a.u
	if u.stops != a.stops {
		return failed, u.v, nil, fmt.Errorf("%s does not run: it was stopped before it was ready", u.name)
	}
	do := a.next(u.v, u.ours, u.stopping > 0)
	if do == submit {
		if err := a.refuse(u.v); err != nil {
			return failed, u.v, nil, err
		}
		u.submitting = true
	}
	return do, u.v, u.changed, nil
}

// refuse is about units that are not ours, and that can not be started.
func (a *attempt) refuse(v view) error {
	if a.spec.Unit == "" {
		return nil
	}
	switch v.load {
	case "loaded":
		return nil
	case "masked":
		return fmt.Errorf("start %s: the unit is masked", a.u.name)
	case "", "not-found":
		return fmt.Errorf("start %s: there is no such unit", a.u.name)
	}
	return fmt.Errorf("start %s: systemd can not read the unit (%s)", a.u.name, v.load)
}

// submit asks systemd to start the unit. That it exists already, or that the connection was lost, only means to look again.
func (a *attempt) submit(ctx context.Context, l *link) error {
	err := a.ask(ctx, l)
	a.s.mu.Lock()
	a.u.submitting = false
	a.u.shout()
	a.s.mu.Unlock()
	switch {
	case err == nil:
		a.submitted = true
	case ctx.Err() != nil:
		return ctx.Err()
	case l.isLost() || isError(err, "UnitExists"):
		return pause(ctx, firstPause)
	default:
		return fmt.Errorf("start %s: %w", a.u.name, err)
	}
	return nil
}

func (a *attempt) ask(ctx context.Context, l *link) error {
	if a.spec.Unit != "" {
		_, err := l.sd.StartUnitContext(ctx, a.u.name, "replace", nil)
		return err
	}
	set, err := properties(a.spec, l.unset)
	if err == nil {
		_, err = l.sd.StartTransientUnitContext(ctx, a.u.name, "replace", set, nil)
	}
	return err
}

// reset has systemd forget how the unit ended, and with that its start limit. Ours then go; one that another unit refers to
// may stay a while.
func (a *attempt) reset(ctx context.Context, l *link, changed <-chan struct{}) error {
	if a.resets++; a.resets > maxResets {
		return fmt.Errorf("start %s: systemd does not forget its earlier run", a.u.name)
	}
	err := l.sd.ResetFailedUnitContext(ctx, a.u.name)
	if err != nil && !isError(err, "NoSuchUnit") && !l.isLost() {
		return fmt.Errorf("reset %s: %w", a.u.name, err)
	}
	wait, cancel := context.WithTimeout(ctx, resetPause)
	defer cancel()
	_ = waitFor(wait, changed)
	return ctx.Err()
}

const (
	maxResets  = 100
	resetPause = 100 * time.Millisecond
)

func (a *attempt) why(v view) string {
	if v.active == "failed" || v.code != 0 {
		return v.failure()
	}
	switch a.s.verdictOf(a.u) {
	case "dependency":
		return "a unit that it depends on failed"
	case "canceled":
		return "its start was canceled"
	case "timeout":
		return "it was not ready in time"
	case "skipped", "done":
		return "a condition of the unit is not met"
	}
	return "it was stopped, or ended at once"
}

func (s *Supervisor) verdictOf(u *unit) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return u.verdict
}
