// Package runner makes plans run: one queue for each subject, subjects in parallel, the jobs of a run side by side as
// far as their order allows.
//
// One goroutine, Run, owns all state; the other methods send it messages. What a job is and how it is executed is the
// business of an Executor; see package runner/process.
package runner

import (
	"context"
	"errors"
	"strconv"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// Bounds. What happens beyond each is said where it is used.
const (
	perRun    = 8   // jobs of one run at a time; further ones wait
	perRunner = 64  // jobs at a time; further ones wait, oldest run first
	perQueue  = 64  // runs that wait for one subject; beyond, the oldest one that waits is dropped and told
	inbox     = 256 // messages to the owner; beyond, the sender waits
	stopGrace = 3 * time.Second
)

// ErrStopped is returned to callers when the runner ends before it could serve them.
var ErrStopped = errors.New("hookd is stopping")

// Task is one job as an Executor gets it.
type Task struct {
	Run   string
	Event events.Event
	Job   hookspec.Job
}

// Executor runs one job to its end. It must return when ctx is canceled, with everything it started gone, and it must
// be safe for use by several goroutines. Hook, Instance and the times of the report are filled in by the runner.
type Executor interface {
	Execute(ctx context.Context, t Task) JobReport
}

// Observer hears what happens. Its methods are called by the goroutine that owns the runner and must not block.
type Observer interface {
	Arrived(e events.Event, run string, refused []hookspec.Refusal)
	JobEnded(e events.Event, run string, r JobReport)
	RunEnded(r RunReport)
}

// Runner carries events to hooks.
type Runner struct {
	exec     Executor
	observer Observer
	follow   bool
	inbox    chan func()
	done     chan finished
	stopped  chan struct{}

	// Owned by the goroutine of Run:
	set     *hookspec.Set
	prefix  string
	count   int
	queues  map[string][]*run
	active  []*run // begun, in the order of their beginning
	running int    // jobs
	starved bool   // some run waits for a place among all jobs
	filling bool   // places are being given to those that wait
	ctx     context.Context
	ended   bool
}

// Options of New.
type Options struct {
	FollowUps bool // results of jobs are events that start further hooks
}

// New makes a runner for a set.
func New(exec Executor, observer Observer, set *hookspec.Set, opt Options) *Runner {
	return &Runner{
		exec: exec, observer: observer, set: set, follow: opt.FollowUps,
		inbox: make(chan func(), inbox), done: make(chan finished), stopped: make(chan struct{}),
		prefix: strconv.FormatInt(time.Now().UnixNano()/1000, 36), queues: map[string][]*run{},
	}
}

// Run owns the runner until ctx ends. Then nothing new is begun, jobs that run get a moment to finish and are canceled
// after it, and Run returns when the last one is gone.
func (r *Runner) Run(ctx context.Context) {
	jobs, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r.ctx = jobs
	for ctx.Err() == nil {
		select {
		case f := <-r.inbox:
			f()
		case d := <-r.done:
			r.jobEnded(d)
		case <-ctx.Done():
		}
	}
	r.stop(cancel)
	close(r.stopped)
}

// stop gives up what has not started and waits for the jobs that run.
func (r *Runner) stop(cancel context.CancelFunc) {
	r.ended = true
	left := r.all()
	for _, run := range left {
		run.giveUp(Canceled, ErrStopped.Error())
	}
	for _, run := range left {
		if run.over() {
			r.endRun(run)
		}
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	for r.running > 0 {
		select {
		case f := <-r.inbox:
			f()
		case d := <-r.done:
			r.jobEnded(d)
		case <-grace.C:
			cancel()
		}
	}
	for { // what came meanwhile is told as canceled
		select {
		case f := <-r.inbox:
			f()
		default:
			return
		}
	}
}

// all lists the runs that have not ended, each once.
func (r *Runner) all() []*run {
	var out []*run
	for subject, q := range r.queues {
		for _, run := range q {
			if run.event.Subject == subject {
				out = append(out, run)
			}
		}
	}
	return out
}

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
	select {
	case v := <-answer:
		return v, nil
	case <-r.stopped:
		return none, ErrStopped
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Submit hands an event over. It blocks while the inbox is full, so that a source that outruns us waits.
func (r *Runner) Submit(ctx context.Context, e events.Event) error {
	return r.send(ctx, func() { r.arrive(e, nil) })
}

// SubmitWait hands an event over and waits for its run to end. When ctx ends first, the run goes on.
func (r *Runner) SubmitWait(ctx context.Context, e events.Event) (RunReport, error) {
	reply := make(chan RunReport, 1) // full never: one report each
	if err := r.send(ctx, func() { r.arrive(e, reply) }); err != nil {
		return RunReport{}, err
	}
	select {
	case report := <-reply:
		return report, nil
	case <-r.stopped:
		select {
		case report := <-reply:
			return report, nil
		default:
			return RunReport{}, ErrStopped
		}
	case <-ctx.Done():
		return RunReport{}, ctx.Err()
	}
}

// Swap replaces the set; runs that have begun or wait keep the plan they have.
func (r *Runner) Swap(ctx context.Context, set *hookspec.Set) error {
	_, err := ask(ctx, r, func() bool { r.set = set; return true })
	return err
}

// Set returns the set in force.
func (r *Runner) Set(ctx context.Context) (*hookspec.Set, error) {
	return ask(ctx, r, func() *hookspec.Set { return r.set })
}

// Counts tells how many runs have ended or are under way, how many wait for their subject, and how many jobs run.
type Counts struct{ Runs, Waiting, Jobs int }

// Counts counts.
func (r *Runner) Counts(ctx context.Context) (Counts, error) {
	return ask(ctx, r, func() Counts { return Counts{r.count, len(r.all()) - len(r.active), r.running} })
}
