package systemd

import (
	"context"
	"fmt"
	"time"
)

// refresh reads the state of a unit, so that it is at least as new as whatever we asked of systemd before.
func (s *Supervisor) refresh(ctx context.Context, l *link, u *unit) error {
	r, err := l.read(ctx, pathOf(u.name), s.known(pathOf(u.name)))
	if err != nil {
		return err
	}
	changed, err := s.refreshed(l, u, r)
	if changed != nil {
		err = waitFor(ctx, changed)
	}
	return err
}

// refreshed takes in what was read. If the unit has gone, and how it ended is still to be heard, there is that to wait for.
func (s *Supervisor) refreshed(l *link, u *unit, r reading) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return nil, fmt.Errorf("read the state of %s: the connection to systemd was lost", u.name)
	}
	if !s.took(pathOf(u.name), u.name, r) {
		return u.changed, nil
	}
	return nil, nil
}

func waitFor(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
		return nil
	}
}

func pause(ctx context.Context, d time.Duration) error {
	sleep(ctx, d)
	return ctx.Err()
}
