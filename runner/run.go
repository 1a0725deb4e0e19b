package runner

import (
	"slices"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// Result says how a job ended.
type Result string

// The results.
const (
	Done     Result = "done"
	Failed   Result = "failed"   // it could not be started, exited with another status than 0, or a signal ended it
	TimedOut Result = "timeout"  // it ran longer than Timeout= and was ended with all its processes
	Canceled Result = "canceled" // it was ended, or never begun, because hookd stops
	Skipped  Result = "skipped"  // a hook that it requires did not succeed, or the run was aborted before
	Limited  Result = "limited"  // too many events waited for its subject
)

// JobReport tells how one job went.
type JobReport struct {
	Hook       string       `json:"hook"`
	Instance   string       `json:"instance"`
	Result     Result       `json:"result"`
	Reason     string       `json:"reason,omitempty"` // why, when the result alone does not say it
	ExitStatus *int         `json:"exitStatus,omitempty"`
	Signal     string       `json:"signal,omitempty"`
	Started    time.Time    `json:"started,omitzero"`
	Ended      time.Time    `json:"ended,omitzero"`
	Output     events.Bytes `json:"output,omitempty"` // standard output and error together
	Cut        int64        `json:"cut,omitempty"`    // bytes of output that were dropped in its middle
	Left       []Process    `json:"left,omitempty"`   // processes that outlive a oneshot
}

// Process is a process that a job left behind.
type Process struct {
	PID     int          `json:"pid"`
	Command events.Bytes `json:"command"`
}

// RunReport tells how a run went, its jobs in the order of the plan.
type RunReport struct {
	Run     string             `json:"run"`
	Event   events.Event       `json:"event"`
	Result  Result             `json:"result"` // done when every job is, else the first other one
	Aborted bool               `json:"aborted,omitempty"`
	Jobs    []JobReport        `json:"jobs"`
	Refused []hookspec.Refusal `json:"refused,omitempty"`
}

// state of a job in a run.
type state int

const (
	pending state = iota
	started
	over
)

// run is a plan being carried out. The runner's goroutine owns it.
type run struct {
	id      string
	event   events.Event
	plan    hookspec.Plan
	states  []state
	reports []JobReport
	begun   bool
	closed  bool
	aborted string // the hook whose failure ended the run
	reply   chan RunReport
}

func (r *run) running() int {
	n := 0
	for _, s := range r.states {
		if s == started {
			n++
		}
	}
	return n
}

func (r *run) over() bool {
	return !slices.ContainsFunc(r.states, func(s state) bool { return s != over })
}

// ready lists the jobs that may start now, at most limit of them together with those that run.
func (r *run) ready(limit int) []int {
	var out []int
	free := limit - r.running()
	for i, s := range r.states {
		waits := func(j int) bool { return r.states[j] != over }
		if s == pending && free > 0 && !slices.ContainsFunc(r.plan.Jobs[i].After, waits) {
			out = append(out, i)
			free--
		}
	}
	return out
}

// settle ends the pending jobs that will not run any more. Jobs come in the order of the plan, so one pass is enough.
func (r *run) settle() {
	for i, s := range r.states {
		if s != pending {
			continue
		}
		if r.aborted != "" {
			r.end(i, JobReport{Result: Skipped, Reason: "the failure of " + r.aborted + " ended the run"})
			continue
		}
		for _, j := range r.plan.Jobs[i].Requires {
			if r.states[j] == over && r.reports[j].Result != Done {
				r.end(i, JobReport{Result: Skipped, Reason: "it requires " + r.reports[j].Hook + ", whose result is " + string(r.reports[j].Result)})
				break
			}
		}
	}
}

// giveUp ends every job that has not started.
func (r *run) giveUp(result Result, reason string) {
	for i, s := range r.states {
		if s == pending {
			r.end(i, JobReport{Result: result, Reason: reason})
		}
	}
}

func (r *run) end(i int, report JobReport) {
	job := r.plan.Jobs[i]
	report.Hook, report.Instance = job.Hook.Name, job.Instance
	r.states[i], r.reports[i] = over, report
	if job.Hook.Abort && report.Result != Done && r.aborted == "" {
		r.aborted = job.Hook.Name
	}
}

func (r *run) report() RunReport {
	out := RunReport{Run: r.id, Event: r.event, Result: Done, Aborted: r.aborted != "", Jobs: r.reports, Refused: r.plan.Refused}
	for _, j := range r.reports {
		if j.Result != Done && out.Result == Done {
			out.Result = j.Result
		}
	}
	return out
}
