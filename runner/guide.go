package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hookd/events"
	"hookd/hookspec"
)

// What old systems report. Where who reports runs old scripts between the hooks, the run is guided: the hooks of a step begin
// when they are let. A later hookd cancels what it finds of such a run and has not begun, because who guides it has lost hookd,
// knows what was never let begin, and runs that itself when its turn comes (SubmitRest).

// guide is how far a guided run is let.
type guide struct {
	steps int
	step  []int // of each job
	let   int   // the last step whose hooks may begin
	asked []query
}

// query is somebody who waits for a step to be over.
type query struct {
	step   int
	answer chan Stepped // holds the one that comes
}

// Stepped is what has become of the hooks of a step, and which hook's Failure=abort has ended the run. Those that are left do not
// begin any more, for want of a hookd.
type Stepped struct {
	Jobs    []JobReport
	Aborted string
	Left    []string
}

// guidedKept is how many guided runs are kept that are over, so that who guides them learns so.
const guidedKept = 64

// errGuide is why the rest of a guided run is given up.
const errGuide = "who runs the scripts between the hooks has gone"

// errBetween is why a later hookd runs nothing of a guided run.
const errBetween = "hookd went away between the scripts"

// ErrNotGuided is returned to who lets begin what is not there.
var ErrNotGuided = errors.New("there is no such step of a guided run")

// SubmitReport hands over what an old system reports, and waits as SubmitWait does. With scripts, which the caller runs, no
// hook begins before Proceed lets it, and what has not begun when the caller goes away is given up.
func (r *Runner) SubmitReport(ctx context.Context, e events.Event, scripts []string, each func(Progress) error) error {
	return r.submitReport(ctx, e, entry{wait: true, report: true, scripts: scripts}, each)
}

// SubmitRest is SubmitReport for what is left of a guided run of a hookd that has gone. The hooks in past do not run: their
// results are known, or are Interrupted, and then end nothing. Hooks that are in none of the steps do not run either.
func (r *Runner) SubmitRest(ctx context.Context, e events.Event, steps []hookspec.Step, past []JobReport, each func(Progress) error) error {
	return r.submitReport(ctx, e, entry{wait: true, report: true, steps: steps, past: past}, each)
}

func (r *Runner) submitReport(ctx context.Context, e events.Event, in entry, each func(Progress) error) error {
	// the owner answers soon; to go away before would be to leave a run without its guide
	run, err := ask(context.WithoutCancel(ctx), r, func() *run { return r.arrive(e, in) })
	if err != nil {
		return err
	}
	err = r.relay(ctx, run, each)
	if err != nil && in.guided() {
		r.send(context.WithoutCancel(ctx), func() {
			run.giveUp(Canceled, errGuide)
			r.wake(run)
		})
	}
	return err
}

// guided has a run that is reported wait for its guide, if it has one, and tells its steps.
func (r *Runner) guided(run *run, plan hookspec.Plan, in entry) []hookspec.Step {
	if !in.report {
		return nil
	}
	steps := in.steps
	if steps == nil {
		steps = r.set.Steps(plan, in.scripts)
	}
	if !in.guided() {
		return steps
	}
	run.guided = true
	run.guide = &guide{steps: len(steps), step: make([]int, len(run.jobs)), let: -1}
	for i, j := range run.jobs {
		run.guide.step[i] = slices.IndexFunc(steps, func(s hookspec.Step) bool { return slices.Contains(s.Hooks, j.Hook.Name) })
		if in.steps != nil {
			run.passOver(i, in.past)
		}
	}
	gone := slices.IndexFunc(r.guides, isClosed)
	if r.guides = append(r.guides, run); len(r.guides) > guidedKept && gone >= 0 {
		r.guides = slices.Delete(r.guides, gone, gone+1)
	}
	return steps
}

// passOver ends a job that another hookd has had, or nobody has asked for.
func (r *run) passOver(i int, past []JobReport) {
	j := &r.jobs[i]
	at := slices.IndexFunc(past, func(p JobReport) bool { return p.Hook == j.Hook.Name })
	switch {
	case at >= 0 && past[at].Result == Interrupted:
		j.state, j.report = over, past[at]
	case at >= 0:
		r.end(i, past[at])
	case r.guide.step[i] < 0:
		r.end(i, JobReport{Result: Skipped, Reason: "it was not there when the run began"})
	}
}

// Proceed lets the hooks of a step of a guided run begin, and those of the steps before it, and waits until they are over. With
// a reason to stop nothing of the run begins any more. With ErrNotGuided nothing of the step has begun or ever will.
func (r *Runner) Proceed(ctx context.Context, id string, step int, stop string) (Stepped, error) {
	answer := make(chan Stepped, 1)
	refused, err := ask(ctx, r, func() error { return r.proceed(id, step, stop, answer) })
	switch {
	case err == ErrStopped: // its owner never got that
		return Stepped{}, fmt.Errorf("%w: %w", ErrNotGuided, err)
	case err != nil || refused != nil:
		return Stepped{}, errors.Join(err, refused)
	}
	return receive(ctx, r, answer)
}

func (r *Runner) proceed(id string, step int, stop string, answer chan Stepped) error {
	i := slices.IndexFunc(r.guides, func(g *run) bool { return g.id == id })
	switch {
	case i < 0:
		return fmt.Errorf("%w: %s", ErrNotGuided, events.Show(id))
	case step < 0 || step >= r.guides[i].guide.steps:
		return fmt.Errorf("%w: step %d of %s", ErrNotGuided, step, id)
	}
	run := r.guides[i]
	if stop != "" {
		run.giveUp(Canceled, stop)
	}
	run.guide.let = max(run.guide.let, step)
	run.guide.asked = append(run.guide.asked, query{step, answer})
	r.meet(run)
	r.removeGone()
	r.wake(run)
	if run.closed {
		run.answer()
	}
	return nil
}

// Tell has the observer hear of jobs that were carried out elsewhere.
func (r *Runner) Tell(ctx context.Context, e events.Event, jobs []JobReport) error {
	return r.send(ctx, func() {
		done := &run{id: r.newRunID(), event: e, jobs: make([]job, len(jobs))}
		for i, report := range jobs {
			done.jobs[i] = job{state: over, report: report}
			r.observer.JobEnded(e, done.id, report)
		}
		r.observer.RunEnded(done.report())
	})
}

func isClosed(r *run) bool { return r.closed }

// lets says whether the guide of a run, if it has one, lets a job begin.
func (r *run) lets(i int) bool { return r.guide == nil || r.guide.step[i] <= r.guide.let }

// answer tells those who wait for steps that are over.
func (r *run) answer() {
	if r.guide == nil {
		return
	}
	r.guide.asked = slices.DeleteFunc(r.guide.asked, func(q query) bool {
		out := r.stepped(q.step)
		if len(out.Left) == 0 {
			q.answer <- out
		}
		return len(out.Left) == 0
	})
}

// stepped is how far the hooks of a step are.
func (r *run) stepped(step int) Stepped {
	out := Stepped{Jobs: []JobReport{}, Aborted: r.aborted}
	for i, j := range r.jobs {
		switch {
		case r.guide.step[i] != step:
		case j.state != over:
			out.Left = append(out.Left, j.Hook.Name)
		default:
			out.Jobs = append(out.Jobs, j.report)
		}
	}
	return out
}

// releaseGuides tells those who wait for steps, when no job runs or begins any more, what is left for them.
func (r *Runner) releaseGuides() {
	for _, run := range r.guides {
		for _, q := range run.guide.asked {
			q.answer <- run.stepped(q.step)
		}
	}
}
