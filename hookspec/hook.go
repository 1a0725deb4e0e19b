// Package hookspec says what should run: it reads hook files, judges whom to trust, and makes for an event the plan of
// the hooks that run, in which order and with which parameters. All of it but reading the files is pure.
//
// The format is documented in hookd.hook(5). A Hook and a Set never change once they are made, so any goroutine may
// use them.
package hookspec

import (
	"strconv"
	"time"

	"hookd/events"
)

// Hook is one hook as its files declare it, every value checked.
type Hook struct {
	Name        string
	Path        string // the main file
	Script      bool   // the main file is itself what is executed
	Description string
	Docs        []string

	On         []Trigger
	After      []Ref
	Before     []Ref
	Requires   []Ref
	Reverse    bool
	Parameters []Parameter

	Exec        []Arg
	JSON        bool          // the event is given on standard input
	Timeout     time.Duration // 0: no limit
	KillAfter   time.Duration
	Abort       bool // a failure ends the run
	Retry       int  // how often a job that failed is tried again
	RetryDelay  time.Duration
	Instance    Template      // one job at a time for each value; without it for each subject
	WhenBusy    string        // one of the Busy words
	Settle      time.Duration // how long a state must hold before the hook hears of it
	RateLimit   Rate          // of each instance
	SkipStart   bool          // what was there before hookd or the hook is no event
	User, Group *Account
	Dir         string // working directory, absolute
	Dialect     string // the old system whose environment the job has, too; empty for none
	Environment []Variable

	Service    bool        // Type=service: it is started once and tracked, not waited for
	While      []State     // wanted as long as one of them holds
	StopOn     []Trigger   // not wanted any more
	Unit       Template    // an existing unit that is started in place of a program
	Conditions []Condition // all must hold when its turn has come
	Directives []Directive // of [Service]

	Settings []Setting // what is in force, in the order of the files

	format  string            // checked, without effect in this version
	scripts map[string]string // of an old system: the path by the name of the event; nil for a hook that somebody wrote
}

// Trigger is one On= line.
type Trigger struct {
	events.Pattern
	Place Place
}

// Ref names other hooks, by name or glob.
type Ref struct {
	events.Glob
	Place Place
}

// Parameter is a declared parameter. Without a default it is required.
type Parameter struct {
	Name       string
	Default    string
	HasDefault bool
	Place      Place
}

// Arg is one word of Exec=.
type Arg struct {
	Template
	Place Place
}

// Variable is one assignment of Environment=.
type Variable struct {
	Name  string
	Value Template
	Place Place
}

// Account is a user or a group as the host knows it. Groups and GID are set for users only.
type Account struct {
	Name   string
	ID     uint32
	GID    uint32
	Groups []uint32
}

// Setting is one assignment that is in force, with the place that made it. Keys of [Service] are written with the
// section before them: [Service] Restart.
type Setting struct {
	Key, Value string
	Place      Place
}

// What becomes of an event that meets a job of its instance.
const (
	BusyQueue    = "queue"    // it waits
	BusyReplace  = "replace"  // that job is ended, or does not begin, and the event takes its place
	BusyMerge    = "merge"    // a job that has not begun gives way to the event
	BusyParallel = "parallel" // it does not wait for anything but its own run's order
	BusyKeep     = "keep"     // of a service: it goes on as it is
	BusyRestart  = "restart"  // of a service: it is started anew with what the event says
)

// Rate is how many jobs may begin within a time; the zero Rate knows no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

func (r Rate) String() string {
	if r.Count == 0 {
		return "infinity"
	}
	return strconv.Itoa(r.Count) + "/" + formatDuration(r.Per)
}

// Defaults of keys.
const (
	defaultTimeout    = 30 * time.Second
	defaultKillAfter  = 5 * time.Second
	defaultRetryDelay = time.Second
	defaultRate       = 100 // a minute
)

// newHook is a hook in which nothing was set. What depends on its type is filled in at the end.
func newHook(name, path string) *Hook {
	return &Hook{Name: name, Path: path, Timeout: defaultTimeout, KillAfter: defaultKillAfter, Dir: "/",
		RetryDelay: defaultRetryDelay, RateLimit: Rate{defaultRate, time.Minute}}
}

// IsName says whether s can name a hook: letters, digits and _.@+-, a letter, digit or _ first, at most 100 bytes.
func IsName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '.' && c != '@' && c != '+' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// Program is the path of what the hook executes and the place that says so.
func (h *Hook) Program() (string, Place) {
	if h.Script {
		return h.Path, Place{h.Path, 1, 1}
	}
	if len(h.Exec) == 0 {
		return "", Place{}
	}
	text, _ := h.Exec[0].Expand(func(string) (string, bool) { return "", false })
	return text, h.Exec[0].Place
}
