package events

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Told is the state of the world as events have told it: of each topic the last event, as long as something is there.
// Only what sources saw counts, not what somebody emits. Whoever owns it may use it in one goroutine.
type Told struct {
	topics map[string]Event
	links  map[string]Event // the last event of the topic "link", by index
}

// NewTold is a world of which nothing was told.
func NewTold() *Told { return &Told{map[string]Event{}, map[string]Event{}} }

// Real says whether a source saw the event happen.
func (e Event) Real() bool {
	return e.Source == SourceKernel || e.Source == SourceStart || e.Source == SourceResync || e.Source == SourceService
}

// Put takes an event in, and says whether it told of a state.
func (t *Told) Put(e Event) bool {
	p, ok := e.Phase()
	if !ok || !e.Real() {
		return false
	}
	if p.After == gone {
		delete(t.topics, p.Topic)
	} else {
		t.topics[p.Topic] = e
	}
	if old, renamed := e.Get("old-interface"); renamed && e.Name == "link.renamed" {
		t.rename(old, e.Subject)
	}
	if id, isLink := strings.CutPrefix(p.Topic, "link "); isLink {
		delete(t.links, id)
		if p.After != gone {
			t.links[id] = e
		}
	}
	return true
}

// rename gives routes, which go by the name of their interface, the new one.
func (t *Told) rename(old, now string) {
	for topic, e := range t.topics {
		if name, _ := e.Get("interface"); name == old && e.place() > 0 && e.Family() != "neighbor" {
			delete(t.topics, topic)
			e.Params = set(e.Params, "interface", now)
			t.topics[e.Topic()] = e
		}
	}
}

// Forget drops all topics of a family, which nobody reports any more.
func (t *Told) Forget(family string) {
	for topic, e := range t.topics {
		if e.Family() == family {
			delete(t.topics, topic)
		}
	}
}

// List is the state as the events that lead to it from nothing, interface by interface, the host last. Their source is
// start; they carry the present name and values of their interface.
func (t *Told) List(now time.Time) []Event {
	out := make([]Event, 0, len(t.topics))
	for _, e := range t.topics {
		e = t.canonical(e)
		e.Source, e.Time, e.Cause, e.Also = SourceStart, now, nil, nil
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Event) int {
		if c := cmp.Or(a.place()-b.place(), a.index()-b.index(), a.rank()-b.rank()); c != 0 {
			return c
		}
		return cmp.Compare(a.String(), b.String())
	})
	return out
}

func (t *Told) canonical(e Event) Event {
	e = fromNothing(e)
	index, _ := e.Get("index")
	if link, there := t.links[index]; there && index != "" {
		e = e.Of(link)
	}
	return e
}

// fromNothing makes of an event the one that would tell of its state for the first time.
func fromNothing(e Event) Event {
	switch e.Name {
	case "link.changed", "link.renamed", "address.changed", "default-route.changed":
		e.Name = e.Family() + ".added"
		e.Params = without(e.Params, "old-")
	case "interface.state":
		e.Params = set(e.Params, "from", states[0])
	}
	return e
}

// Of is the event with the name and values of its interface as a later event about the same interface tells them.
func (e Event) Of(link Event) Event {
	for _, key := range []string{"interface", "mac", "mtu", "alias"} {
		if v, there := link.Get(key); there {
			e.Params = set(e.Params, key, v)
		}
	}
	if spec, known := Lookup(e.Name); known {
		e.Subject, _ = spec.subject(e)
	}
	return e
}

// place puts interfaces first, then routes and neighbors, then the host, then services.
func (e Event) place() int {
	switch e.Family() {
	case "link", "address", "interface":
		return 0
	case "route", "neighbor":
		return 1
	case "service":
		return 3
	}
	return 2
}

func (e Event) index() int {
	text, _ := e.Get("index")
	n, _ := strconv.Atoi(text)
	return n
}

// rank is the order in which a new interface tells of itself, and the host of a new route.
func (e Event) rank() int {
	return slices.Index([]string{"link.added", "link.up", "address.added", "interface.state", "default-route.added", "network.online"}, e.Name)
}

// Holds says whether what an event told of is still so; of things, whether they are still there. What no source saw, and
// what tells of no state, always is.
func (t *Told) Holds(e Event) bool {
	p, ok := e.Phase()
	if !ok || !e.Real() {
		return true
	}
	last, there := t.topics[p.Topic]
	if !there {
		return p.After == gone
	}
	now, _ := last.Phase()
	return now.After == p.After || e.Family() != "interface" && p.After != gone
}

// Now is what there is of a topic, as the event that would tell of it for the first time.
func (t *Told) Now(topic string) (Event, bool) {
	e, there := t.topics[topic]
	if !there {
		return Event{}, false
	}
	return t.canonical(e), true
}
