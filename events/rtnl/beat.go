package rtnl

import "time"

// beat is a sign of life.
type beat struct {
	every time.Duration
	f     func()
	due   time.Time
}

// Beat makes the reader call f at least that often while it reads, and not when it is stuck or has no socket: for whoever
// watches over it. The reader itself calls, so f must not wait for anything. To be called before Run, if at all; without it
// nothing wakes the reader up when nothing happens.
func (s *Source) Beat(every time.Duration, f func()) {
	s.beat = beat{every: every / 2, f: f} // waking up takes time, too
}

// now calls f when it is due.
func (b *beat) now(now time.Time) {
	if b.f == nil || now.Before(b.due) {
		return
	}
	b.f()
	b.due = now.Add(b.every)
}
