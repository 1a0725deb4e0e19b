package hookspec

import (
	"context"

	"hookd/events"
)

// PlanReport is a plan in the form in which it is shown and sent; hookctl(1) documents its JSON.
type PlanReport struct {
	Event    events.Event `json:"event"`
	Jobs     []JobPlan    `json:"jobs"`
	Settling []JobPlan    `json:"settling,omitempty"`
	Refused  []Refusal    `json:"refused"`
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
	Settle      string         `json:"settle,omitempty"`

	Type       string          `json:"type"` // oneshot or service
	Unit       string          `json:"unit,omitempty"`
	Conditions []ConditionPlan `json:"conditions,omitempty"`
	Needs      []string        `json:"needs,omitempty"` // services that must run when its turn has come
}

// ConditionPlan is a condition of a job with what is known of it now.
type ConditionPlan struct {
	Condition events.Bytes `json:"condition"`
	Verdict   string       `json:"verdict"` // holds, fails or unknown
	Reason    events.Bytes `json:"reason,omitempty"`
}

// Report describes what an event would make run in this set, and why every other hook does not. The id of a run, which
// is not known before, is shown as RUN. Conditions are judged by facts, nil for none.
func (s *Set) Report(ctx context.Context, p Plan, facts Facts) PlanReport {
	return PlanReport{Event: p.Event, Jobs: p.report(ctx, p.Jobs, facts), Settling: p.report(ctx, p.Settling, facts), Refused: s.explain(p)}
}

func (p Plan) report(ctx context.Context, jobs []Job, facts Facts) []JobPlan {
	out := []JobPlan{}
	for _, j := range jobs {
		plan := JobPlan{
			Hook: j.Hook.Name, Instance: events.Bytes(j.Instance), Program: events.Bytes(j.Program),
			Args: events.AllBytes(j.Args), Environment: events.AllBytes(j.Environ(p.Event, "RUN")),
			After: NamesOf(jobs, j.After), Requires: NamesOf(jobs, j.Requires), Type: showType(j.Hook.Service), Unit: j.Unit,
			Conditions: j.conditionPlans(ctx, facts), Needs: j.Needs,
		}
		if j.Hook.Settle > 0 {
			plan.Settle = formatDuration(j.Hook.Settle)
		}
		out = append(out, plan)
	}
	return out
}

func (j Job) conditionPlans(ctx context.Context, facts Facts) []ConditionPlan {
	var out []ConditionPlan
	for _, c := range j.Conditions {
		f := c.judge(ctx, j.Params, facts)
		plan := ConditionPlan{events.Bytes(c.String()), "fails", events.Bytes(f.Why)}
		switch {
		case f.Unknown:
			plan.Verdict, plan.Reason = "unknown", ""
		case f.True:
			plan.Verdict = "holds"
		}
		out = append(out, plan)
	}
	return out
}

// NamesOf are the hooks of some jobs of a list.
func NamesOf(jobs []Job, which []int) []string {
	var names []string
	for _, j := range which {
		names = append(names, jobs[j].Hook.Name)
	}
	return names
}
