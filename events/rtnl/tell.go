package rtnl

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
)

// tell makes events of the difference between what was told and what is true now, for what messages have touched.
func (s *Source) tell() {
	if s.hold {
		return
	}
	origin, now := s.origin, time.Now()
	emit := func(list []events.Event) {
		for _, e := range list {
			e.Source, e.Time = cmp.Or(e.Source, origin), now
			s.push(e)
		}
	}
	gone, come := s.settle()
	emit(gone)
	for _, index := range s.indexes() {
		v := s.table.view(index)
		emit(diffView(s.told[index].orMissing(), v))
		s.told[index] = v
		if !v.there {
			delete(s.told, index)
		}
		delete(s.touched, index)
	}
	w := s.table.world()
	emit(diffWorld(s.world, w))
	s.world = w
	emit(come)
}

// settle lists what is gone and what has come of the kinds that are asked for. The one is told before their interfaces, the
// other after them.
func (s *Source) settle() (gone, come []events.Event) {
	before := func(index int) string { return s.told[index].Name }
	if f := s.table.routes; f.ready(s.dumping(unix.RTM_GETROUTE)) {
		gone, come = f.settle(before, s.table.name)
	}
	if f := s.table.neighbors; f.ready(s.dumping(unix.RTM_GETNEIGH)) {
		g, c := f.settle(before, s.table.name)
		gone, come = append(gone, g...), append(come, c...)
	}
	return gone, come
}

// dumping says whether a dump of that kind is under way.
func (s *Source) dumping(request uint16) bool { return s.sent && s.dumps[0].request == request }

// indexes lists what was touched in the order in which it is to be told: what is gone first, so that its name is free;
// an interface with a new name after the one that had that name before.
func (s *Source) indexes() []int {
	waiting := slices.Sorted(maps.Keys(s.touched))
	if len(waiting) < 2 {
		return waiting
	}
	slices.SortStableFunc(waiting, func(a, b int) int { return s.living(a) - s.living(b) })
	holder := map[string]int{} // of a name that hooks know, among those that wait
	for _, index := range waiting {
		if v, known := s.told[index]; known {
			holder[v.Name] = index
		}
	}
	var out []int
	placed := map[int]bool{}
	var place func(index int)
	place = func(index int) {
		if placed[index] {
			return
		}
		placed[index] = true // also ends a circle of swapped names
		if other, held := holder[s.table.name(index)]; held {
			place(other)
		}
		out = append(out, index)
	}
	for _, index := range waiting {
		place(index)
	}
	return out
}

// living is 1 for an interface that is there, else 0.
func (s *Source) living(index int) int {
	if _, there := s.table.ifaces[index]; there {
		return 1
	}
	return 0
}

// push hands an event over and wakes the consumer.
func (s *Source) push(e events.Event) {
	s.mu.Lock()
	s.queue = append(s.queue, e)
	s.mu.Unlock()
	select {
	case s.filled <- struct{}{}:
	default:
	}
}
