// Package networkd makes the events that networkd-dispatcher's scripts are for: networkd.STATE, for each state of an
// interface that it enters, operational or administrative.
//
// Operational states are the kernel's; this source is told of them as interface.state (package rtnl) and so needs no
// systemd-networkd. Administrative states are what systemd-networkd keeps in /run/systemd/netif/links: a change there is a
// hint, upon which all files are read. Nobody on the bus is listened to, so whoever owns a name there changes nothing
// (failures: S3), and states that are in no list are no events (S1).
package networkd

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hookd/events"
	"hookd/events/paths"
)

// fileWait is how long a new interface waits for systemd-networkd's first word about it.
const fileWait = time.Second

// Options of New. The zero value of each means that there is no such thing.
type Options struct {
	Dir        string // of systemd-networkd's files: /run/systemd/netif
	Networkctl string // the program
	Told       string // a file that says to the next hookd of this boot what was told
}

// Source is systemd-networkd and the kernel as networkd-dispatcher saw them. Hear, Want and Hint may be called by anybody
// and never wait; Run is called once.
type Source struct {
	Options
	wake chan struct{} // holds one wake-up; another one would say the same

	mu    sync.Mutex
	heard []events.Event          // unbounded, as the queue of the kernel's events is
	asked func(event string) bool // whether somebody hears of it; nil while nobody hears of any

	// Owned by the goroutine of Run:
	live    bool
	links   map[int]*link
	pending []*link // with something to tell, in the order in which it came
	files   files
	status  status
	saved   string // what the file Told holds
}

// New makes a source. Saved is what an earlier hookd of this boot has told of the kernel, as for rtnl.New: then only what has
// changed since is told. Without any (nil) the state that is there is told.
func New(saved []events.Event, o Options) *Source {
	s := &Source{Options: o, wake: make(chan struct{}, 1), links: map[int]*link{}, files: files{dir: o.Dir}, status: status{program: o.Networkctl}}
	s.live = saved == nil
	for _, e := range saved {
		s.follow(e, false)
	}
	if saved != nil {
		s.restore()
	}
	return s
}

// Hear takes an event of the kernel.
func (s *Source) Hear(e events.Event) {
	if e.Name != "interface.state" && e.Name != "link.renamed" {
		return
	}
	s.mu.Lock()
	s.heard = append(s.heard, e)
	s.mu.Unlock()
	s.Hint()
}

// Want says which events somebody hears of; nil when nobody hears of any. With the begin of wanting nothing is told but
// what changes from then on.
func (s *Source) Want(asked func(event string) bool) {
	s.mu.Lock()
	s.asked = asked
	s.mu.Unlock()
	s.Hint()
}

// Hint says that the files of systemd-networkd may have changed.
func (s *Source) Hint() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run gives events to submit, which may wait, until ctx ends or it fails.
func (s *Source) Run(ctx context.Context, submit func(events.Event) error) {
	var files watch
	defer files.set(ctx, "", nil)
	for s.wait(ctx) {
		said, asked := s.look(time.Now())
		for some := range slices.Chunk(said, askMany) { // what is known is told before more is asked
			for _, e := range s.events(ctx, some, asked, time.Now()) {
				if submit(e) != nil {
					return
				}
			}
		}
		if s.live && s.Dir != "" {
			files.set(ctx, filepath.Join(s.Dir, "links"), s.Hint)
		} else {
			files.set(ctx, "", nil)
		}
	}
}

// wait returns true when it is time to look, and false at the end of ctx.
func (s *Source) wait(ctx context.Context) bool {
	var later <-chan time.Time
	if len(s.pending) > 0 {
		later = time.After(fileWait / 10)
	}
	select {
	case <-s.wake:
		return true
	case <-later:
		return true
	case <-ctx.Done():
		return false
	}
}

// watch is the goroutine that watches files, while there is one.
type watch struct {
	sync.WaitGroup
	stop context.CancelFunc // nil while there is none
}

// set watches a directory from now on, or none when it has no name. The first hint comes at once.
func (w *watch) set(ctx context.Context, dir string, hint func()) {
	switch {
	case dir == "" && w.stop != nil:
		w.stop()
		w.Wait()
		w.stop = nil
	case dir != "" && w.stop == nil:
		ctx, w.stop = context.WithCancel(ctx)
		w.Go(func() { paths.Hints(ctx, dir, hint) })
	}
}

// look takes in what was heard and lists what is to be told.
func (s *Source) look(now time.Time) (all []said, asked func(string) bool) {
	s.mu.Lock()
	heard := s.heard
	asked = s.asked
	s.heard = nil
	s.mu.Unlock()
	begins := asked != nil && !s.live
	s.live = asked != nil
	for _, e := range heard {
		s.follow(e, s.live && !begins)
	}
	if !s.live {
		s.pending = nil
		s.forget()
		return nil, nil
	}
	admin := s.files.read()
	if begins {
		s.quiet(admin)
	}
	all = s.tell(admin, now)
	s.save()
	return all, asked
}

// quiet takes the administrative states as told.
func (s *Source) quiet(admin map[int]string) {
	for index, l := range s.links {
		if l.admin == "" {
			l.admin = admin[index]
		}
	}
}
