package runner

import "hookd/events"

// Why an event that was told before makes a run now.
const (
	LateSettled  = "settled"  // it has held for Settle=
	LateLimited  = "limited"  // RateLimit= did not let it through when it came
	LateReplayed = "replayed" // a hook that is new hears of what was there before it
	LateResumed  = "resumed"  // an earlier hookd did not come to it
)

// late lets an event in that was told before, for some hooks only. Those of them that it was meant for and that do not
// run are told.
func (r *Runner) late(e events.Event, names []string, why string, drop []holdKey) {
	plan := r.set.PlanFor(e, names)
	if len(plan.Jobs) > 0 {
		r.enter(plan, entry{late: why, drop: drop})
		return
	}
	if len(drop) > 0 {
		r.note(Record{Drop: drop})
	}
	if len(plan.Refused) > 0 {
		r.observer.Arrived(Arrival{Event: e, Refused: plan.Refused, Late: why})
	}
}
