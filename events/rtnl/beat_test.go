package rtnl

import (
	"sync/atomic"
	"testing"
	"time"

	"hookd/internal/nstest"
)

func TestBeat(t *testing.T) {
	start, beats := time.Unix(1000, 0), 0
	s := New(nil)
	s.beat.now(start) // nobody asked for it
	if s.patience() != -1 {
		t.Errorf("without a beat the reader wakes up after %d ms", s.patience())
	}
	s.Beat(10*time.Second, func() { beats++ })
	for _, test := range []struct{ at, want int }{{0, 1}, {1, 1}, {4, 1}, {5, 2}, {9, 2}, {30, 3}, {34, 3}, {35, 4}} {
		if s.beat.now(start.Add(time.Duration(test.at) * time.Second)); beats != test.want {
			t.Errorf("%d s: %d beats, want %d", test.at, beats, test.want)
		}
	}
	s.beat.due = time.Now().Add(time.Minute)
	if p := s.patience(); p < 1 || p > 60_001 {
		t.Errorf("with a beat in a minute the reader wakes up after %d ms", p)
	}
}

// R3: a reader beats while it reads, whether there is much to read or nothing, and not when it is stuck.
func TestNetnsR3Beat(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	var beats atomic.Int64
	var stuck atomic.Bool
	freed := make(chan struct{})
	held := make(chan struct{}, 1)
	source := New(nil)
	source.Beat(2*time.Millisecond, func() { beats.Add(1) })
	source.stall = func() {
		if stuck.Load() {
			held <- struct{}{}
			<-freed
		}
	}
	k := listenTo(t, source)
	more := func() { // wakes up by itself, again and again
		t.Helper()
		from := beats.Load()
		eventually(t, "three beats more", func() bool { return beats.Load() >= from+3 })
	}
	more()
	k.mark()
	more()
	stuck.Store(true)
	<-held
	at := beats.Load()
	for range 20 { // as long as these take there would be beats
		k.ip("link set dev lo mtu 1500")
		k.ip("link set dev lo mtu 1501")
	}
	if n := beats.Load() - at; n != 0 {
		t.Errorf("%d beats of a reader that is stuck", n)
	}
	stuck.Store(false)
	close(freed)
	more()
	k.mark()
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
