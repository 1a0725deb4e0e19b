package hookspec

import (
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"hookd/events"
)

// Set is all loaded hooks at one moment. It never changes; a reload makes another one.
type Set struct {
	Hooks   []*Hook // by name
	Entries []Entry // every file under the hook directories, by name, then path
	Faults  Faults
	Cycles  []Fault // orderings that contradict each other; the edges of the hook last by name are ignored
	Written bool    // somebody has a file open for writing: what it will say is not known yet

	refused []*Hook         // hooks with faults, for doubts
	beside  map[string]bool // names that stand beside files that were read one by one

	byEvent map[string][]*Hook // hooks with an On= line for the event's name; user events under "user.*"
	byStop  map[string][]*Hook // hooks with a StopOn= line, likewise
	byKind  map[string][]*Hook // hooks with Settle= and an On= line for events of the kind
	cut     map[string]bool    // hooks whose own After=, Before= and Requires= order nothing because of a cycle
}

// AtOnce is the set without waiting: what settles or is limited runs at once. It is for trying hooks out.
func (s *Set) AtOnce() *Set {
	var hooks []*Hook
	for _, h := range s.Hooks {
		now := *h
		now.Settle, now.RateLimit = 0, Rate{}
		hooks = append(hooks, &now)
	}
	return NewSet(hooks)
}

// NewSet makes a set of hooks that were parsed one by one.
func NewSet(hooks []*Hook) *Set { return newSet(&loader{hooks: hooks}, nil) }

// newSet puts together what was loaded. A name that has faults now and was good in prev stays as it was there.
func newSet(l *loader, prev *Set) *Set {
	s := &Set{Entries: l.entries, Faults: l.faults, Written: l.written, refused: l.refused, beside: l.beside, byEvent: map[string][]*Hook{}, byStop: map[string][]*Hook{}, byKind: map[string][]*Hook{}, cut: map[string]bool{}}
	s.Hooks = append(l.hooks, s.keep(prev, l.hooks, l.unread)...)
	sort.Slice(s.Hooks, func(i, j int) bool { return s.Hooks[i].Name < s.Hooks[j].Name })
	sort.SliceStable(s.Entries, func(i, j int) bool {
		a, b := s.Entries[i], s.Entries[j]
		return a.Name < b.Name || a.Name == b.Name && a.Path < b.Path
	})
	for _, h := range s.Hooks {
		for _, name := range eventNames(h.StopOn) {
			s.byStop[name] = append(s.byStop[name], h)
		}
		for _, name := range eventNames(h.On) {
			s.byEvent[name] = append(s.byEvent[name], h)
			if k := events.Kind(name); h.Settle > 0 && !has(s.byKind[k], h.Name) {
				s.byKind[k] = append(s.byKind[k], h)
			}
		}
	}
	s.breakCycles()
	return s
}

// keep finds the hooks of prev whose files are refused now. Of a script only the declaration could be kept, not the body
// that it was made for; so a script is not kept.
func (s *Set) keep(prev *Set, loaded []*Hook, unread []string) []*Hook {
	kept := s.keepUnread(prev, loaded, unread)
	for i := range s.Entries {
		e := &s.Entries[i]
		h := prev.Hook(e.Name)
		switch {
		case h == nil || e.State != StateRefused || e.Policy || has(kept, e.Name) || has(loaded, e.Name):
		case h.Script:
			e.Reason += "; of a script no earlier version can be kept"
		default:
			kept = append(kept, h)
			e.State = StateKept
			e.Reason += "; the hook stays as it was read before"
		}
	}
	return kept
}

// keepUnread finds the hooks of prev whose directory could not be read now, unless another file has their name.
func (s *Set) keepUnread(prev *Set, loaded []*Hook, unread []string) []*Hook {
	var kept []*Hook
	if prev == nil {
		return nil
	}
	for _, h := range prev.Hooks {
		taken := slices.ContainsFunc(s.Entries, func(e Entry) bool { return e.Name == h.Name && !e.Policy && e.State != StateDropIn })
		if slices.Contains(unread, filepath.Dir(h.Path)) && !taken {
			kept = append(kept, h)
			s.Entries = append(s.Entries, Entry{Name: h.Name, Path: h.Path, State: StateKept, Reason: "its directory cannot be read; the hook stays as it was read before"})
		}
	}
	return kept
}

