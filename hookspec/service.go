package hookspec

import (
	"context"

	"hookd/events"
)

// State is one While= line: a state of the world, as a pattern of the event that tells of it for the first time (see
// events.Told.List). While=unit names units of the service manager instead, in Units.
type State struct {
	Name    string // as it is written: default-route
	Pattern events.Pattern
	Unit    string // of While=unit; empty for others
	Text    string // canonical
	Place   Place
}

// Condition is one Condition…= line.
type Condition struct {
	Key   string // ConditionReachable
	Not   bool
	Value Template
	Place Place
}

// Directive is one key of [Service] as systemd takes it.
type Directive struct {
	Key      string // as it is written: RestartSec
	Property string // of the bus interface org.freedesktop.systemd1.Service: RestartUSec
	Value    any    // of exactly the property's type: bool, string, []string, int32, uint32, uint64, ExitStatuses
	Text     string // canonical
	Place    Place
}

// ExitStatuses is the type of SuccessExitStatus= and its kin on the bus, (aiai).
type ExitStatuses struct{ Status, Signals []int32 }

// Fact is what is known of something that a condition asks about.
type Fact struct {
	True    bool
	Unknown bool   // nobody here can tell
	Again   bool   // nobody could tell now, for a reason that passes by itself: a name was not resolved
	Why     string // a sentence, whatever the outcome: "vpn.example.com (192.0.2.1) is reachable over eth0"
}

// Facts are what conditions ask about the world. Its methods return when ctx ends at the latest.
type Facts interface {
	// Reachable says whether the kernel has a route to a host, by name or address. Nothing is sent to it.
	Reachable(ctx context.Context, host string) Fact
	PathExists(ctx context.Context, path string) Fact
	// UnitActive says whether a unit of the service manager is active.
	UnitActive(ctx context.Context, unit string) Fact
	// InterfaceUp says whether an interface is up in the sense of link.up.
	InterfaceUp(ctx context.Context, name string) Fact
}
