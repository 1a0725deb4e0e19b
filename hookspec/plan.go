package hookspec

import (
	"cmp"
	"fmt"
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
