package hookspec

import "hookd/events"

// Step is one piece of the order of old scripts and hooks together: either a script, or hooks that run as their plan says.
type Step struct {
	Script events.Bytes `json:"script,omitempty"`
	Hooks  []string     `json:"hooks,omitempty"`
}
