package monitor

import (
	"encoding/json"
	"time"

	"hookd/events"
	"hookd/runner"
)

// What hookd and a monitor say to each other: one line of JSON from hookd for each connection, and one line for an answer.
// Only watch is answered by a line for each state, the present one first; states in between may be left out.

// question is hookd's line.
type question struct {
	Ask   string `json:"ask"`
	First bool   `json:"first,omitempty"` // start: what became of the first one, be it long ago
}

// The questions.
const (
	askWatch   = "watch"
	askStart   = "start"   // answered when the service is ready or has failed
	askStop    = "stop"    // answered when nothing of the service lives any more
	askOutput  = "output"  // the end of what it has written
	askRelease = "release" // hookd knows how it ended, the monitor may go; refused before that
)

// answer is the monitor's line.
type answer struct {
	State  *state       `json:"state,omitempty"`
	Error  string       `json:"error,omitempty"`
	Over   bool         `json:"over,omitempty"` // the service has ended for good and is not started by this monitor any more
	Output events.Bytes `json:"output,omitempty"`
}

// state is a runner.ServiceState in which names are bytes.
type state struct {
	runner.ServiceState
	Hook     events.Bytes `json:"hook"`
	Instance events.Bytes `json:"instance"`
	Over     bool         `json:"over,omitempty"`
}

func (s state) service() runner.ServiceState {
	s.ID = runner.ServiceID{Hook: string(s.Hook), Instance: string(s.Instance)}
	return s.ServiceState
}

// Bounds of the conversation.
const (
	maxQuestion = 4 << 10
	maxAnswer   = 1 << 20          // the output may be four times as long in base64 and escapes
	talkLimit   = 10 * time.Second // for a line that the other side should read or write at once
	maxClients  = 256
)

// line is a value as a line of JSON; what is encoded here cannot fail.
func line(v any) []byte {
	text, _ := json.Marshal(v)
	return append(text, '\n')
}