// Kept lists the hooks that are in force as they were read before.
func (s *Set) Kept() []string {
	names := []string{}
	for _, e := range s.Entries {
		if e.State == StateKept {
			names = append(names, e.Name)
		}
	}
	return names
}

// Hard counts the faults that are more than doubts, circles included.
func (s *Set) Hard() int { return s.Faults.Hard() + len(s.Cycles) }

func has(hooks []*Hook, name string) bool {
	return slices.ContainsFunc(hooks, func(h *Hook) bool { return h.Name == name })
}

// Hook finds a loaded hook by name, else nil. A nil set has none.
func (s *Set) Hook(name string) *Hook {
	if s == nil {
		return nil
	}
	i := sort.Search(len(s.Hooks), func(i int) bool { return s.Hooks[i].Name >= name })
	if i < len(s.Hooks) && s.Hooks[i].Name == name {
		return s.Hooks[i]
	}
	return nil
}

// Has says whether a file has the name of the hook, in force or not.
func (s *Set) Has(name string) bool {
	return s.Hook(name) != nil || slices.ContainsFunc(s.Entries, func(e Entry) bool { return e.Name == name && e.State == StateRefused })
}

// Names lists the loaded hooks.
func (s *Set) Names() []string {
	var names []string
	for _, h := range s.Hooks {
		names = append(names, h.Name)
	}
	return names
}

// eventNames lists the names in the table that some On= or StopOn= lines are for, each once.
func eventNames(lines []Trigger) []string {
	var names []string
	seen := map[string]bool{}
	for _, on := range lines {
		for _, spec := range on.Specs() {
			if !seen[spec.Name] {
				seen[spec.Name] = true
				names = append(names, spec.Name)
			}
		}
	}
	return names
}

// Settling are the hooks with Settle= that an event may concern: it, or what may follow on it, is one of their events.
func (s *Set) Settling(e events.Event) []*Hook {
	var out []*Hook
	for _, h := range s.byKind[events.Kind(e.Name)] {
		if slices.ContainsFunc(h.On, func(on Trigger) bool { return on.MayMean(e) }) {
			out = append(out, h)
		}
	}
	return out
}

// Asks says whether a hook has an On= or StopOn= line for events of the family.
func (s *Set) Asks(family string) bool {
	for _, lines := range []map[string][]*Hook{s.byEvent, s.byStop} {
		for name := range lines {
			if strings.HasPrefix(name, family+".") {
				return true
			}
		}
	}
	return false
}

// candidates are the hooks with an On= line for events of this name.
func (s *Set) candidates(e events.Event) []*Hook { return s.byEvent[tableName(e)] }

// tableName is the name under which the table has an event.
func tableName(e events.Event) string {
	if e.Family() == "user" {
		return "user.*"
	}
	return e.Name
}

// breakCycles looks for contradictions in the order of all hooks, for events that build up and for those that tear down.
// A cycle is broken at the hook of it that is last by name.
func (s *Set) breakCycles() {
	for _, teardown := range []bool{false, true} {
		for {
			cycle := findCycle(s.edges(s.Hooks, teardown))
			if cycle == nil {
				break
			}
			s.cutCycle(cycle)
		}
	}
}

func (s *Set) cutCycle(cycle []int) {
	var names []string
	var last *Hook
	for _, i := range cycle {
		h := s.Hooks[i]
		names = append(names, h.Name)
		if h.ordered() && !s.cut[h.Name] && (last == nil || h.Name > last.Name) {
			last = h // there is one: each edge of the circle was declared by one of its ends
		}
	}
	s.cut[last.Name] = true
	s.Cycles = append(s.Cycles, Fault{
		Place: last.orderPlace(), Hook: last.Name,
		Msg:  "the order is a circle: " + strings.Join(append(names, names[0]), " before "),
		Hint: "After=, Before= and Requires= of " + last.Name + " order nothing",
	})
}

// ordered says whether the hook itself declares an order.
func (h *Hook) ordered() bool { return len(h.After)+len(h.Before)+len(h.Requires) > 0 }

func (h *Hook) orderPlace() Place {
	for _, refs := range [][]Ref{h.After, h.Before, h.Requires} {
		if len(refs) > 0 {
			return refs[0].Place
		}
	}
	return Place{h.Path, 1, 1}
}
