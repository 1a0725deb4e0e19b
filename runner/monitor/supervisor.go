// Package monitor supervises services where systemd does not run. Each service has a process of its own that watches over
// it, starts it again and outlives hookd (Serve); Supervisor is hookd's side, which finds these processes by their sockets.
package monitor

import (
	"context"
	"sync"
	"time"

	"hookd/runner"
)

// Supervisor implements runner.Supervisor. There should be one for a directory.
type Supervisor struct {
	dir    *directory
	shim   func() (string, error)
	groups groups
	linger time.Duration

	mu      sync.Mutex
	gates   map[string]*gate   // by key
	flights map[string]*flight // by key: starts under way
	changed map[string]news    // by key: what Run has not told yet
	watched map[string]bool    // by key: it has a watcher in Run
	wanted  map[string]bool    // by key: it should have one
	wake    chan struct{}      // one that waits says all
	ended   []epitaph          // the last one is the newest
}

// epitaph is the output of a service that is over.
type epitaph struct {
	key    string
	output []byte
}

// linger is how long a monitor waits for a hookd to hear how its service ended.
const linger = 10 * time.Minute

// maxEnded bounds of how many services that are over the output is kept.
const maxEnded = 32

// New makes a supervisor that keeps its monitors' sockets in dir, which it makes if need be. Shim finds the program that
// monitors are started from, which whoever calls trusts, or says why there is none; those that run are found all the same.
func New(dir string, shim func() (string, error)) (*Supervisor, error) {
	d, err := openDirectory(dir)
	if err != nil {
		return nil, err
	}
	return &Supervisor{dir: d, shim: shim, groups: newGroups(dir), linger: linger, gates: map[string]*gate{}, flights: map[string]*flight{},
		changed: map[string]news{}, watched: map[string]bool{}, wanted: map[string]bool{}, wake: make(chan struct{}, 1)}, nil
}

// Close gives the directory back. Services go on.
func (s *Supervisor) Close() { s.dir.file.Close() }

// Describe says how services are kept.
func (s *Supervisor) Describe() string {
	if _, err := s.shim(); err != nil {
		return "monitor, which can start nothing: " + err.Error()
	}
	if s.groups == "" {
		return "monitor, one process for each service, as a subreaper"
	}
	return "monitor, one process for each service, in control groups below " + string(s.groups)
}

// Follow does nothing: there are no units.
func (s *Supervisor) Follow(map[runner.ServiceID]string) {}

// gate lets one at a time start, clear or release a service. It goes with the last who is there.
type gate struct {
	free  chan struct{}
	users int
}

// gate waits until nobody else is at work on a service, and returns how to let the next one in.
func (s *Supervisor) gate(ctx context.Context, key string) (leave func(), err error) {
	s.mu.Lock()
	g := s.gates[key]
	if g == nil {
		g = &gate{free: make(chan struct{}, 1)}
		s.gates[key] = g
	}
	g.users++
	s.mu.Unlock()
	select {
	case g.free <- struct{}{}:
		return func() { <-g.free; s.leave(key, g) }, nil
	case <-ctx.Done():
		s.leave(key, g)
		return nil, context.Cause(ctx)
	}
}

func (s *Supervisor) leave(key string, g *gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.users--; g.users == 0 {
		delete(s.gates, key)
	}
}
