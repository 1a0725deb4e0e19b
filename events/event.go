// Package events says what can happen: events, the table of their names and parameters, and the pattern grammar that
// every On= line, every command and every filter shares.
//
// It uses the standard library only and does nothing by itself: sources below it make events, the runner above it
// carries them.
package events

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Where an event comes from; hooks see it as HOOK_SOURCE.
const (
	SourceKernel  = "kernel"  // a change the kernel reported
	SourceStart   = "start"   // a state that was there when hookd started
	SourceResync  = "resync"  // the net difference after the kernel dropped messages
	SourceEmit    = "emit"    // made by hand with hookctl emit or hookctl test
	SourceHook    = "hook"    // the result of a hook
	SourceService = "service" // a service changed, or was seen to have changed
	SourceHookd   = "hookd"   // hookd telling of itself
	SourceShim    = "shim"    // an old system told a shim

	SourceNetworkd = "networkd" // systemd-networkd's files have changed
)

// Event is one thing that happened. Events are values; nobody changes one after it was made.
type Event struct {
	Name    string
	Subject string   // what it happened to: an interface's name, or FAMILY/… (an interface's name holds no slash)
	Also    []string // further subjects whose earlier events come first (the old name of a renamed interface)
	Params  []Param
	Source  string
	Time    time.Time
	Cause   []Cause // the jobs that led to it, oldest first; empty when nothing of ours did
}

// Param is one parameter. The value is bytes as the kernel or the caller gave them, without NUL.
type Param struct{ Key, Value string }

// Cause names a job whose result led to an event.
type Cause struct {
	Run  string `json:"run"`
	Hook string `json:"hook"`
}

// Get returns the value of a parameter and whether the event carries it.
func (e Event) Get(key string) (string, bool) {
	for _, p := range e.Params {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// Family is the part of the name before the first dot.
func (e Event) Family() string {
	family, _, _ := strings.Cut(e.Name, ".")
	return family
}

// Caused says whether a job of the hook is in the chain that led to the event.
func (e Event) Caused(hook string) bool {
	for _, c := range e.Cause {
		if c.Hook == hook {
			return true
		}
	}
	return false
}

// Subjects lists all subjects, the first one being the event's own.
func (e Event) Subjects() []string {
	all := []string{e.Subject}
	for _, s := range e.Also {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

func (e Event) String() string {
	var b strings.Builder
	b.WriteString(e.Name)
	for _, p := range e.Params {
		b.WriteString(" " + p.Key + "=" + Show(p.Value))
	}
	return b.String()
}

// New makes an event and checks it against the table: the name must be one event's, every parameter one of its own and
// given once. Parameters may be missing: not every source knows all of them.
func New(name string, params []Param) (Event, error) {
	spec, known := Lookup(name)
	if !known {
		return Event{}, nameError(name)
	}
	seen := map[string]bool{}
	for _, p := range params {
		if err := checkParam(spec, p, seen); err != nil {
			return Event{}, err
		}
	}
	e := Event{Name: name, Params: params}
	e.Subject, e.Also = spec.subject(e)
	return e, nil
}

func checkParam(spec Spec, p Param, seen map[string]bool) error {
	switch {
	case !IsParamName(p.Key):
		return fmt.Errorf("%s is no parameter name: letters a-z, digits and -, a letter first", Show(p.Key))
	case seen[p.Key]:
		return fmt.Errorf("parameter %s is given twice", p.Key)
	case strings.IndexByte(p.Value, 0) >= 0:
		return fmt.Errorf("parameter %s holds a NUL byte", p.Key)
	case !spec.Has(p.Key):
		return &unknownError{What: "parameter", Name: p.Key, Of: spec.Name, Near: Nearest(p.Key, spec.ParamNames())}
	}
	seen[p.Key] = true
	return spec.checkValue(p)
}

// checkValue refuses what the parameter can never be.
func (s Spec) checkValue(p Param) error {
	for _, spec := range s.Params {
		if spec.Name == p.Key && len(spec.Values) > 0 && !slices.Contains(spec.Values, p.Value) {
			return fmt.Errorf("%s", hinted(fmt.Sprintf("%s is never %s, only %s", p.Key, Show(p.Value), strings.Join(spec.Values, ", ")),
				DidYouMean(Nearest(p.Value, spec.Values))))
		}
	}
	return nil
}

// IsParamName says whether s can name a parameter: [a-z][a-z0-9-]*.
func IsParamName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// Variable is the name under which hooks see a parameter in their environment.
func Variable(param string) string {
	return "EVENT_" + strings.ToUpper(strings.ReplaceAll(param, "-", "_"))
}
