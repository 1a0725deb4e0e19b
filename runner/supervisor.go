package runner

import (
	"context"
	"time"

	"hookd/hookspec"
)

// ServiceID names a service: a hook with Type=service and one instance of it. With an empty hook it is an existing unit of
// the service manager that somebody only asks about, and the instance is its name.
type ServiceID struct{ Hook, Instance string }

// ServiceSpec is all that a Supervisor has to know to start a service. Values are bytes, without NUL.
type ServiceSpec struct {
	ID          ServiceID
	Description string
	Unit        string   // an existing unit that is started in place of Args; else empty
	Args        []string // the program first, an absolute path whose links were followed and that is trusted
	Env         []string // NAME=value, the whole environment
	Dir         string
	User, Group *hookspec.Account    // nil: as hookd
	Directives  []hookspec.Directive // of [Service]
}

// Phase is where a service stands.
type Phase string

// The phases.
const (
	Inactive   Phase = "inactive"   // it does not run: it never did, it was stopped, or it ended by itself as it should
	Starting   Phase = "starting"   // it was started and is not ready yet
	Running    Phase = "running"    // it is ready
	Restarting Phase = "restarting" // it died and will be started again by the supervisor
	Stopping   Phase = "stopping"
	Broken     Phase = "broken" // it died and is not started again; Result says why
)

// ServiceState is what a Supervisor knows of a service at one moment.
type ServiceState struct {
	ID         ServiceID `json:"id"`
	Phase      Phase     `json:"phase"`
	Result     string    `json:"result,omitempty"` // how it ended last, in systemd's words: success exit-code signal core-dump timeout watchdog start-limit-hit oom-kill resources exec-condition; unknown when nobody can tell
	ExitStatus *int      `json:"exitStatus,omitempty"`
	Signal     string    `json:"signal,omitempty"`     // that ended it: SIGKILL
	Reason     string    `json:"reason,omitempty"`     // what the result does not say, a sentence: cannot run …
	Restarts   int       `json:"restarts,omitempty"`   // by the supervisor, since it was started
	PID        int       `json:"pid,omitempty"`        // of the main process, for people to read; nobody signals it
	Unit       string    `json:"unit,omitempty"`       // of systemd; empty elsewhere
	Since      time.Time `json:"since,omitzero"`       // of the phase
	Invocation string    `json:"invocation,omitempty"` // differs for each time it was started, by whomever
}

// Supervisor starts, watches and stops services. Services outlive it: what it does not stop goes on when hookd ends, and
// the next one finds it. Its methods are safe for use by several goroutines.
type Supervisor interface {
	// Describe says which one it is and what it can do, for people.
	Describe() string
	// Run watches until ctx ends. It calls tell with all services there are (whole is true) as soon as it knows them, and
	// again whenever it may have missed something; and with those that have changed. What is not in a whole list does not
	// run. Calls come one at a time; while one blocks later states of a service take the place of earlier ones.
	Run(ctx context.Context, tell func(states []ServiceState, whole bool))
	// Start starts a service and waits until it is ready or has failed. One that runs is left alone; one that failed
	// earlier is started as if it never had. The error says in a sentence why it does not run. When ctx ends the service
	// goes on as it is.
	Start(ctx context.Context, s ServiceSpec) error
	// Stop stops a service with everything it started, and waits for it to be gone. One that does not run is no error. It
	// may be called while a Start of the same service waits, which then fails.
	Stop(ctx context.Context, id ServiceID) error
	// Follow names the existing units to watch, in place of those named before; a supervisor without units ignores it.
	Follow(units map[ServiceID]string)
	// Output is the end of what a service has written, as far as somebody kept it.
	Output(ctx context.Context, id ServiceID) ([]byte, error)
}
