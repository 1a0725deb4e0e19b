// Package systemd runs services as transient units of systemd, and watches them and other units. It speaks to PID 1 over
// its private socket, so no message bus is needed; it asks nothing while nothing happens.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"hookd/runner"
)

// Supervisor is a runner.Supervisor over systemd. Start, Stop and Active wait for a connection, which Run makes.
type Supervisor struct {
	prefix  string // of the names of our units
	version string
	dial    func() (net.Conn, error)
	mine    string        // how the paths of our units begin
	wake    chan struct{} // capacity 1: there is something to tell
	look    chan struct{} // capacity 1: there is something to read, or to clean up

	mu     sync.Mutex
	link   *link                       // nil while there is none
	linked chan struct{}               // closed when link is set, or Run goes on to the next one
	units  map[dbus.ObjectPath]*unit   // that are watched
	unread map[dbus.ObjectPath]string  // their state must be read; with a name where it is known
	follow map[runner.ServiceID]string // units that Follow has named
	begun  map[runner.ServiceID]string // and those that Start has met, with Unit=, and that are not down
	news   map[runner.ServiceID]runner.ServiceState
	whole  bool // news is all there is
}

// New connects to systemd and says in the error why it can not be used: it does not run here, or we are not root. Names of
// units begin with prefix.
func New(prefix string) (*Supervisor, error) {
	s := newSupervisor(prefix, func() (net.Conn, error) { return net.DialTimeout("unix", socket, dialTimeout) })
	l, err := connect(s.dial)
	if err != nil {
		return nil, unusable(err)
	}
	defer l.close()
	version, err := l.sd.GetManagerProperty("Version")
	s.version = strings.Trim(version, `"`)
	return s, err
}

const dialTimeout = 10 * time.Second

func newSupervisor(prefix string, dial func() (net.Conn, error)) *Supervisor {
	return &Supervisor{
		prefix: prefix, mine: string(pathOf(prefix)), dial: dial,
		wake: make(chan struct{}, 1), look: make(chan struct{}, 1), linked: make(chan struct{}),
		units: map[dbus.ObjectPath]*unit{}, unread: map[dbus.ObjectPath]string{}, follow: map[runner.ServiceID]string{}, begun: map[runner.ServiceID]string{},
		news: map[runner.ServiceID]runner.ServiceState{},
	}
}

func unusable(err error) error {
	switch {
	case os.Geteuid() != 0:
		return fmt.Errorf("only root may start units of systemd: %w", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("systemd does not run here: %w", err)
	}
	return fmt.Errorf("connect to systemd: %w", err)
}

// Describe says which supervisor it is.
func (s *Supervisor) Describe() string { return "systemd " + s.version }

// Run connects, tells all there is, then what changes, and connects again when systemd has gone (daemon-reexec).
func (s *Supervisor) Run(ctx context.Context, tell func(states []runner.ServiceState, whole bool)) {
	ctx, cancel := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { s.tellAll(ctx, tell) })
	for pause := time.Duration(0); ctx.Err() == nil; pause = min(2*pause+firstPause, lastPause) {
		sleep(ctx, pause)
		if s.session(ctx) {
			pause = 0
		}
	}
	cancel()
	told.Wait()
}

const (
	firstPause = 10 * time.Millisecond
	lastPause  = 50 * time.Millisecond
)

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// session is one connection, from its beginning to its end; it says whether there was one.
func (s *Supervisor) session(ctx context.Context) bool {
	l, err := connect(s.dial)
	if err != nil {
		return false
	}
	defer l.close()
	if err := s.find(ctx, l); err != nil {
		return false
	}
	s.setLink(l) // whoever waits need not wait for the state of all
	defer s.setLink(nil)
	s.readUnread(ctx, l)
	if !l.isLost() {
		s.tellWhole()
		s.listen(ctx, l)
	}
	return true
}

func (s *Supervisor) setLink(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link = l; l != nil {
		close(s.linked)
		s.linked = make(chan struct{})
		for _, u := range s.units {
			u.shout()
		}
	}
}

// current waits for a connection.
func (s *Supervisor) current(ctx context.Context) (*link, error) {
	for {
		s.mu.Lock()
		l, wait := s.link, s.linked
		s.mu.Unlock()
		if l != nil && !l.isLost() {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("there is no connection to systemd: %w", ctx.Err())
		case <-wait:
		}
	}
}

// tellAll hands on what is new, one call at a time. While a call blocks, later states of a service take the place of
// earlier ones in s.news, so what waits is bounded by the number of services.
func (s *Supervisor) tellAll(ctx context.Context, tell func([]runner.ServiceState, bool)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		if states, whole := s.takeNews(); whole || len(states) > 0 {
			tell(states, whole)
		}
	}
}

func (s *Supervisor) takeNews() (states []runner.ServiceState, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range s.news {
		states = append(states, state)
	}
	whole = s.whole
	clear(s.news)
	s.whole = false
	return states, whole
}

// wakeUp never blocks: one waiting signal is as good as two.
func wakeUp(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
