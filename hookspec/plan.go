package hookspec

import (
	"slices"
	"sort"

	"hookd/events"
)

// Plan is what an event makes run: an ordered graph, nothing of which has run yet.
type Plan struct {
	Event    events.Event
	Jobs     []Job     // in the order in which they start when nothing fails; ties by name
	Settling []Job     // likewise, of hooks that hear of it when the state has held for Settle=; a run of its own
	Refused  []Refusal // hooks with an On= line for the event's name that do not run, with the first reason
}

// Job is one hook for one event. After and Requires are indexes of jobs of the same plan. The instance of a service without
// Instance= is empty, as it has only one.
type Job struct {
	Hook     *Hook
	Instance string
	Program  string // what is executed, before links are followed
	Args     []string
	Params   []events.Param // the event's parameters as this hook sees them
	After    []int
	Requires []int

	Unit       string         // an existing unit that is started in place of a program
	Conditions []JobCondition // to be judged when the job's turn has come, with Judge
	Needs      []string       // services that must run then, in the plan or not
}

// Refusal is a hook that does not run and why.
type Refusal struct {
	Hook    string `json:"hook"`
	Reason  string `json:"reason"`
	Matched bool   `json:"matched"` // an On= line meant the event, and something else was against it
}

// Plan decides what runs for an event. It is a function of the set and the event alone.
func (s *Set) Plan(e events.Event) Plan {
	plan := Plan{Event: e}
	var now, settling []*Hook
	jobs := map[string]Job{}
	for _, h := range s.candidates(e) {
		job, why := h.job(e)
		switch jobs[h.Name] = job; {
		case why != "":
			plan.Refused = append(plan.Refused, Refusal{h.Name, why, h.against(e) == ""})
		case h.Settle > 0:
			settling = append(settling, h)
		default:
			now = append(now, h)
		}
	}
	plan.Jobs = s.order(e, plan.dropUnmet(now, s.reversed(e), s.isService), jobs)
	plan.Settling = s.order(e, plan.dropUnmet(settling, s.reversed(e), s.isService), jobs)
	sort.Slice(plan.Refused, func(i, k int) bool { return plan.Refused[i].Hook < plan.Refused[k].Hook })
	return plan
}

// PlanFor decides what of the hooks with these names runs for an event that was told before. What they require of others
// counts as given.
func (s *Set) PlanFor(e events.Event, names []string) Plan {
	plan := Plan{Event: e}
	var hooks []*Hook
	jobs := map[string]Job{}
	for _, h := range s.candidates(e) {
		if !slices.Contains(names, h.Name) {
			continue
		}
		job, why := h.job(e)
		if jobs[h.Name] = job; why == "" {
			hooks = append(hooks, h)
		} else if h.against(e) == "" {
			plan.Refused = append(plan.Refused, Refusal{h.Name, why, true})
		}
	}
	earlier := func(name string) bool { // what ran, or did not, when the event came
		h := s.Hook(name)
		return h != nil && (h.Service || !slices.Contains(names, name) && h.against(e) == "")
	}
	plan.Jobs = s.order(e, plan.dropUnmet(hooks, s.reversed(e), earlier), jobs)
	return plan
}

func (s *Set) reversed(e events.Event) func(*Hook) bool {
	teardown := e.Teardown()
	return func(h *Hook) bool { return teardown && h.Reverse }
}

// dropUnmet refuses hooks that require one that does not run, and those that require these. A teardown that reverses a
// hook turns its Requires= into an order only: it runs before what it needs goes. What came earlier is met, and of a
// service it matters whether it runs when the job's turn has come.
func (p *Plan) dropUnmet(hooks []*Hook, reversed func(*Hook) bool, earlier func(string) bool) []*Hook {
	for {
		kept, dropped := hooks[:0:0], false
		for _, h := range hooks {
			if missing := firstMissing(h, hooks, earlier); missing != "" && !reversed(h) {
				p.Refused = append(p.Refused, Refusal{h.Name, "it requires " + missing + ", which does not run for this event", true})
				dropped = true
				continue
			}
			kept = append(kept, h)
		}
		hooks = kept
		if !dropped {
			return hooks
		}
	}
}

func firstMissing(h *Hook, hooks []*Hook, earlier func(string) bool) string {
	for _, r := range h.Requires {
		if !has(hooks, r.Text()) && !earlier(r.Text()) {
			return r.Text()
		}
	}
	return ""
}

// order sorts the jobs of hooks and fills in what each one waits for.
func (s *Set) order(e events.Event, hooks []*Hook, jobs map[string]Job) []Job {
	var out []Job
	g := s.edges(hooks, e.Teardown())
	at := make([]int, len(hooks)) // index in hooks → index in the plan
	for n, i := range g.sorted() {
		at[i] = n
		out = append(out, jobs[hooks[i].Name])
	}
	for i, after := range g {
		for _, j := range after {
			out[at[j]].After = append(out[at[j]].After, at[i])
		}
	}
	reversed := s.reversed(e)
	for n := range out {
		j := &out[n]
		slices.Sort(j.After)
		j.After = slices.Compact(j.After)
		if !reversed(j.Hook) && !s.cut[j.Hook.Name] {
			j.Requires = required(out, j.Hook)
			j.Needs = s.Needs(j.Hook)
		}
	}
	return out
}

func required(jobs []Job, h *Hook) []int {
	var out []int
	for i, j := range jobs {
		for _, r := range h.Requires {
			if r.Text() == j.Hook.Name {
				out = append(out, i)
			}
		}
	}
	return out
}

// explain lists every hook of the set that does not run for the plan's event, with the first reason, by name: those of
// the plan, those with no On= line for it, and the names that no usable hook stands behind.
func (s *Set) explain(p Plan) []Refusal {
	why := map[string]Refusal{}
	for _, e := range s.Entries {
		switch {
		case e.Policy:
		case e.State == StateRefused:
			why[e.Name] = Refusal{Hook: e.Name, Reason: "it is refused: " + e.Reason}
		case e.State == StateMasked:
			why[e.Name] = Refusal{Hook: e.Name, Reason: "it is masked by " + e.Path}
		}
	}
	for _, h := range s.Hooks {
		why[h.Name] = Refusal{Hook: h.Name, Reason: h.besides(p.Event)}
	}
	for _, r := range p.Refused {
		why[r.Hook] = r
	}
	for _, j := range slices.Concat(p.Jobs, p.Settling) {
		delete(why, j.Hook.Name)
	}
	out := []Refusal{}
	for _, r := range why {
		out = append(out, r)
	}
	sort.Slice(out, func(i, k int) bool { return out[i].Hook < out[k].Hook })
	return out
}
