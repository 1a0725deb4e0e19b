package runner

import (
	"context"
	"slices"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// Result says how a job ended.
type Result string

// The results.
const (
	Done        Result = "done"
	Failed      Result = "failed"      // it could not be started, exited with another status than 0, or a signal ended it
	TimedOut    Result = "timeout"     // it ran longer than Timeout= and was ended with all its processes
	Canceled    Result = "canceled"    // it was ended, or never begun, because hookd stops or a later event replaced it
	Skipped     Result = "skipped"     // a hook that it requires did not succeed, the run was aborted, or a later event took its place
	Limited     Result = "limited"     // too many events came for its hook, or waited for its subject
	Interrupted Result = "interrupted" // hookd was killed while it ran
)

// Results lists them all.
func Results() []Result {
	return []Result{Done, Failed, TimedOut, Canceled, Skipped, Limited, Interrupted}
}

// JobReport tells how one job went.
type JobReport struct {
	Hook       string         `json:"hook"`
	Instance   events.Bytes   `json:"instance"`
	Args       []events.Bytes `json:"args,omitempty"` // the program first
	After      []string       `json:"after,omitempty"`
	Requires   []string       `json:"requires,omitempty"`
	Result     Result         `json:"result"`
	Reason     string         `json:"reason,omitempty"` // why, when the result alone does not say it
	Tries      int            `json:"tries,omitempty"`  // how often it ran, when more than once
	ExitStatus *int           `json:"exitStatus,omitempty"`
	Signal     string         `json:"signal,omitempty"`
	Started    time.Time      `json:"started,omitzero"`
	Ended      time.Time      `json:"ended,omitzero"`
	Output     events.Bytes   `json:"output,omitempty"` // standard output and error together
	Cut        int64          `json:"cut,omitempty"`    // bytes of output that were dropped in its middle
	Left       []Process      `json:"left,omitempty"`   // processes that outlive a oneshot
}

// Process is a process that a job left behind.
type Process struct {
	PID     int          `json:"pid"`
	Command events.Bytes `json:"command"`
}

// RunReport tells how a run went, its jobs in the order of the plan.
type RunReport struct {
	Run      string             `json:"run"`
	Event    events.Event       `json:"event"`
	Result   Result             `json:"result"` // done when every job is, else the first other one
	Aborted  bool               `json:"aborted,omitempty"`
	Jobs     []JobReport        `json:"jobs"`
	Refused  []hookspec.Refusal `json:"refused,omitempty"`
	Settling []string           `json:"settling,omitempty"` // hooks that hear of the event when it has held, in a run of its own
}

// state of a job in a run.
type state int

const (
	pending state = iota
	started
	resting // until it is tried again
	over
)

// job is one job of a run.
type job struct {
	hookspec.Job
	state    state
	tries    int
	lost     bool                    // an earlier hookd began it, and was killed before it ended
	left     bool                    // and nobody waits for it to run again: its guide has gone on without it
	began    time.Time               // then
	replaced error                   // why it is ended while it runs
	cancel   context.CancelCauseFunc // of a job that is started
	report   JobReport
	met      bool // those of its instance
	released bool // the next job of its instance may begin
}

// run is a plan being carried out. The runner's goroutine owns it.
type run struct {
	id       string
	n        int // in the order in which they came
	event    events.Event
	refused  []hookspec.Refusal
	settling []string
	jobs     []job
	first    bool // in the queues of all its subjects
	queued   bool // in the list of runs to look at
	hungry   bool // in the list of runs that wait for a place
	closed   bool
	aborted  string        // the hook whose failure ended the run
	reply    chan Progress // nil when nobody waits; holds all that can come
	waits    bool          // it is for who waits, and is given up with them
	nested   bool          // a job of ours waits for it, and so it for nothing that might wait for that job
	guide    *guide        // nil: all of it may begin
	guided   bool          // it has a guide, or had one that an earlier hookd has left alone
}

func newRun(id string, plan hookspec.Plan) *run {
	meant := slices.DeleteFunc(slices.Clone(plan.Refused), func(f hookspec.Refusal) bool { return !f.Matched })
	r := &run{id: id, event: plan.Event, refused: meant, settling: hooksOf(plan.Settling), jobs: make([]job, len(plan.Jobs))}
	for i, j := range plan.Jobs {
		r.jobs[i].Job = j
		r.jobs[i].report = JobReport{Hook: j.Hook.Name, Instance: events.Bytes(j.Instance), Args: events.AllBytes(j.Args),
			After: hookspec.NamesOf(plan.Jobs, j.After), Requires: hookspec.NamesOf(plan.Jobs, j.Requires)}
	}
	return r
}

func (r *run) count(s state) int {
	n := 0
	for _, j := range r.jobs {
		if j.state == s {
			n++
		}
	}
	return n
}

func (r *run) over() bool { return r.count(over) == len(r.jobs) }

// untouched says whether nothing of the run has begun.
func (r *run) untouched() bool { return r.count(started) == 0 && !r.first }

// ready lists the jobs that may start now, at most limit of them together with those that run. may tells what the rest
// of the world has against a job.
func (r *run) ready(limit int, may func(i int) bool) []int {
	var out []int
	free := limit - r.count(started)
	for i, j := range r.jobs {
		waits := func(k int) bool { return r.jobs[k].state != over }
		if j.state == pending && free > 0 && !slices.ContainsFunc(j.After, waits) && may(i) {
			out = append(out, i)
			free--
		}
	}
	return out
}

// settle ends the pending jobs that will not run any more. Jobs come in the order of the plan, so one pass is enough.
func (r *run) settle() {
	for i, j := range r.jobs {
		if j.state != pending {
			continue
		}
		if r.aborted != "" {
			r.end(i, JobReport{Result: Skipped, Reason: "the failure of " + r.aborted + " ended the run"})
			continue
		}
		for _, k := range j.Requires {
			if r.jobs[k].state == over && r.jobs[k].report.Result != Done {
				r.end(i, JobReport{Result: Skipped, Reason: "it requires " + r.jobs[k].Hook.Name + ", whose result is " + string(r.jobs[k].report.Result)})
				break
			}
		}
	}
}

// giveUp ends every job that does not run.
func (r *run) giveUp(result Result, reason string) {
	for i, j := range r.jobs {
		if j.state == pending || j.state == resting {
			r.end(i, JobReport{Result: result, Reason: reason})
		}
	}
}

// end ends a job with what an executor or the runner says of it.
func (r *run) end(i int, report JobReport) {
	j := &r.jobs[i]
	plan := j.report
	report.Hook, report.Instance, report.Args, report.After, report.Requires = plan.Hook, plan.Instance, plan.Args, plan.After, plan.Requires
	if j.tries > 1 {
		report.Tries = j.tries
	}
	j.state, j.report = over, report
	if j.Hook.Abort && failure(report.Result) && r.aborted == "" {
		r.aborted = j.Hook.Name
	}
}

func (r *run) report() RunReport {
	out := RunReport{Run: r.id, Event: r.event, Result: Done, Aborted: r.aborted != "", Jobs: []JobReport{}, Refused: r.refused, Settling: r.settling}
	for _, j := range r.jobs {
		out.Jobs = append(out.Jobs, j.report)
		if j.report.Result != Done && out.Result == Done {
			out.Result = j.report.Result
		}
	}
	return out
}

// failure says whether a job was carried out and did not succeed, which Failure=abort is about. One that did not run for
// a later event, or comes later itself, is none.
func failure(result Result) bool {
	return result == Failed || result == TimedOut || result == Interrupted
}

// runsAgain says of a lost job whether it has a try left, and is still wanted.
func (j *job) runsAgain() bool {
	return again(Failed, j.tries, j.Hook.Retry) && j.replaced == nil && !j.left
}

// attempt executes a job. What an earlier hookd had begun is ended first, and begun anew only with Retry=.
func (j *job) attempt(ctx context.Context, exec Executor, facts hookspec.Facts, t Task) JobReport {
	if j.lost {
		exec.Clear(ctx, t)
	}
	if j.lost && !j.runsAgain() {
		return JobReport{Result: Interrupted, Reason: "hookd was killed while it ran", Started: j.began, Ended: time.Now()}
	}
	begin := time.Now()
	judging, stop := context.WithTimeout(ctx, judgeLimit)
	defer stop()
	if fact := hookspec.Judge(judging, t.Job.Conditions, t.Job.Params, facts); !fact.True && ctx.Err() == nil {
		return JobReport{Result: Skipped, Reason: fact.Why, Started: begin, Ended: time.Now()}
	}
	report := exec.Execute(ctx, t)
	report.Started, report.Ended = begin, time.Now()
	return report
}

// again says whether a job that ended so is tried once more.
func again(result Result, tries, retry int) bool {
	return (result == Failed || result == TimedOut) && tries <= retry
}
