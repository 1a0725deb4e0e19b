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
	sent := false
	for {
		l, err := s.current(ctx)
		if err == nil {
			err = s.refresh(ctx, l, u)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("stop %s: %w", u.name, ctx.Err())
		}
		if err != nil && l.isLost() {
			sent = false
			continue
		}
		if err != nil {
			return fmt.Errorf("stop %s: %w", u.name, err)
		}
		over, err := s.stopStep(ctx, l, u, &sent)
		if over || err != nil {
			return err
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

// stopStep does what the state of the unit asks for, or waits for it to change.
func (s *Supervisor) stopStep(ctx context.Context, l *link, u *unit, sent *bool) (over bool, err error) {
	s.mu.Lock()
	v, busy, changed := u.v, u.submitting, u.changed
	s.mu.Unlock()
	switch {
	case busy:
		err = waitFor(ctx, changed)
	case v.active == "failed" && v.job == 0 && u.ours:
		*sent = false
		err = l.sd.ResetFailedUnitContext(ctx, u.name)
	case (v.active == "inactive" || v.active == "failed") && v.job == 0:
		return true, nil
	case !*sent || v.up() && v.job == 0:
		*sent = true
		_, err = l.sd.StopUnitContext(ctx, u.name, "replace", nil)
	default:
		err = waitFor(ctx, changed)
	}
	if isError(err, "NoSuchUnit") || l.isLost() {
		*sent = *sent && !l.isLost()
		return false, ctx.Err()
	}
	if err != nil {
		return false, fmt.Errorf("stop %s: %w", u.name, err)
	}
	return false, nil
}
