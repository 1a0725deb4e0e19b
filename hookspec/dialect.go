package hookspec

import (
	"fmt"
	"slices"
	"strings"

	"hookd/compat"
	"hookd/events"
	"hookd/internal/unitfile"
)

// dialect reads the name of an old system.
func (p *parser) dialect(v unitfile.Value) (string, bool) {
	names := compat.Names()
	if slices.Contains(names, v.Text) {
		return v.Text, true
	}
	p.at(v, 0, events.DidYouMean(events.Nearest(v.Text, names)), "%s is no old system, only %s", events.Show(v.Text), strings.Join(names, ", "))
	return "", false
}

// withDialect adds what the hook's old system would give a script for the event. Its PATH takes the place of ours.
func (j Job) withDialect(env []string) []string {
	system, known := compat.Find(j.Hook.Dialect)
	if !known {
		return env
	}
	for _, v := range system.Environ(j.Params) {
		name, value, _ := strings.Cut(v, "=")
		env = setVariable(env, name, value)
	}
	return env
}

// foreign finds a Dialect= that says nothing about the events of the hook: its variables are made of the parameters that
// its own system's events have.
func (h *Hook) foreign() []Fault {
	system, known := compat.Find(h.Dialect)
	if !known {
		return nil
	}
	if len(h.On) == 0 {
		return []Fault{{Place: h.settingPlace("Dialect"), Hook: h.Name, Msg: "Dialect= of a hook without On= has nothing to tell"}}
	}
	var out []Fault
	for _, on := range h.On {
		if !slices.ContainsFunc(on.Specs(), func(s events.Spec) bool { return strings.HasPrefix(s.Name, system.Family+".") }) {
			out = append(out, Fault{Place: on.Place, Hook: h.Name, Hint: "the events of the dialect are " + system.Family + ".*",
				Msg: fmt.Sprintf("the line is about no event of Dialect=%s", h.Dialect)})
		}
	}
	return out
}
