package runner

import (
	"context"
	"slices"

	"hookd/events"
	"hookd/hookspec"
)

// What others may ask of the runner: each question is a message to its owner.

// send gives a message to the owner.
func (r *Runner) send(ctx context.Context, f func()) error {
	select {
	case <-r.stopped:
		return ErrStopped
	default:
	}
	select {
	case r.inbox <- f:
		return nil
	case <-r.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask lets the owner compute something and waits for it.
func ask[T any](ctx context.Context, r *Runner, f func() T) (T, error) {
	var none T
	answer := make(chan T, 1) // full never: one answer each
	if err := r.send(ctx, func() { answer <- f() }); err != nil {
		return none, err
	}
	return receive(ctx, r, answer)
}

// receive waits for what the owner has to say. What it said before it ended counts.
func receive[T any](ctx context.Context, r *Runner, from <-chan T) (T, error) {
	var none T
	select {
	case v := <-from:
		return v, nil
	case <-r.stopped:
		select {
		case v := <-from:
			return v, nil
		default:
			return none, ErrStopped
		}
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Submit hands an event over. It blocks while the inbox is full, so that a source that outruns us waits.
func (r *Runner) Submit(ctx context.Context, e events.Event) error {
	return r.send(ctx, func() { r.arrive(e, entry{}) })
}

// Progress is what a run that somebody waits for has come to: first its id alone, of one that was reported with its steps, then
// each job that ends after it has begun, at last the whole.
type Progress struct {
	Run   string
	Steps []hookspec.Step
	Job   *JobReport
	Ended *RunReport
}

// SubmitWait hands an event over and waits for its run to end, calling each with what happens. When ctx ends or each
// fails first, the run goes on.
func (r *Runner) SubmitWait(ctx context.Context, e events.Event, each func(Progress) error) error {
	run, err := ask(ctx, r, func() *run { return r.arrive(e, entry{wait: true}) })
	if err != nil {
		return err
	}
	return r.relay(ctx, run, each)
}

// relay tells each what becomes of a run. Of the run it reads the channel alone.
func (r *Runner) relay(ctx context.Context, run *run, each func(Progress) error) error {
	for {
		p, err := receive(ctx, r, run.reply)
		if err == nil {
			err = each(p)
		}
		if err != nil || p.Ended != nil {
			return err
		}
	}
}

// Swap replaces the set; runs that have begun or wait keep the plan they have. Hooks that were not in force before hear
// of what is there.
func (r *Runner) Swap(ctx context.Context, set *hookspec.Set) error {
	_, err := ask(ctx, r, func() bool {
		r.swap(set)
		return true
	})
	return err
}

// Set returns the set in force.
func (r *Runner) Set(ctx context.Context) (*hookspec.Set, error) {
	return ask(ctx, r, func() *hookspec.Set { return r.set })
}

// Counts tells how many runs have ended or are under way, how many of these have not begun, how many jobs run, how many
// states settle, how many jobs will be tried again, and which hooks are limited now.
type Counts struct {
	Runs, Waiting, Jobs, Settling, Resting int
	Limited                                []string
}

// Counts counts.
func (r *Runner) Counts(ctx context.Context) (Counts, error) {
	return ask(ctx, r, func() Counts {
		c := Counts{Runs: r.count, Jobs: r.running, Limited: []string{}}
		for _, run := range r.all() {
			if run.untouched() {
				c.Waiting++
			}
			c.Resting += run.count(resting)
		}
		for key := range r.held {
			if !key.Limited {
				c.Settling++
			} else if !slices.Contains(c.Limited, key.Hook) {
				c.Limited = append(c.Limited, key.Hook)
			}
		}
		slices.Sort(c.Limited)
		return c
	})
}
