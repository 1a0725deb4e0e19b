package runner

import (
	"container/heap"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// holdKey names what is held back: for a hook that settles a topic; for one that is limited a topic of an instance.
type holdKey struct {
	Hook     string       `json:"hook"`
	Instance events.Bytes `json:"instance,omitempty"`
	Topic    string       `json:"topic"`
	Limited  bool         `json:"limited,omitempty"`
}

// hold is what a hook has not heard of yet.
type hold struct {
	first, last events.Event
	due         time.Time // when it settles
	with        []string  // hooks that require a limited one, and come along
}

// hear takes a further event about the topic of a hold in; false when nothing is left to tell: the state is what it was
// before. A state that is told again and did not change goes on holding.
func (h hold) hear(e events.Event, now time.Time, settle time.Duration) (hold, bool) {
	before, _ := h.last.Phase()
	p, isState := e.Phase()
	held := isState && before.After == p.After
	h.last = e
	if !held {
		h.due = now.Add(settle)
	}
	_, changed := events.Net(h.first, h.last)
	return h, changed
}

// window are the times at which the last jobs of an instance were let in, oldest first.
type window []time.Time

// admit lets one more in if the rate allows it.
func (w window) admit(now time.Time, rate hookspec.Rate) (window, bool) {
	if rate.Count == 0 {
		return nil, true
	}
	for len(w) > 0 && !now.Before(w[0].Add(rate.Per)) {
		w = w[1:]
	}
	if len(w) >= rate.Count {
		return w, false
	}
	return append(w[:len(w):len(w)], now), true
}

// next is when the rate allows one more.
func (w window) next(rate hookspec.Rate) time.Time {
	if rate.Count == 0 || len(w) < rate.Count {
		return time.Time{}
	}
	return w[len(w)-rate.Count].Add(rate.Per)
}

// agenda is what the owner will do later.
type agenda struct {
	items []item
	count int
}

type item struct {
	at time.Time
	n  int // what was put in first comes first
	do func()
}

func (a *agenda) Len() int { return len(a.items) }
func (a *agenda) Less(i, j int) bool {
	x, y := a.items[i], a.items[j]
	return x.at.Before(y.at) || x.at.Equal(y.at) && x.n < y.n
}
func (a *agenda) Swap(i, j int) { a.items[i], a.items[j] = a.items[j], a.items[i] }
func (a *agenda) Push(x any)    { a.items = append(a.items, x.(item)) }
func (a *agenda) Pop() any {
	last := a.items[len(a.items)-1]
	a.items = a.items[:len(a.items)-1]
	return last
}

func (a *agenda) at(t time.Time, do func()) {
	a.count++
	heap.Push(a, item{t, a.count, do})
}

// timer sets a timer to the first item; nil, which never fires, without one.
func (a *agenda) timer(t *time.Timer, now time.Time) <-chan time.Time {
	if len(a.items) == 0 {
		return nil
	}
	t.Reset(max(0, a.items[0].at.Sub(now)))
	return t.C
}

// due takes what is due out.
func (a *agenda) due(now time.Time) []func() {
	var out []func()
	for len(a.items) > 0 && !a.items[0].at.After(now) {
		out = append(out, heap.Pop(a).(item).do)
	}
	return out
}
