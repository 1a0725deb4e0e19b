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
// when they are let. Of that nothing is written down: a later hookd carries such a run on without a guide, because who guides
// it has lost hookd and goes on with the scripts alone. So no hook is lost, and only the order is.

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

// Stepped is what has become of the hooks of a step, and which hook's Failure=abort has ended the run.
type Stepped struct {
	Jobs    []JobReport
	Aborted string
}

// guidedKept is how many guided runs are kept that are over, so that who guides them learns so.
const guidedKept = 64

// errGuide is why the rest of a guided run is given up.
const errGuide = "who runs the scripts between the hooks has gone"

// ErrNotGuided is returned to who lets begin what is not there.
var ErrNotGuided = errors.New("there is no such step of a guided run")

// SubmitReport hands over what an old system reports, and waits as SubmitWait does. With scripts, which the caller runs, no
// hook begins before Proceed lets it, and what has not begun when the caller goes away is given up.
func (r *Runner) SubmitReport(ctx context.Context, e events.Event, scripts []string, each func(Progress) error) error {
	// the owner answers soon; to go away before would be to leave a run without its guide
	run, err := ask(context.WithoutCancel(ctx), r, func() *run { return r.arrive(e, entry{wait: true, report: true, scripts: scripts}) })
	if err != nil {
		return err
	}
	err = r.relay(ctx, run, each)
	if err != nil && len(scripts) > 0 {
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
	steps := r.set.Steps(plan, in.scripts)
	if len(in.scripts) == 0 {
		return steps
	}
	run.guide = &guide{steps: len(steps), step: make([]int, len(run.jobs)), let: -1}
	for i, j := range run.jobs {
		run.guide.step[i] = slices.IndexFunc(steps, func(s hookspec.Step) bool { return slices.Contains(s.Hooks, j.Hook.Name) })
	}
	gone := slices.IndexFunc(r.guides, isClosed)
	if r.guides = append(r.guides, run); len(r.guides) > guidedKept && gone >= 0 {
		r.guides = slices.Delete(r.guides, gone, gone+1)
	}
	return steps
}

// Proceed lets the hooks of a step of a guided run begin, and those of the steps before it, and waits until they are over. With
// a reason to stop nothing of the run begins any more.
func (r *Runner) Proceed(ctx context.Context, id string, step int, stop string) (Stepped, error) {
	answer := make(chan Stepped, 1)
	err, sent := ask(ctx, r, func() error { return r.proceed(id, step, stop, answer) })
	if err != nil || sent != nil {
		return Stepped{}, errors.Join(err, sent)
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
		out := Stepped{Jobs: []JobReport{}, Aborted: r.aborted}
		for i, j := range r.jobs {
			switch {
			case r.guide.step[i] != q.step:
			case j.state != over:
				return false
			default:
				out.Jobs = append(out.Jobs, j.report)
			}
		}
		q.answer <- out
		return true
	})
}
