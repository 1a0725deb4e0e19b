package systemd

import (
	"context"
	"fmt"

	"hookd/runner"
)

// Stop stops a service and waits for it to be gone. Of ours nothing is left; a unit of the administrator's stays as it is.
func (s *Supervisor) Stop(ctx context.Context, id runner.ServiceID) error {
	u, done := s.use(id, s.foreignUnit(id))
	defer done()
	s.beginStop(u)
	defer s.endStop(u)
	e := &ending{s: s, u: u}
	for {
		l, err := s.current(ctx)
		if err != nil {
			return fmt.Errorf("stop %s: %w", u.name, err)
		}
		over, err := e.step(ctx, l)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("stop %s: %w", u.name, ctx.Err())
		case l.isLost():
			e.stale = true // the next connection tells how far it has come
		case err != nil:
			return fmt.Errorf("stop %s: %w", u.name, err)
		case over:
			return nil
		}
	}
}

func (s *Supervisor) foreignUnit(id runner.ServiceID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, found := s.begun[id]; found {
		return name
	}
	return s.follow[id]
}

// beginStop makes Starts that wait fail, and those that come later wait.
func (s *Supervisor) beginStop(u *unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.stops++
	u.stopping++
	u.shout()
}

func (s *Supervisor) endStop(u *unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.stopping--
	s.note(u)
}

// ending is one Stop.
type ending struct {
	s     *Supervisor
	u     *unit
	last  *link // on which the state was read
	stale bool  // something was asked of systemd after that
	sent  bool  // on this connection systemd was asked to stop the unit
}

// step does what the state of the unit asks for, or waits for it to change.
func (e *ending) step(ctx context.Context, l *link) (over bool, err error) {
	if l != e.last || e.stale {
		e.sent = e.sent && l == e.last
		if err := e.s.refresh(ctx, l, e.u); err != nil {
			return false, err
		}
		e.last, e.stale = l, false
	}
	v, busy, changed := e.look()
	switch {
	case busy:
		e.stale = true
		return false, waitFor(ctx, changed)
	case v.active == "failed" && v.job == 0 && e.u.ours:
		e.stale = true
		err = l.sd.ResetFailedUnitContext(ctx, e.u.name)
	case v.down() && v.job == 0:
		return true, nil
	case !e.sent || v.up() && v.job == 0:
		e.sent, e.stale = true, true
		_, err = l.sd.StopUnitContext(ctx, e.u.name, "replace", nil)
	default:
		return false, waitFor(ctx, changed)
	}
	if isError(err, "NoSuchUnit") {
		err = nil // it has gone by itself
	}
	return false, err
}

func (e *ending) look() (v view, busy bool, changed <-chan struct{}) {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	return e.u.v, e.u.submitting, e.u.changed
}
