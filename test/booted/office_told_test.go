package booted

import (
	"encoding/json"
	"strings"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/control"
)

// watched are the events told since the step began.
func (o *office) watched() []string {
	var out []string
	for _, line := range strings.Split(o.Run("cat", "/run/watch"), "\n")[o.from:] {
		var r control.Record
		if json.Unmarshal([]byte(line), &r) == nil && r.Kind == "event" && r.Late == "" {
			out = append(out, brief(*r.Event))
		}
	}
	return out
}

// forget leaves what was told so far to earlier steps.
func (o *office) forget() { o.from = strings.Count(o.Run("cat", "/run/watch"), "\n") + 1 }

// brief is the name of an event and its parameters; of those of services the service, and what is out of the ordinary.
func brief(e events.Event) string {
	words := []string{}
	if e.Family() != "service" {
		for _, p := range e.Params {
			words = append(words, p.Key+"="+p.Value)
		}
		return e.Name + " " + strings.Join(words, " ")
	}
	for _, key := range []string{"cause", "result", "exit-status", "signal", "restarts", "restarting"} {
		if v, there := e.Get(key); there && v != "0" && v != "no" {
			words = append(words, v)
		}
	}
	service, _ := e.Get("service")
	return service + ":" + strings.TrimPrefix(e.Name, "service.") + "(" + strings.Join(words, " ") + ")"
}

// tells waits until an event with such parameters was told, if somebody listens.
func (o *office) tells(event string) {
	o.t.Helper()
	terms := strings.Fields(event)
	o.until(event+" is told", func() bool {
		if o.unheard {
			return true
		}
		for _, e := range o.watched() {
			words := strings.Fields(e)
			if words[0] == terms[0] && has(words, terms) {
				return true
			}
		}
		return false
	})
}

func has(words, terms []string) bool {
	all := " " + strings.Join(words, " ") + " "
	for _, term := range terms {
		if !strings.Contains(all, " "+term+" ") {
			return false
		}
	}
	return true
}

// tellsStory waits until so many events of a service were told in this step, and fails when they are others.
func (o *office) tellsStory(service string, want ...string) {
	o.t.Helper()
	if o.unheard {
		return
	}
	var told []string
	o.until("the story of "+service+" is told", func() bool {
		told = nil
		for _, e := range o.watched() {
			if word, is := strings.CutPrefix(e, service+":"); is {
				told = append(told, word)
			}
		}
		return len(told) >= len(want)
	})
	if diff := cmp.Diff(want, told); diff != "" {
		o.t.Errorf("the story of %s (-want +told):\n%s", service, diff)
	}
}
