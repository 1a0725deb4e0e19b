package runner

import (
	"context"
	"fmt"
	"slices"

	"hookd/events"
	"hookd/hookspec"
)

// Nested runs (failures: R9). A job that emits an event and waits for it, or starts something that reports one, as ifup does,
// must never wait for what waits for it. So the run of that event waits neither for the earlier events of its subject nor for a
// free place, and its jobs for no job of their instance that has not begun. Jobs of those hooks that led to the event are not
// in its plan at all.

// scriptCause is the hook in the cause of what a script does that the guide of a run has started.
const scriptCause = "legacy:*"

// Script is the cause of what the scripts of a guided run do.
func Script(run string) events.Cause { return events.Cause{Run: run, Hook: scriptCause} }

// Within is the chain of an event that comes from a job, or from a script of a guided run; nil when there is no such thing, or it
// is over.
func (r *Runner) Within(ctx context.Context, c events.Cause) ([]events.Cause, error) {
	return ask(ctx, r, func() []events.Cause {
		for _, run := range r.all() {
			if run.id == c.Run && run.doing(c.Hook) {
				return append(slices.Clone(run.event.Cause), c)
			}
		}
		return nil
	})
}

// doing says whether a job of a hook runs, or a script may.
func (r *run) doing(hook string) bool {
	if hook == scriptCause {
		return r.guide != nil
	}
	return slices.ContainsFunc(r.jobs, func(j job) bool { return j.Hook.Name == hook && j.state == started })
}

// subjects are the queues of a run: of a nested one a queue of its own.
func (r *run) subjects() []string {
	if r.nested {
		return []string{"nested/" + r.id}
	}
	return r.event.Subjects()
}

// line puts a job behind the others of its instance, one of a nested run before those that have not begun.
func line(busy []ref, f ref) []ref {
	at := slices.IndexFunc(busy, func(o ref) bool { return !o.begun() })
	if !f.run.nested || at < 0 {
		return append(busy, f)
	}
	return slices.Insert(busy, at, f)
}

// disentangle ends the jobs of a nested run that would wait for a job which itself waits for them: two hooks may each emit what
// the other one runs for.
func (r *Runner) disentangle(run *run) {
	if !run.nested {
		return
	}
	for i, j := range run.jobs {
		f := ref{run, i}
		if by := r.ahead(f); j.state == pending && by != f && r.waits(by, run, map[ref]bool{}) {
			run.end(i, JobReport{Result: Skipped, Reason: fmt.Sprintf("it would wait for its job of run %s, which waits for it", by.run.id)})
		}
	}
}

// ahead is the job of its instance that a job has to wait for because it has begun, or else that job itself. While a job rests one
// of a nested run may begin.
func (r *Runner) ahead(f ref) ref {
	if f.job().state != pending || !f.run.lets(f.i) || f.job().Hook.WhenBusy == hookspec.BusyParallel {
		return f
	}
	for _, o := range r.busy[f.instance()] {
		if o != f && o.begun() {
			return o
		}
	}
	return f
}

// begun says whether a job runs, or did when an earlier hookd was killed.
func (f ref) begun() bool { return f.job().state == started || f.job().lost }

// waits says whether a job waits for a run: it has led to it, or to another one in which a job does.
func (r *Runner) waits(f ref, target *run, seen map[ref]bool) bool {
	me := events.Cause{Run: f.run.id, Hook: f.job().Hook.Name}
	switch {
	case f.job().state == over || seen[f]:
		return false
	case slices.Contains(target.event.Cause, me):
		return true
	}
	seen[f] = true
	for _, run := range r.all() {
		for i := range run.jobs {
			if run.nested && slices.Contains(run.event.Cause, me) && r.waits(r.ahead(ref{run, i}), target, seen) {
				return true
			}
		}
	}
	return false
}
