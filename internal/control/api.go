package control

import (
	"time"

	"hookd/events"
	"hookd/hookspec"
	"hookd/runner"
	"hookd/runner/history"
)

// The methods. What they take and give are the types below; hookctl(1) documents their JSON.
const (
	MethodStatus  = "io.hookd.Status"  // nothing → Status
	MethodReload  = "io.hookd.Reload"  // nothing → Reloaded
	MethodEmit    = "io.hookd.Emit"    // EmitRequest → EmitReply
	MethodWatch   = "io.hookd.Watch"   // WatchRequest → Record, again and again
	MethodHistory = "io.hookd.History" // HistoryRequest → HistoryReply, again and again

	MethodServices = "io.hookd.Services" // ServicesRequest → ServicesReply
	MethodManage   = "io.hookd.Manage"   // ManageRequest → ServicesReply, when what was asked for has come about
	MethodFlush    = "io.hookd.Flush"    // nothing → Flushed

	// What a shim says. It greets first: until it has the answer it may go away and run oneshots itself. After it has sent the
	// report it never runs what may have begun.
	MethodHello   = "io.hookd.Hello"   // nothing → Hello
	MethodReport  = "io.hookd.Report"  // ReportRequest → ReportReply, again and again
	MethodProceed = "io.hookd.Proceed" // ProceedRequest → ProceedReply, when what it lets begin is over
	MethodScripts = "io.hookd.Scripts" // ScriptsRequest → nothing
)

// Hello says who is there.
type Hello struct {
	Version string `json:"version"`
}

// ReportRequest is an event that an old system tells of, and the scripts that the caller itself runs for it, in the order in
// which the old system would run them. Where there are scripts, hooks begin only when Proceed lets them, and what has not
// begun when the caller, or hookd, goes away is canceled.
type ReportRequest struct {
	Event      string         `json:"event"`
	Parameters []EmitParam    `json:"parameters"`
	Scripts    []events.Bytes `json:"scripts,omitempty"`
}

// ReportReply is first one with Run and Steps, then one with Job for each job that ends, and at last one with Ended.
type ReportReply struct {
	Run   string            `json:"run,omitempty"`
	Steps []hookspec.Step   `json:"steps,omitempty"` // scripts and hooks in one order; empty when no hook runs
	Job   *runner.JobReport `json:"job,omitempty"`
	Ended *runner.RunReport `json:"ended,omitempty"`
}

// ProceedRequest lets the hooks of a step of a run, and of those before it, begin: steps count from 0. With Stop nothing of the
// run begins any more, and it says why. A run that is over may still be asked about for a while. Who has a connection for this
// asks on it within 10 seconds, or makes another one: the server keeps none on which nothing is asked.
type ProceedRequest struct {
	Run  string `json:"run"`
	Step int    `json:"step"`
	Stop string `json:"stop,omitempty"`
}

// ScriptsRequest tells what has become of old scripts that the caller has run for an event, for the history. The hooks of its
// jobs are named legacy:SCRIPT.
type ScriptsRequest struct {
	Event      string             `json:"event"`
	Parameters []EmitParam        `json:"parameters"`
	Jobs       []runner.JobReport `json:"jobs"`
}

// ProceedReply has the hooks of the step, and the one whose Failure=abort has ended the run. Those that are left do not begin any
// more, because hookd ends. The error is ErrRequest, too, when a hookd does not know the run: nothing of the step has begun then.
type ProceedReply struct {
	Jobs    []runner.JobReport `json:"jobs"`
	Aborted string             `json:"aborted,omitempty"`
	Left    []string           `json:"left,omitempty"`
}

// Status says how hookd is.
type Status struct {
	Version  string         `json:"version"`
	PID      int            `json:"pid"`
	Since    time.Time      `json:"since"`
	Executor string         `json:"executor"`
	State    string         `json:"state"` // the state directory
	Files    string         `json:"files"` // how changes of files are heard
	Hooks    int            `json:"hooks"`
	Kept     []string       `json:"kept"` // as in Reloaded
	Faults   int            `json:"faults"`
	Runs     int            `json:"runs"`
	Waiting  int            `json:"waiting"`  // runs
	Running  int            `json:"running"`  // jobs
	Settling int            `json:"settling"` // states that must hold a while
	Resting  int            `json:"resting"`  // jobs that will be tried again
	Limited  []string       `json:"limited"`  // hooks whose RateLimit= holds events back
	Trouble  []string       `json:"trouble"`  // what does not work, and goes on being tried
	Sources  []SourceStatus `json:"sources"`
	Services ServiceCounts  `json:"services"`
}

