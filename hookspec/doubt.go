package hookspec

import (
	"fmt"
	"slices"
	"strings"

	"hookd/events"
)

// Doubts lists what is most likely not meant: an order against nobody, a parameter that no event carries, a value that
// never comes, a circle of events. The hooks run all the same.
func (s *Set) Doubts() Faults {
	var out Faults
	for _, h := range append(s.Hooks[:len(s.Hooks):len(s.Hooks)], s.refused...) {
		for _, f := range [][]Fault{s.nobody(h), s.apart(h), h.neverGiven(), h.neverValued(), h.shell(), h.stopsItself(), h.oneForAll(), h.foreign(), s.noService(h)} {
			out = append(out, f...)
		}
	}
	out = append(out, s.loops()...)
	for i := range out {
		out[i].Doubt = true
	}
	out.Sort()
	return out
}

func (s *Set) nobody(h *Hook) []Fault {
	var out []Fault
	for _, l := range []struct {
		key  string
		refs []Ref
	}{{"After", h.After}, {"Before", h.Before}, {"Requires", h.Requires}} {
		for _, r := range l.refs {
			f := Fault{Place: r.Place, Hook: h.Name}
			switch {
			case r.legacy() && !h.besideScripts():
				f.Msg = fmt.Sprintf("%s= names %s, and no old system runs scripts for the events of this hook", l.key, r)
			case r.legacy() || s.stands(r, h.Name):
				continue
			case has(s.refused, r.String()):
				f.Msg = fmt.Sprintf("%s= names %s, which is refused", l.key, r)
			default:
				f.Msg = fmt.Sprintf("%s= names %s, and there is no such hook", l.key, r)
				f.Hint = events.DidYouMean(events.Nearest(r.String(), s.Names()))
			}
			out = append(out, f)
		}
	}
	return out
}

// apart finds hooks that require one which never runs in the same run: what settles makes a run of its own.
func (s *Set) apart(h *Hook) []Fault {
	var out []Fault
	for _, r := range h.Requires {
		if other := s.Hook(r.Text()); other != nil && !other.Service && other.Settle != h.Settle {
			out = append(out, Fault{Place: r.Place, Hook: h.Name, Hint: "give both the same Settle=",
				Msg: fmt.Sprintf("Requires= names %s, which has another Settle= and so never runs in the same run", r)})
		}
	}
	return out
}

// stands says whether a reference means another hook that is loaded, or that stands beside a file read alone.
func (s *Set) stands(r Ref, self string) bool {
	for _, h := range s.Hooks {
		if h.Name != self && r.Match(h.Name) {
			return true
		}
	}
	for name := range s.beside {
		if name != self && r.Match(name) {
			return true
		}
	}
	return false
}

