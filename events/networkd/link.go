package networkd

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"hookd/events"
)

// Words of networkctl(1). What is in neither list is no state.
var (
	administrative = [...]string{"pending", "initialized", "configuring", "configured", "unmanaged", "failed", "linger"}
	operational    = [...]string{"missing", "off", "no-carrier", "dormant", "degraded-carrier", "carrier", "degraded", "enslaved", "routable"}
)

// link is an interface and what was told of it.
type link struct {
	index       int
	name, kind  string // kind in the word of interface.state's parameter type
	admin, oper string // told; empty for nothing
	changes     []change
	since       time.Time // of the first of them
	fresh       bool      // it came into being and nothing was told of it
}

// change is an operational state that the kernel has reported.
type change struct {
	oper, source string
	time         time.Time
}

// said is one event before anybody has asked for details.
type said struct {
	index       int
	name, kind  string
	state       string
	admin, oper string
	source      string
	time        time.Time
	gone        bool
}

// follow takes an event of the kernel in; with tell it becomes a change to be told.
func (s *Source) follow(e events.Event, tell bool) {
	get := func(key string) string { v, _ := e.Get(key); return v }
	index, err := strconv.Atoi(get("index"))
	if err != nil || index <= 0 {
		return
	}
	l, known := s.links[index]
	if e.Name == "link.renamed" {
		if known {
			l.name = get("interface")
		}
		return
	}
	to := get("to")
	if e.Name != "interface.state" || !slices.Contains(operational[:], to) {
		return
	}
	if !known {
		l = &link{index: index, fresh: e.Source != events.SourceStart && get("from") == "missing"}
		s.links[index] = l
	}
	l.name, l.kind = get("interface"), get("type")
	if to == "missing" {
		delete(s.links, index)
	}
	if !tell {
		l.oper, l.fresh = to, false
		return
	}
	if l.changes = append(l.changes, change{to, e.Source, e.Time}); len(l.changes) == 1 {
		l.since = time.Now()
		s.pending = append(s.pending, l)
	}
}

// tell lists what has changed, first of those that the kernel has spoken of.
func (s *Source) tell(admin map[int]string, now time.Time) []said {
	var out []said
	waiting := s.pending
	s.pending = nil
	for _, l := range waiting {
		if l.fresh && s.files.running && admin[l.index] == "" && !l.gone() && now.Sub(l.since) < fileWait {
			s.pending = append(s.pending, l)
			continue
		}
		out = append(out, l.tell(admin[l.index], now)...)
	}
	for _, index := range slices.Sorted(maps.Keys(s.links)) {
		if l := s.links[index]; len(l.changes) == 0 {
			out = append(out, l.tell(admin[index], now)...)
		}
	}
	return out
}

func (l *link) gone() bool {
	return len(l.changes) > 0 && l.changes[len(l.changes)-1].oper == "missing"
}

// tell lists what leads from what was told to what is so now. Systemd-networkd sees every interface as off first, also when
// it is gone before it is forgotten; our view of the kernel may have skipped that, and old scripts rely on it.
func (l *link) tell(admin string, now time.Time) []said {
	changes, source := l.changes, cmp.Or(l.origin(), events.SourceNetworkd)
	l.changes = nil
	if l.oper == "" && len(changes) > 0 { // it was there before us
		l.oper = changes[0].oper
	}
	if l.fresh {
		if changes[0].oper != "off" {
			changes = append([]change{{"off", source, changes[0].time}}, changes...)
		}
		l.oper, l.admin = "off", ""
	}
	var out []said
	say := func(state, source string, at time.Time) {
		out = append(out, said{l.index, l.name, l.kind, state, cmp.Or(l.admin, admin, "unmanaged"), l.oper, source, at, false})
	}
	if l.fresh {
		say("off", source, changes[0].time)
		changes = changes[1:]
	}
	for _, state := range l.way(admin) {
		l.admin = state
		say(state, source, now)
	}
	l.fresh = false
	for _, c := range changes {
		if c.oper == "missing" {
			out = append(out, l.leave(c)...)
			continue
		}
		l.oper = c.oper
		say(c.oper, c.source, c.time)
	}
	return out
}

// origin is where the first change comes from, empty without any.
func (l *link) origin() string {
	if len(l.changes) == 0 {
		return ""
	}
	return l.changes[0].source
}

// leave is the end of an interface. Only what systemd-networkd knew lingers.
func (l *link) leave(c change) []said {
	one := said{l.index, l.name, l.kind, "off", cmp.Or(l.admin, "unmanaged"), "off", c.source, c.time, true}
	var out []said
	if l.oper != "off" {
		out = append(out, one)
	}
	if l.admin != "" {
		one.state, one.admin = "linger", "linger"
		out = append(out, one)
	}
	one.state, one.oper = "missing", "missing"
	l.oper = "missing"
	return append(out, one)
}

// way lists the administrative states to tell. Those that systemd-networkd always passes through may be over before anybody
// has read them.
func (l *link) way(admin string) []string {
	if admin == "" || admin == l.admin {
		return nil
	}
	var out []string
	early := l.fresh || l.admin == "pending"
	if early && slices.Contains([]string{"configuring", "configured", "unmanaged", "failed"}, admin) {
		out = append(out, "initialized")
	}
	if (early || l.admin == "initialized") && admin == "configured" {
		out = append(out, "configuring")
	}
	return append(out, admin)
}
