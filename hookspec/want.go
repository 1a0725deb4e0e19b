package hookspec

import (
	"slices"
	"strings"

	"hookd/events"
)

// Services lists the hooks with Type=service, by name.
func (s *Set) Services() []*Hook {
	var out []*Hook
	for _, h := range s.Hooks {
		if h.Service {
			out = append(out, h)
		}
	}
	return out
}

func (s *Set) isService(name string) bool {
	h := s.Hook(name)
	return h != nil && h.Service
}

// Needs lists the services that a hook requires, by name.
func (s *Set) Needs(h *Hook) []string {
	var names []string
	for _, r := range h.Requires {
		if s.isService(r.Text()) && !slices.Contains(names, r.Text()) {
			names = append(names, r.Text())
		}
	}
	return names
}

// Start is the job of a hook for an event, whatever its On= lines say: for a service whose While= holds, or that somebody
// starts by hand. The string says why there is none; it names all parameters that are missing.
func (h *Hook) Start(e events.Event) (Job, string) {
	j := Job{Hook: h, Params: h.sees(e)}
	if lacks := h.lacks(&j); len(lacks) > 0 {
		return Job{}, "it needs " + counted(lacks) + " not given"
	}
	return j, j.expand(e)
}

// counted writes "the parameter a, which is" or "the parameters a and b, which are".
func counted(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return "the parameter " + names[0] + ", which is"
	}
	return "the parameters " + strings.Join(names[:last], ", ") + " and " + names[last] + ", which are"
}

// lacks lists the parameters that a job of the hook needs and does not have, each once.
func (h *Hook) lacks(j *Job) []string {
	var names []string
	need := func(params ...string) {
		for _, name := range params {
			if _, given := j.get(name); !given && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, p := range h.Parameters {
		need(p.Name)
	}
	for _, t := range h.templates() {
		need(t.Params()...)
	}
	return names
}

// templates are all values of the hook in which parameters stand.
func (h *Hook) templates() []Template {
	out := []Template{h.Instance, h.Unit}
	for _, a := range h.Exec {
		out = append(out, a.Template)
	}
	for _, v := range h.Environment {
		out = append(out, v.Value)
	}
	for _, c := range h.Conditions {
		out = append(out, c.Value)
	}
	return out
}

// WantedBy is the first While= line that means a state, which is given as the event that tells of it from nothing (see
// events.Told.List). Units are not among them: see State.Unit. That the service runs is no reason for it to run.
func (h *Hook) WantedBy(state events.Event) (line string, wanted bool) {
	if service, _ := state.Get("service"); state.Family() == "service" && service == h.Name {
		return "", false
	}
	for _, s := range h.While {
		if s.Unit == "" && s.Pattern.Match(state) {
			return s.Text, true
		}
	}
	return "", false
}

// besides says why an event makes no job of the hook, and what it means to a service all the same.
func (h *Hook) besides(e events.Event) string {
	why := h.against(e)
	if _, stops := h.stoppedBy(e); stops {
		return why + "; StopOn= stops what runs of it"
	}
	if line, wanted := h.WantedBy(e); wanted {
		return why + "; While=" + line + " holds with it, and wants the service"
	}
	return why
}

// InstanceOf is the instance of a service that an event means, false when it cannot say.
func (h *Hook) InstanceOf(e events.Event) (string, bool) {
	j := Job{Hook: h, Params: h.sees(e)}
	text, missing := h.Instance.Expand(j.get)
	return text, missing == ""
}

// Stop is a service that an event stops: one instance of it, or all there are.
type Stop struct {
	Hook     string
	Instance string
	All      bool
	Place    Place // of the StopOn= line
}

// Stops lists the services that an event stops, by name. An event that does not carry what its instance is made of stops
// all of them if somebody made it by hand (user.*), and none if it should have carried it.
func (s *Set) Stops(e events.Event) []Stop {
	var out []Stop
	for _, h := range s.byStop[tableName(e)] {
		on, stops := h.stoppedBy(e)
		if !stops {
			continue
		}
		instance, known := h.InstanceOf(e)
		if known || e.Family() == "user" {
			out = append(out, Stop{h.Name, instance, !known, on.Place})
		}
	}
	return out
}

// stoppedBy is the first StopOn= line that means an event.
func (h *Hook) stoppedBy(e events.Event) (Trigger, bool) {
	for _, on := range h.StopOn {
		if on.Match(e) {
			return on, true
		}
	}
	return Trigger{}, false
}

// Restarts says whether a supervisor is to start the service again after some of its ends (Restart=).
func (h *Hook) Restarts() bool {
	return slices.ContainsFunc(h.Directives, func(d Directive) bool { return d.Key == "Restart" && d.Value != "no" })
}
