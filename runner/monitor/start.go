package monitor

import (
	"context"
	"errors"
	"os"
	"time"

	"hookd/runner"
)

// flight is a start under way: others that come meanwhile share its outcome.
type flight struct {
	done chan struct{}
	err  error
	left bool // who began it did not wait for the end
}

// board joins the start under way, or begins one.
func (s *Supervisor) board(key string) (f *flight, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[key]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	s.flights[key] = f
	return f, true
}

func (s *Supervisor) land(key string, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, key)
	close(f.done)
}

// Start implements runner.Supervisor.
func (s *Supervisor) Start(ctx context.Context, spec runner.ServiceSpec) error {
	set, err := hostSettings(spec)
	if err != nil {
		return err
	}
	set.Linger = s.linger
	k := key(spec.ID)
	for {
		f, first := s.board(k)
		if first {
			f.err = s.start(ctx, k, set)
			f.left = ctx.Err() != nil
			s.land(k, f)
			return f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !f.left {
			return f.err
		}
	}
}

// awaitFlight waits until no start is under way.
func (s *Supervisor) awaitFlight(ctx context.Context, key string) {
	s.mu.Lock()
	f := s.flights[key]
	s.mu.Unlock()
	if f == nil {
		return
	}
	select {
	case <-f.done:
	case <-ctx.Done():
	}
}

// startTries bounds how many monitors may end under our hands before we give up.
const startTries = 100

// start asks the monitor there is for the service, or starts one.
func (s *Supervisor) start(ctx context.Context, key string, set *settings) error {
	for range startTries {
		launched, err := s.ensure(ctx, key, set)
		if err != nil {
			return err
		}
		a, err := s.dir.ask(ctx, key, question{Ask: askStart, First: launched})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && (launched || !errors.Is(err, errLeft)):
			return err
		case err != nil:
			pause(ctx, busyPause)
		case a.Error != "":
			return errors.New(a.Error)
		case !a.Over:
			return nil
		default:
			s.makeRoom(ctx, key)
		}
	}
	return errLeft
}

// makeRoom takes a monitor away whose service is over.
func (s *Supervisor) makeRoom(ctx context.Context, key string) {
	leave, err := s.gate(ctx, key)
	if err != nil {
		return // ctx has ended
	}
	defer leave()
	s.bury(ctx, key)
}

// ensure starts a monitor where there is none, after whatever a dead one has left is gone.
func (s *Supervisor) ensure(ctx context.Context, key string, set *settings) (launched bool, err error) {
	leave, err := s.gate(ctx, key)
	if err != nil {
		return false, err
	}
	defer leave()
	lock, err := s.dir.take(key)
	if errors.Is(err, errHeld) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if lock, err = s.vacate(ctx, key, lock); err != nil {
		return false, err
	}
	defer lock.Close()
	if err := s.launch(key, lock, set); err != nil {
		removeGroup(s.groups.of(key))
		s.dir.drop(key)
		return false, err
	}
	s.want(key)
	return true, nil
}

// vacate gives a lock without a past in exchange for one that may have one.
func (s *Supervisor) vacate(ctx context.Context, key string, lock *os.File) (*os.File, error) {
	r, known := readRecord(lock)
	if !known {
		return lock, nil
	}
	defer lock.Close()
	if err := s.clear(ctx, key, r); err != nil {
		return nil, err
	}
	return s.dir.take(key)
}

// bury takes a monitor away whose service is over; false when it is not. Who calls holds the gate.
func (s *Supervisor) bury(ctx context.Context, key string) bool {
	ctx, cancel := context.WithTimeout(ctx, talkLimit)
	defer cancel()
	output, err := s.dir.ask(ctx, key, question{Ask: askOutput})
	if err != nil {
		return false
	}
	c, err := s.dir.put(ctx, key, question{Ask: askRelease})
	if err != nil {
		return false
	}
	defer c.close()
	if a, err := c.next(); err != nil || !a.Over {
		return false
	}
	c.end()
	s.keep(epitaph{key, []byte(output.Output)})
	lock, err := s.dir.take(key)
	if err != nil {
		return false
	}
	defer lock.Close()
	r, _ := readRecord(lock)
	return s.clear(ctx, key, r) == nil
}

// keep remembers the output of a service that is over.
func (s *Supervisor) keep(e epitaph) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.ended {
		if s.ended[i].key == e.key {
			s.ended = append(s.ended[:i], s.ended[i+1:]...)
			break
		}
	}
	s.ended = append(s.ended, e)
	if len(s.ended) > maxEnded {
		s.ended = s.ended[1:]
	}
}

// busyPause is between two looks for a monitor that somebody is starting right now.
const busyPause = 2 * time.Millisecond

// Stop implements runner.Supervisor.
func (s *Supervisor) Stop(ctx context.Context, id runner.ServiceID) error {
	k := key(id)
	for {
		a, err := s.dir.ask(ctx, k, question{Ask: askStop})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && a.Error != "":
			return errors.New(a.Error)
		case err == nil:
			return nil
		}
		if _, err := os.Lstat(s.dir.at(k, lockSuffix)); err != nil {
			return nil // there is none
		}
		if done, err := s.stopDead(ctx, k); done || err != nil {
			return err
		}
		pause(ctx, busyPause)
	}
}

// stopDead ends what a dead monitor has left behind; false when one lives or is being started.
func (s *Supervisor) stopDead(ctx context.Context, key string) (bool, error) {
	leave, err := s.gate(ctx, key)
	if err != nil {
		return false, err
	}
	defer leave()
	lock, err := s.dir.take(key)
	if errors.Is(err, errHeld) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	r, _ := readRecord(lock)
	return true, s.clear(ctx, key, r)
}

// Output implements runner.Supervisor. Of a service that is over it is known for a while.
func (s *Supervisor) Output(ctx context.Context, id runner.ServiceID) ([]byte, error) {
	k := key(id)
	a, err := s.dir.ask(ctx, k, question{Ask: askOutput})
	if err == nil {
		return []byte(a.Output), nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.ended {
		if e.key == k {
			return e.output, nil
		}
	}
	return nil, errors.New("nothing is known of what the service has written")
}