// ServiceCounts says how many services are wanted, how many of all run, and how many that are wanted do not.
type ServiceCounts struct {
	By      string `json:"by"` // what supervises them
	Wanted  int    `json:"wanted"`
	Running int    `json:"running"`
	Missing int    `json:"missing"`
}

// ServicesRequest asks for services; without a hook for all, with it for their last output too.
type ServicesRequest struct {
	Hook string `json:"hook,omitempty"`
}

// Service is one service, with the end of what it has written where one hook was asked for.
type Service struct {
	runner.ServiceReport
	Output events.Bytes `json:"output,omitempty"`
}

// ServicesReply has the services by hook and instance.
type ServicesReply struct {
	Services []Service `json:"services"`
}

// ManageRequest asks to start, stop or restart the services of a hook.
type ManageRequest struct {
	Verb       string      `json:"verb"`
	Hook       string      `json:"hook"`
	Parameters []EmitParam `json:"parameters"` // of the event that it is started for; to stop, those that name the instance
}

// SourceStatus tells of one source of events.
type SourceStatus struct {
	Name     string `json:"name"`
	Overruns int64  `json:"overruns"` // how often the kernel dropped messages
	Foreign  int64  `json:"foreign"`  // messages that were not the kernel's, and were not read
}

// Reloaded is the outcome of a reload.
type Reloaded struct {
	Hooks  int      `json:"hooks"`
	Kept   []string `json:"kept"` // hooks whose files have faults, in force as they were read before
	Faults []string `json:"faults"`
}

// EmitRequest asks for an event.
type EmitRequest struct {
	Event      string      `json:"event"`
	Parameters []EmitParam `json:"parameters"`
	Wait       bool        `json:"wait,omitempty"`
	DryRun     bool        `json:"dryRun,omitempty"`
}

// EmitParam is one parameter, in the order in which it was given.
type EmitParam struct {
	Key   string       `json:"key"`
	Value events.Bytes `json:"value"`
}

// EmitParams are parameters as they are asked with.
func EmitParams(params []events.Param) []EmitParam {
	out := []EmitParam{}
	for _, p := range params {
		out = append(out, EmitParam{p.Key, events.Bytes(p.Value)})
	}
	return out
}

// EmitReply has Plan for a dry run. For a wait there are several if the client takes them: one with Run, one with Job for
// each job that ends, the last one with Ended.
type EmitReply struct {
	Run   string               `json:"run,omitempty"`
	Job   *runner.JobReport    `json:"job,omitempty"`
	Ended *runner.RunReport    `json:"ended,omitempty"`
	Plan  *hookspec.PlanReport `json:"plan,omitempty"`
}

// WatchRequest asks for what happens; without a pattern for everything.
type WatchRequest struct {
	Pattern []string `json:"pattern,omitempty"`
}

// Record is one thing that happened.
type Record struct {
	Kind     string            `json:"kind"` // watching (the first one), event, job, run or lost
	Event    *events.Event     `json:"event,omitempty"`
	Run      string            `json:"run,omitempty"`
	Late     string            `json:"late,omitempty"`     // why an event that was told before comes again: a Late word of runner
	Settling []string          `json:"settling,omitempty"` // of an event: hooks that hear of it when it has held
	Job      *runner.JobReport `json:"job,omitempty"`
	Ended    *runner.RunReport `json:"ended,omitempty"`
	Lost     int               `json:"lost,omitempty"` // records that the client was too slow for

	Refused []hookspec.Refusal `json:"refused,omitempty"` // of an event: hooks that were meant and do not run
}

// HistoryRequest asks for runs; what is empty means any.
type HistoryRequest struct {
	Run    string    `json:"run,omitempty"`
	Hook   string    `json:"hook,omitempty"`
	Event  []string  `json:"event,omitempty"` // a pattern
	Result string    `json:"result,omitempty"`
	Since  time.Time `json:"since,omitzero"`
}

// Flushed says where the history lasts, and that it is there.
type Flushed struct {
	Directory string `json:"directory"`
}

// HistoryReply has one run; the last one has none.
type HistoryReply struct {
	Entry *history.Entry `json:"entry,omitempty"`
}
