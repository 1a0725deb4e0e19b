package hookspec

import "hookd/events"

// PlanReport is a plan in the form in which it is shown and sent; hookctl(1) documents its JSON.
type PlanReport struct {
	Event   events.Event `json:"event"`
	Jobs    []JobPlan    `json:"jobs"`
	Refused []Refusal    `json:"refused"`
}

// JobPlan is one job of a plan. After and Requires name hooks of the same plan.
type JobPlan struct {
	Hook        string         `json:"hook"`
	Instance    events.Bytes   `json:"instance"`
	Program     events.Bytes   `json:"program"`
	Args        []events.Bytes `json:"args"`
	Environment []events.Bytes `json:"environment"`
	After       []string       `json:"after,omitempty"`
	Requires    []string       `json:"requires,omitempty"`
}

// Report describes what an event would make run in this set, and why every other hook does not. The id of a run, which
// is not known before, is shown as RUN.
func (s *Set) Report(p Plan) PlanReport {
	r := PlanReport{Event: p.Event, Jobs: []JobPlan{}, Refused: s.explain(p)}
	for _, j := range p.Jobs {
		r.Jobs = append(r.Jobs, JobPlan{
			Hook: j.Hook.Name, Instance: events.Bytes(j.Instance), Program: events.Bytes(j.Program),
			Args: asBytes(j.Args), Environment: asBytes(j.Environ(p.Event, "RUN")),
			After: p.namesOf(j.After), Requires: p.namesOf(j.Requires),
		})
	}
	return r
}

func asBytes(list []string) []events.Bytes {
	out := make([]events.Bytes, len(list))
	for i, s := range list {
		out[i] = events.Bytes(s)
	}
	return out
}

func (p Plan) namesOf(jobs []int) []string {
	var names []string
	for _, j := range jobs {
		names = append(names, p.Jobs[j].Hook.Name)
	}
	return names
}
