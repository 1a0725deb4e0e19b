package hookspec

import (
	"cmp"
	"slices"
	"strings"

	"hookd/compat"
	"hookd/events"
)

// Step is one piece of the order of old scripts and hooks together: either a script, or hooks that run as their plan says.
type Step struct {
	Script events.Bytes `json:"script,omitempty"`
	Hooks  []string     `json:"hooks,omitempty"`
}

// slot is a script or a job by its index.
type slot struct {
	name        string
	script, job int // the other one is -1
}

// Steps puts the jobs of a plan between old scripts, which keep their order. A hook comes after and before the scripts that it
// names; where that leaves a choice the smallest name goes first, as if the hook's file lay beside the scripts. Hooks with no
// script between them are one step. Where no hook runs there are no steps.
func (s *Set) Steps(p Plan, scripts []string) []Step {
	if len(p.Jobs) == 0 {
		return nil
	}
	slots := slotsOf(p, scripts)
	var out []Step
	for _, i := range s.between(p, scripts, slots).sorted() {
		last := len(out) - 1
		switch now := slots[i]; {
		case now.script >= 0:
			out = append(out, Step{Script: events.Bytes(now.name)})
		case last >= 0 && out[last].Hooks != nil:
			out[last].Hooks = append(out[last].Hooks, now.name)
		default:
			out = append(out, Step{Hooks: []string{now.name}})
		}
	}
	return out
}

// slotsOf lists scripts and jobs by name, a script before a hook that has its name.
func slotsOf(p Plan, scripts []string) []slot {
	var all []slot
	for i, name := range scripts {
		all = append(all, slot{name, i, -1})
	}
	for i, j := range p.Jobs {
		all = append(all, slot{j.Hook.Name, -1, i})
	}
	slices.SortStableFunc(all, func(a, b slot) int { return cmp.Compare(a.name, b.name) })
	return all
}

// between makes the graph of all of them. It has no circle: bounds keeps what would make one out.
func (s *Set) between(p Plan, scripts []string, slots []slot) graph {
	script, job := make([]int, len(scripts)), make([]int, len(p.Jobs)) // where they are among the slots
	for at, one := range slots {
		if one.script >= 0 {
			script[one.script] = at
		} else {
			job[one.job] = at
		}
	}
	g := make(graph, len(slots))
	add := func(before, after int) { g[before] = append(g[before], after) }
	for i := 1; i < len(scripts); i++ {
		add(script[i-1], script[i])
	}
	after, before := s.bounds(p, scripts)
	for i, j := range p.Jobs {
		for _, k := range j.After {
			add(job[k], job[i])
		}
		if after[i] > 0 {
			add(script[after[i]-1], job[i])
		}
		if before[i] < len(scripts) {
			add(job[i], script[before[i]])
		}
	}
	return g
}

// bounds says of each job how many scripts come before it at least and at the most. What a hook comes before gives way where
// it, or a job that comes before it, has to come after just that script.
func (s *Set) bounds(p Plan, scripts []string) (least, most []int) {
	least, most = make([]int, len(p.Jobs)), make([]int, len(p.Jobs))
	for n, j := range p.Jobs {
		after, before := s.legacy(p.Event, j.Hook)
		for _, k := range j.After { // a plan has these first
			least[n] = max(least[n], least[k])
		}
		for i, name := range scripts {
			if after(name) {
				least[n] = max(least[n], i+1)
			}
		}
		rest := slices.IndexFunc(scripts[least[n]:], before)
		if most[n] = len(scripts); rest >= 0 {
			most[n] = least[n] + rest
		}
	}
	return least, most
}

// legacy says which scripts a hook comes after, and which it comes before. Where its order turns round, so does this.
func (s *Set) legacy(e events.Event, h *Hook) (after, before func(script string) bool) {
	means := func(refs []Ref) func(string) bool {
		return func(script string) bool {
			return !s.cut[h.Name] && slices.ContainsFunc(refs, func(r Ref) bool { return r.legacy() && r.Match(scriptPrefix+script) })
		}
	}
	if s.reversed(e)(h) {
		return means(h.Before), means(h.After)
	}
	return means(h.After), means(h.Before)
}

// legacy says whether a reference means old scripts: a glob of hooks means none.
func (r Ref) legacy() bool { return strings.HasPrefix(r.String(), scriptPrefix) }

// besideScripts says whether old scripts are run for an event of the hook. Which there are on a host may change any time.
func (h *Hook) besideScripts() bool {
	return slices.ContainsFunc(h.On, func(on Trigger) bool {
		return slices.ContainsFunc(on.Specs(), func(spec events.Spec) bool {
			family, _, _ := strings.Cut(spec.Name, ".")
			return slices.ContainsFunc(compat.Systems(), func(old compat.System) bool { return old.Family == family })
		})
	})
}