// shell finds words in Exec= that only a shell would understand.
func (h *Hook) shell() []Fault {
	var out []Fault
	for _, a := range h.Exec {
		word, _ := a.Expand(func(string) (string, bool) { return "", false })
		f := Fault{Place: a.Place, Hook: h.Name, Hint: "there is no shell; write Exec=/bin/sh -c '…'"}
		switch name := strings.Trim(word, "${}"); {
		case slices.Contains(strings.Fields("| || & && > >> < 2> 2>&1"), word):
			f.Msg = word + " is an argument like any other"
		case strings.HasPrefix(word, "$") && isVariable(name):
			f.Msg = word + " is not replaced"
			f.Hint = "a parameter is written %{name}, and the hook finds variables in its environment"
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

// oneForAll finds a service that names the interface it is for and has one instance for all of them: it would run for the
// first alone.
func (h *Hook) oneForAll() []Fault {
	if !h.Service || h.Instance.String() != "" || !h.severalInterfaces() {
		return nil
	}
	words := slices.Clone(h.Exec)
	if h.Unit != nil {
		words = append(words, Arg{h.Unit, h.started()[0].Place})
	}
	for _, w := range words {
		if slices.Contains(w.Params(), "interface") {
			return []Fault{{Place: w.Place, Hook: h.Name, Hint: "add Instance=%{interface} for one service an interface",
				Msg: "%{interface} in a service that has one instance for all interfaces: it runs for the first alone"}}
		}
	}
	return nil
}

// severalInterfaces says whether what starts a service comes for each interface, and not for one that is named.
func (h *Hook) severalInterfaces() bool {
	return slices.ContainsFunc(h.started(), func(t Trigger) bool {
		name, _, _ := strings.Cut(t.String(), " ")
		family, _, _ := strings.Cut(name, ".")
		named := 0
		for _, term := range t.Terms {
			if term.Key == "interface" && !term.Not && term.Glob.Plain() {
				named++
			}
		}
		return named != 1 && slices.Contains([]string{"link", "link-up", "address", "interface"}, family)
	})
}

// started are the lines of On= and While=.
func (h *Hook) started() []Trigger {
	lines := slices.Clone(h.On)
	for _, s := range h.While {
		lines = append(lines, Trigger{s.Pattern, s.Place})
	}
	return lines
}

// neverGiven finds required parameters that none of the hook's events can carry.
func (h *Hook) neverGiven() []Fault {
	var out []Fault
	for _, p := range h.Parameters {
		carried, near := h.carries(p.Name)
		if carried || p.HasDefault || h.Service && len(h.On)+len(h.While) == 0 {
			continue
		}
		f := Fault{Place: p.Place, Hook: h.Name, Hint: events.DidYouMean(near),
			Msg: fmt.Sprintf("no event of this hook carries the required parameter %s: the hook never runs", p.Name)}
		if h.Service {
			f.Msg = fmt.Sprintf("no event or state of this hook carries the required parameter %s: only hookctl start can give it", p.Name)
		}
		out = append(out, f)
	}
	return out
}

// neverValued finds plain values in On=, StopOn= and While= lines that the parameter can never have.
func (h *Hook) neverValued() []Fault {
	var out []Fault
	lines := slices.Concat(h.On, h.StopOn)
	for _, s := range h.While {
		lines = append(lines, Trigger{s.Pattern, s.Place})
	}
	for _, on := range lines {
		for _, t := range on.Terms {
			values := on.values(t.Key)
			if len(values) == 0 || !t.Glob.Plain() || slices.Contains(values, t.Glob.Text()) {
				continue
			}
			out = append(out, Fault{Place: on.Place, Hook: h.Name, Hint: events.DidYouMean(events.Nearest(t.Glob.Text(), values)),
				Msg: fmt.Sprintf("%s is never %s, only %s", t.Key, t.Glob, strings.Join(values, ", "))})
		}
	}
	return out
}

// stopsItself finds On= lines that never start a service because the same line stops it.
func (h *Hook) stopsItself() []Fault {
	var out []Fault
	for _, on := range h.On {
		for _, stop := range h.StopOn {
			if on.String() == stop.String() {
				out = append(out, Fault{Place: on.Place, Hook: h.Name, Hint: "StopOn= wins",
					Msg: fmt.Sprintf("the line never starts the service: StopOn= in line %d says the same", stop.Place.Line)})
			}
		}
	}
	return out
}

// noService finds lines about services that name a hook which is none.
func (s *Set) noService(h *Hook) []Fault {
	var out []Fault
	lines := slices.Concat(h.On, h.StopOn)
	for _, w := range h.While {
		lines = append(lines, Trigger{w.Pattern, w.Place})
	}
	for _, on := range lines {
		if !slices.ContainsFunc(on.Specs(), func(s events.Spec) bool { return strings.HasPrefix(s.Name, "service.") }) {
			continue
		}
		for _, t := range on.Terms {
			if name := t.Glob.Text(); t.Key == "service" && !t.Not && t.Glob.Plain() && !s.isService(name) && !s.beside[name] && !has(s.refused, name) {
				out = append(out, s.notService(h, on.Place, name))
			}
		}
	}
	return out
}

func (s *Set) notService(h *Hook, at Place, name string) Fault {
	if s.Hook(name) == nil {
		return Fault{Place: at, Hook: h.Name, Hint: events.DidYouMean(events.Nearest(name, s.Names())),
			Msg: "there is no hook " + events.Show(name)}
	}
	return Fault{Place: at, Hook: h.Name, Hint: "services are hooks with Type=service", Msg: events.Show(name) + " is no service"}
}

// values lists the only values that a parameter has in every event of the trigger; nil when they are not limited.
func (t Trigger) values(key string) []string {
	var out []string
	for _, spec := range t.Specs() {
		for _, p := range spec.Params {
			if p.Name == key && len(p.Values) == 0 {
				return nil
			}
			if p.Name == key && len(out) == 0 {
				out = p.Values
			}
		}
	}
	return out
}

// loops finds hooks whose results start each other. The chain that an event carries ends such a loop after one turn.
func (s *Set) loops() []Fault {
	g := make(graph, len(s.Hooks))
	for j, to := range s.Hooks {
		if !has(s.byEvent["hook.finished"], to.Name) && !has(s.byEvent["hook.failed"], to.Name) {
			continue
		}
		for i, from := range s.Hooks {
			if !from.Service && to.hears(from, i == j) { // services have no such results
				g[i] = append(g[i], j)
			}
		}
	}
	cycle := findCycle(g)
	if cycle == nil {
		return nil
	}
	var names []string
	for _, i := range cycle {
		names = append(names, s.Hooks[i].Name)
	}
	first := s.Hooks[cycle[0]]
	return []Fault{{Place: first.On[0].Place, Hook: first.Name, Hint: "a hook does not run for an event that it led to, so the loop ends after one turn",
		Msg: "a loop of events: the result of " + strings.Join(append(names, names[0]), " starts ")}}
}

// hears says whether the result of another hook can start this one. Hearing oneself counts only when named outright: a
// hook for the failures of all hooks is no loop.
func (h *Hook) hears(from *Hook, self bool) bool {
	for _, on := range h.On {
		if !on.Pattern.Names("hook.finished") && !on.Pattern.Names("hook.failed") {
			continue
		}
		if on.hearsHook(from.Name, self) {
			return true
		}
	}
	return false
}

func (t Trigger) hearsHook(name string, outright bool) bool {
	named, heard := false, false
	for _, term := range t.Terms {
		switch {
		case term.Key != "hook":
		case term.Not && term.Glob.Match(name):
			return false
		case !term.Not:
			named = true
			heard = heard || term.Glob.Match(name) && (term.Glob.Plain() || !outright)
		}
	}
	return heard || !named && !outright
}
