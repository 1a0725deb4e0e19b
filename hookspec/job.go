package hookspec

import (
	"cmp"
	"fmt"

	"hookd/events"
)

// job makes the job of a hook for an event, or says why there is none.
func (h *Hook) job(e events.Event) (Job, string) {
	if why := h.against(e); why != "" {
		return Job{}, why
	}
	if e.Caused(h.Name) {
		return Job{}, "a job of this hook led to the event"
	}
	if on, stops := h.stoppedBy(e); stops {
		return Job{}, fmt.Sprintf("a StopOn= line means the event, too, and wins (%s)", on.Place)
	}
	j := Job{Hook: h, Params: h.sees(e)}
	for _, p := range h.Parameters {
		if _, given := j.get(p.Name); !given {
			return Job{}, "it requires the parameter " + absent(e, p.Name)
		}
	}
	return j, j.expand(e)
}

// against is the first reason why no On= line means the event, empty when one does.
func (h *Hook) against(e events.Event) string {
	first := ""
	for _, on := range h.On {
		if !on.Names(e.Name) {
			continue
		}
		why := on.Against(e)
		if why == "" {
			return h.againstStart(e)
		}
		if first == "" {
			first = fmt.Sprintf("%s (%s)", why, on.Place)
		}
	}
	if first == "" {
		return "it has no On= line for " + e.Name
	}
	return first
}

func (h *Hook) againstStart(e events.Event) string {
	if h.SkipStart && e.Source == events.SourceStart {
		return "with OnStart=skip what was there before is no event"
	}
	return ""
}

// sees are the event's parameters and the declared defaults of those it lacks.
func (h *Hook) sees(e events.Event) []events.Param {
	params := e.Params
	for _, p := range h.Parameters {
		if _, given := e.Get(p.Name); !given && p.HasDefault {
			params = append(params[:len(params):len(params)], events.Param{Key: p.Name, Value: p.Default})
		}
	}
	return params
}

func (j *Job) get(name string) (string, bool) {
	return events.Event{Params: j.Params}.Get(name)
}

// expand fills in the program and its arguments. A parameter that is not there is a reason not to run: an empty word in
// its place has been seen to stop every instance (failures: U7).
func (j *Job) expand(e events.Event) string {
	j.Program, _ = j.Hook.Program()
	j.setScript(e)
	j.Args = []string{j.Program}
	for _, a := range j.Hook.Exec[min(1, len(j.Hook.Exec)):] { // a script has none
		word, missing := a.Expand(j.get)
		if missing != "" {
			return "Exec= uses the parameter " + absent(e, missing)
		}
		j.Args = append(j.Args, word)
	}
	for _, v := range j.Hook.Environment {
		if _, missing := v.Value.Expand(j.get); missing != "" {
			return "Environment= uses the parameter " + absent(e, missing)
		}
	}
	return cmp.Or(j.setUnit(e), j.setConditions(e), j.setInstance(e))
}

func (j *Job) setUnit(e events.Event) string {
	if len(j.Hook.Unit) == 0 {
		return ""
	}
	name, missing, why := unitName(j.Hook.Unit, j.get)
	switch {
	case missing != "":
		return "Unit= uses the parameter " + absent(e, missing)
	case why != "":
		return "Unit= names no unit: " + why
	}
	j.Program, j.Args, j.Unit = "", nil, name
	return ""
}

func (j *Job) setConditions(e events.Event) string {
	for _, c := range j.Hook.Conditions {
		out := JobCondition{Key: c.Key, Not: c.Not, Place: c.Place}
		missing, why := "", ""
		switch c.Key {
		case conditionOnParameter:
			out.Value = c.Value[0].text
		case "ConditionUnitActive":
			out.Value, missing, why = unitName(c.Value, j.get)
		default:
			out.Value, missing = c.Value.Expand(j.get)
		}
		switch {
		case missing != "":
			return c.Key + "= uses the parameter " + absent(e, missing)
		case why != "":
			return c.Key + "= names no unit: " + why
		}
		j.Conditions = append(j.Conditions, out)
	}
	return ""
}

func (j *Job) setInstance(e events.Event) string {
	if j.Instance = e.Subject; j.Hook.Service {
		j.Instance = ""
	}
	if len(j.Hook.Instance) == 0 {
		return ""
	}
	text, missing := j.Hook.Instance.Expand(j.get)
	if j.Instance = text; missing != "" {
		return "Instance= uses the parameter " + absent(e, missing)
	}
	return ""
}

// absent says of a parameter that it is not there. Real events carry more than what people give to hookctl test.
func absent(e events.Event, name string) string {
	spec, _ := events.Lookup(e.Name)
	for _, p := range spec.Params {
		if p.Name == name && !p.Optional {
			return fmt.Sprintf("%s, which was not given here (every %s of the kernel carries it)", name, e.Name)
		}
	}
	return name + ", which the event does not carry"
}
