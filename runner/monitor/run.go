package monitor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hookd/runner"
)

// news is a state that Run has to tell. told is closed when it was, or when a later one has taken its place.
type news struct {
	state state
	told  chan struct{}
}

// firstPatience bounds how long Run waits for the monitors it finds before it tells of all there are.
const firstPatience = 5 * time.Second

// Run implements runner.Supervisor. It may run once at a time.
func (s *Supervisor) Run(ctx context.Context, tell func(states []runner.ServiceState, whole bool)) {
	var watchers sync.WaitGroup
	defer watchers.Wait()
	s.mu.Lock()
	s.changed, s.wanted = map[string]news{}, map[string]bool{} // what an earlier Run did not tell is found again
	s.mu.Unlock()
	s.awaitFirst(ctx, &watchers)
	for whole := true; ; whole = false {
		s.tell(tell, whole)
		for idle := true; idle; {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
			}
			s.watchAll(ctx, &watchers)
			s.mu.Lock()
			idle = len(s.changed) == 0
			s.mu.Unlock()
		}
	}
}

// awaitFirst has watchers look for all there are, and waits until each knows something.
func (s *Supervisor) awaitFirst(ctx context.Context, watchers *sync.WaitGroup) {
	for _, k := range s.dir.keys() {
		s.want(k)
	}
	limit := time.NewTimer(firstPatience)
	defer limit.Stop()
	for _, known := range s.watchAll(ctx, watchers) {
		select {
		case <-known:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// tell tells what has changed.
func (s *Supervisor) tell(tell func(states []runner.ServiceState, whole bool), whole bool) {
	s.mu.Lock()
	changed := s.changed
	s.changed = map[string]news{}
	s.mu.Unlock()
	var states []runner.ServiceState
	for _, n := range changed {
		states = append(states, n.state.service())
	}
	slices.SortFunc(states, func(a, b runner.ServiceState) int { return a.Since.Compare(b.Since) })
	tell(states, whole)
	for _, n := range changed {
		close(n.told)
	}
}

// want asks Run for a watcher of a service.
func (s *Supervisor) want(key string) {
	s.mu.Lock()
	s.wanted[key] = true
	s.mu.Unlock()
	s.rouse()
}

func (s *Supervisor) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // one waits
	}
}

// watchAll starts the watchers that are missing. Each closes its channel when it knows something.
func (s *Supervisor) watchAll(ctx context.Context, watchers *sync.WaitGroup) []chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	var known []chan struct{}
	for k := range s.wanted {
		if s.watched[k] {
			continue // it looks again when it is done
		}
		delete(s.wanted, k)
		s.watched[k] = true
		w := &watcher{Supervisor: s, key: k, known: make(chan struct{})}
		known = append(known, w.known)
		watchers.Go(func() { w.run(ctx) })
	}
	return known
}

// watcher follows one service to its end.
type watcher struct {
	*Supervisor
	key   string
	known chan struct{} // closed when it knows something
	once  sync.Once
	last  string // state that was noted, as JSON
}

func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		if over := w.listen(ctx); w.settle(ctx, over) {
			break
		}
	}
	w.once.Do(func() { close(w.known) })
	w.mu.Lock()
	delete(w.watched, w.key)
	w.mu.Unlock()
	w.rouse()
}

// note has Run tell a state, in place of an earlier one that it has not told yet.
func (w *watcher) note(now state) (told chan struct{}) {
	w.mu.Lock()
	told = make(chan struct{})
	if old, waits := w.changed[w.key]; waits {
		close(old.told)
	}
	w.changed[w.key] = news{now, told}
	w.mu.Unlock()
	w.rouse()
	w.once.Do(func() { close(w.known) })
	return told
}

// listen passes on what the monitor says. It returns whether its service is over and Run has told that.
func (w *watcher) listen(ctx context.Context) bool {
	c, err := w.dir.put(ctx, w.key, question{Ask: askWatch})
	if err != nil {
		return false
	}
	defer c.close()
	for {
		a, err := c.next()
		if err != nil || a.State == nil {
			return false
		}
		text := string(line(a.State))
		if text == w.last {
			if a.State.Over { // it was told, and its monitor is still there
				return true
			}
			continue
		}
		told := w.note(*a.State)
		if a.State.Over && !wait(ctx, told) {
			return false
		}
		w.last = text
		if a.State.Over {
			return true
		}
	}
}

func wait(ctx context.Context, told chan struct{}) bool {
	select {
	case <-told:
		return true
	case <-ctx.Done():
		return false
	}
}

// settle goes on when a monitor has no more to say: it is over, dead, or another one is in its place by now. It returns true
// when there is none.
func (w *watcher) settle(ctx context.Context, over bool) bool {
	if over {
		w.awaitFlight(ctx, w.key) // who starts the service still has to hear how that ended
	}
	leave, err := w.gate(ctx, w.key)
	if err != nil {
		return true
	}
	defer leave()
	if over && w.bury(ctx, w.key) {
		return true
	}
	lock, err := w.dir.take(w.key)
	switch {
	case errors.Is(err, errHeld):
		pause(ctx, busyPause)
		return false
	case err != nil:
		return true
	}
	defer lock.Close()
	r, known := readRecord(lock)
	if !known || r.Told || r.Invocation == "" { // hookd knows, or was killed before anything began
		return w.clear(ctx, w.key, r) == nil
	}
	return w.mourn(ctx, r)
}

// mourn tells of a service whose monitor was killed, and ends what is left of it.
func (w *watcher) mourn(ctx context.Context, r record) bool {
	now := state{Hook: r.Hook, Instance: r.Instance, Over: true}
	now.Phase, now.Result, now.Since, now.Invocation = runner.Stopping, unknown, time.Now(), r.Invocation
	now.Reason = "its monitor process was killed, so what was left of it is ended"
	if len(r.orphans()) > 0 {
		w.note(now)
	}
	if err := w.clear(ctx, w.key, r); err != nil {
		now.Reason = err.Error()
		w.note(now)
		return false
	}
	now.Phase, now.Since = runner.Broken, time.Now()
	if r.Last != nil {
		now = *r.Last
	}
	w.note(now)
	return true
}
