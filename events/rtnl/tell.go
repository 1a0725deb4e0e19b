package rtnl

import (
	"maps"
	"slices"
	"time"

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
			e.Source, e.Time = origin, now
			s.push(e)
		}
	}
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
}

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

func (s *Source) push(e events.Event) {
	s.mu.Lock()
	s.queue = append(s.queue, e)
	s.mu.Unlock()
}

// flush wakes the consumer.
func (s *Source) flush() {
	select {
	case s.filled <- struct{}{}:
	default:
	}
}
