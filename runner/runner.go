// Package runner makes plans run: one queue for each subject, subjects in parallel, the jobs of a run side by side as
// far as their order allows.
//
// One goroutine, Run, owns all state; the other methods send it messages. What a job is and how it is executed is the
// business of an Executor; see package runner/process. What has happened is written to a Journal before anything starts,
// so that the next hookd neither forgets nor repeats; see package runner/history.
package runner

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// Bounds. What happens beyond each is said where it is used.
const (
	perRun    = 8   // jobs of one run at a time; further ones wait
	perRunner = 64  // jobs at a time; further ones wait, those that wait longest first
	perQueue  = 64  // runs that wait for one subject, jobs for one instance; beyond, the oldest is given up and told
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
	Stop  <-chan struct{} // closed when hookd cannot wait much longer, whatever the job has been granted
}

// Executor runs one job to its end. It must return when ctx is canceled, for the reason that is its cause, with
// everything it started gone, and it must be safe for use by several goroutines. What the plan says of the job, and the
// times, are filled into the report by the runner.
type Executor interface {
	Execute(ctx context.Context, t Task) JobReport
	// Clear ends what is left of a job that an earlier hookd had begun and not seen the end of.
	Clear(ctx context.Context, t Task)
}

// Arrival is an event that has come in.
type Arrival struct {
	Event    events.Event
	Run      string // empty when no hook runs for it now
	Refused  []hookspec.Refusal
	Settling []string // hooks that hear of it when it has held
	Late     string   // why an event that was told before comes again: one of the Late words
}

// Observer hears what happens. Its methods are called by the goroutine that owns the runner and must not block.
type Observer interface {
	Arrived(Arrival)
	JobEnded(e events.Event, run string, r JobReport)
	RunEnded(r RunReport)
	// Missed tells why a service that is wanted does not run, each reason once.
	Missed(id ServiceID, why string)
}

// Runner carries events to hooks.
type Runner struct {
	exec     Executor
	observer Observer
	journal  Journal
	follow   bool
	saved    *Saved
	inbox    chan func()
	done     chan finished
	opDone   chan func() // ends of operations; unbuffered, Run reads it until none is left
	stopped  chan struct{}

	supervisor Supervisor
	facts      hookspec.Facts
	trust      hookspec.Trust
	paths      chan struct{} // a place for each program that is looked for where nothing may answer; full: none is

	// Owned by the goroutine of Run:
	set       *hookspec.Set
	prefix    string
	count     int                // runs
	seq       int                // of the last run that was queued
	queues    map[string][]*run  // by subject
	busy      map[instance][]ref // jobs that are not over, in the order in which they came
	todo      []*run             // to be looked at
	hungry    []*run             // that want a place among all jobs
	running   int                // jobs
	guides    []*run             // runs that are guided and the last ones that were, oldest first
	told      *events.Told
	held      map[holdKey]hold
	scheduled map[holdKey]bool // holds that are in the agenda
	limited   map[instance][]holdKey
	windows   map[instance]window
	admitted  int
	agenda    agenda
	noted     []Record
	long      bool     // the journal is
	known     []string // hooks that have heard of the state, as long as their files are there
	ctx       context.Context
	ended     bool

	// Of services:
	services   map[ServiceID]*service
	attention  []*service                    // to be looked at
	fresh      []events.Event                // that have changed what is known of the world, not judged yet
	holding    map[string]map[string]holding // by hook and topic
	against    map[string]string             // why a state that holds does not want a hook's service, by hook
	units      map[string]bool               // that While=unit asks about, active
	ops        context.Context               // of operations
	operations int
	ready      bool // the state of the kernel is known
	supervised bool // the state of the services is
}

// Options of New.
type Options struct {
	FollowUps bool    // results of jobs are events that start further hooks
	Journal   Journal // nil for none
	Saved     *Saved  // what an earlier hookd has left; nil for nothing

	Supervisor Supervisor     // nil where no services are run; its Run is the caller's to call
	Facts      hookspec.Facts // nil: nobody can tell
	Trust      hookspec.Trust // for the programs of services
}

// New makes a runner for a set.
func New(exec Executor, observer Observer, set *hookspec.Set, opt Options) *Runner {
	return &Runner{
		exec: exec, observer: observer, set: set, follow: opt.FollowUps, journal: opt.Journal, saved: opt.Saved,
		inbox: make(chan func(), inbox), done: make(chan finished), opDone: make(chan func()), stopped: make(chan struct{}),
		supervisor: opt.Supervisor, facts: opt.Facts, trust: opt.Trust, paths: make(chan struct{}, perRunner),
		services: map[ServiceID]*service{}, holding: map[string]map[string]holding{}, against: map[string]string{}, units: map[string]bool{},
		prefix: strconv.FormatInt(time.Now().UnixNano()/1000, 36), queues: map[string][]*run{}, busy: map[instance][]ref{},
		told: events.NewTold(), held: map[holdKey]hold{}, scheduled: map[holdKey]bool{}, limited: map[instance][]holdKey{}, windows: map[instance]window{},
	}
}

func (r *Runner) now() time.Time { return time.Now() }

// Run owns the runner until ctx ends. Then nothing new is begun, jobs that run get a moment to finish and are canceled
// after it, and Run returns when the last one is gone. What has not begun stays in the journal.
func (r *Runner) Run(ctx context.Context) {
	jobs, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	r.ctx = jobs
	ops, stopOps := context.WithCancel(jobs)
	defer stopOps()
	r.ops = ops
	r.resume(r.saved)
	r.saved = nil
	r.shorten() // no job begins before there is a journal
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		r.work()
		select {
		case f := <-r.inbox:
			f()
		case d := <-r.done:
			r.jobEnded(d)
		case f := <-r.opDone:
			f()
		case <-r.agenda.timer(timer, r.now()):
			for _, do := range r.agenda.due(r.now()) {
				do()
			}
		case <-ctx.Done():
		}
	}
	stopOps() // services go on without us
	r.stop(func() { cancel(ErrStopped) })
	close(r.stopped)
}

// stop waits for the jobs that run, and tells those who wait for others that these will not.
func (r *Runner) stop(cancel func()) {
	r.ended = true
	for _, run := range r.all() {
		if run.waits {
			run.giveUp(Canceled, ErrStopped.Error())
			r.wake(run)
		}
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	for r.work(); r.running+r.operations > 0; r.work() {
		select {
		case f := <-r.inbox:
			f()
		case d := <-r.done:
			r.jobEnded(d)
		case f := <-r.opDone:
			f()
		case <-grace.C:
			cancel()
		}
	}
	for { // what came meanwhile is written down
		select {
		case f := <-r.inbox:
			f()
			r.work()
		default:
			r.releaseGuides()
			return
		}
	}
}

// all lists the runs that have not ended, each once, in the order in which they came.
func (r *Runner) all() []*run {
	var out []*run
	for subject, q := range r.queues {
		for _, run := range q {
			if run.subjects()[0] == subject {
				out = append(out, run)
			}
		}
	}
	slices.SortFunc(out, func(a, b *run) int { return a.n - b.n })
	return out
}
