package rtnl

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A dump of many routes is followed by the next one when it has cost no more than a twentieth of the time.
func TestPause(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	var p pause
	if p.holds(start) || p.over(start) {
		t.Error("the first dump has to wait")
	}
	p.ended(at(1), manyRoutes, time.Second)
	if p.holds(at(1)) || p.over(at(100)) {
		t.Error("a dump of few routes is followed by a pause")
	}
	p.ended(at(1), manyRoutes+1, time.Second)
	if p.over(at(30)) {
		t.Error("a dump comes that nobody asked for")
	}
	if !p.holds(at(2)) || !p.holds(at(19)) || p.over(at(19)) {
		t.Error("there is no pause of 19 seconds")
	}
	if !p.over(at(20)) || p.over(at(21)) {
		t.Error("the dump that waited does not come once after the pause")
	}
	p.ended(at(1), manyRoutes+1, time.Second)
	if p.holds(at(20)) {
		t.Error("a dump has to wait after the pause")
	}
}

// What asks for routes in a pause, or while the dump before it is under way, gets one dump, after it; a dump of everything
// does not wait, and it is that one, too.
func TestDumpsOfManyRoutes(t *testing.T) {
	s := New(nil)
	s.begun = true
	ask := func() { s.dumpRoutes(unix.AF_INET); s.pause() }
	dump := func(family int) { // takes its time, and is asked for again in it
		t.Helper()
		if len(s.dumps) == 0 || s.dumps[0].family != family {
			t.Fatalf("%v is to be dumped, want family %d", s.dumps, family)
		}
		s.sent, s.dumps[0].shown, s.dumps[0].began = true, manyRoutes+1, time.Now().Add(-time.Hour)
		s.dumpRoutes(family)
		s.dumped()
		s.pause()
	}
	idle := func(when string, waits bool) {
		t.Helper()
		if s.resync(); len(s.dumps) > 0 || s.patience() >= 0 != waits {
			t.Fatalf("%s: %v is dumped, patience %d", when, s.dumps, s.patience())
		}
	}
	idle("before", false)
	ask()
	dump(unix.AF_INET)
	idle("in the pause", true)
	ask()
	s.dumpRoutes(unix.AF_INET6)
	s.pause()
	dump(unix.AF_INET6)
	idle("in both pauses", true)
	s.pauses[unix.AF_INET].until = time.Now()
	s.resync()
	s.pause()
	dump(unix.AF_INET)
	idle("in the next pause", true)
	s.dumpAll()
	s.pause()
	if len(s.dumps) != len(s.everything()) || s.patience() != -1 {
		t.Errorf("a dump of everything: %v, patience %d", s.dumps, s.patience())
	}
}
