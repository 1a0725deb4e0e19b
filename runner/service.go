package runner

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// service is one service: what is wanted of it, and what has been told of it. The runner's goroutine owns it.
type service struct {
	id      ServiceID
	hook    *hookspec.Hook // as it was when it was wanted last; nil when it never was
	want    *want          // nil: it shall not run
	cause   string         // why it is wanted, or not any more
	chain   []events.Cause // what led to that
	barred  bool           // it was stopped while a state wanted it, and waits for that state to go
	ours    bool           // we started it, so it is ours to stop
	owes    bool           // it was told to start, and not yet to have stopped
	told    ServiceState   // what events have told; the supervisor's last word but for what is being told
	due     time.Time      // when a state has come or gone for Settle=; zero when none has
	tries   int            // of its conditions, that nobody could judge
	op      *operation
	reason  string    // why it goes on although nobody wants it
	unmet   string    // why it does not run although it is wanted, until the next look
	look    bool      // the next look is due
	looking bool      // it is in the agenda
	judged  time.Time // the last look
	noted   string    // what the journal knows
	doubt   bool      // a start was called off: nobody knows for what it runs, if it does
	began   time.Time // the last start of ours
	asked   []*asking
}

// want is why a service shall run, and with which parameters.
type want struct {
	event  events.Event
	run    string
	why    string // On=link.up, While=default-route, hookctl start
	state  bool   // it lasts as long as a state of While=
	once   bool   // whoever asked gives up when it cannot run now
	spent  bool   // it ran and ended by itself, or could not: it is not started again for this
	renew  bool   // it runs for an earlier one, and is to be started anew
	before *want  // what it was wanted for when somebody asked by hand
}

// operation is something asked of the supervisor that has not ended.
type operation struct {
	start  bool
	cancel context.CancelFunc
	off    bool   // it was called off
	before string // the invocation when it began
	over   bool   // it was said to be done, and no state was told yet
}

// callOff gives up a start that has not ended.
func (s *service) callOff() {
	if s.op != nil && s.op.start {
		s.op.off = true
		s.op.cancel()
	}
}

// doubtful says whether nobody would know what came of it if hookd ended now. A start goes on as it was meant.
func (s *service) doubtful() bool {
	return s.doubt || s.op != nil && (!s.op.start || s.op.off)
}

// up says whether there is something to be stopped.
func (p Phase) up() bool { return p == Starting || p == Running || p == Restarting }

// down says whether there is nothing left of it.
func (p Phase) down() bool { return p == Inactive || p == Broken || p == "" }

// move is what is to be done next about a service.
type move int

const (
	wait move = iota
	begin
	halt
)

// next decides. A service that runs for nobody is stopped if it is ours; what is left of one that broke is taken away. One
// whose hook has faults since hookd started goes on as it is.
func (s *service) next() move {
	switch {
	case s.op != nil, s.want != nil && s.hook == nil:
		return wait
	case s.doubt && s.ours:
		return halt
	case s.want == nil && (s.told.Phase.up() || s.told.Phase == Broken) && s.ours:
		return halt
	case s.want == nil || s.want.spent:
		return wait
	case s.told.Phase.up() && s.want.renew:
		return halt
	case !s.told.Phase.up() && (s.unmet == "" || s.look):
		return begin
	}
	return wait
}

// rests says whether a service is down and stays so for now.
func (s *service) rests() bool { return s.told.Phase.down() && s.next() == wait && s.op == nil }

// idle says whether there is nothing to be remembered of a service.
func (s *service) idle() bool {
	return s.want == nil && !s.barred && !s.owes && s.rests() && s.told.Phase != Broken && len(s.asked) == 0
}

// chapter is one event of a service's story.
type chapter struct {
	word       string // starting started failed stopping
	cause      string // empty: what the service is wanted or stopped for
	restarting bool
}

// story tells what has happened between two states. That a service is gone for good is not for it to say.
func story(old, now ServiceState) []chapter {
	again := chapter{word: "failed", cause: "exit", restarting: true}
	starting, started := chapter{word: "starting"}, chapter{word: "started"}
	if now.Restarts > 0 {
		starting.cause, started.cause = "restart", "restart"
	}
	var out []chapter
	live := (old.Phase == Starting || old.Phase == Running) && (now.Phase == Starting || now.Phase == Running)
	switch { // nobody saw it down
	case live && now.Restarts > old.Restarts:
		out = append(out, again)
		old.Phase = Restarting
	case live && anew(old, now):
		out = append(out, chapter{word: "stopping", cause: "found", restarting: true})
		old.Phase, starting.cause, started.cause = Inactive, "found", "found"
	}
	begun := old.Phase == Starting || old.Phase == Running
	switch now.Phase {
	case Starting:
		if !begun {
			out = append(out, starting)
		}
	case Running:
		if !begun {
			out = append(out, starting)
		}
		if old.Phase != Running {
			out = append(out, started)
		}
	case Restarting:
		if old.Phase.down() {
			out = append(out, starting)
		}
		if old.Phase != Restarting {
			out = append(out, again)
		}
	case Stopping:
		if old.Phase.up() {
			out = append(out, chapter{word: "stopping"})
		}
	case Broken:
		if old.Phase.down() && (anew(old, now) || old.Phase != Broken) {
			out = append(out, starting)
		}
		if old.Phase.up() || len(out) > 0 {
			out = append(out, chapter{word: "failed", cause: "exit"})
		}
	case Inactive:
		if old.Phase.down() && anew(old, now) {
			out = append(out, starting, started)
		}
	}
	return out
}

// anew says whether it was started again, by whomever.
func anew(old, now ServiceState) bool {
	return old.Invocation != now.Invocation && old.Invocation != "" && now.Invocation != ""
}

// event makes the event of a chapter, or of the end.
func (s *service) event(c chapter, now time.Time) events.Event {
	cause := c.cause
	if cause == "" {
		cause = s.cause
	}
	if cause == "" {
		cause = "found"
	}
	params := []events.Param{{Key: "service", Value: s.id.Hook}, {Key: "instance", Value: s.id.Instance}}
	if s.told.Unit != "" {
		params = append(params, events.Param{Key: "unit", Value: s.told.Unit})
	}
	params = append(params, events.Param{Key: "cause", Value: cause}, events.Param{Key: "restarts", Value: strconv.Itoa(s.told.Restarts)})
	if c.word == "failed" || c.word == "stopped" {
		params = append(params, s.told.end()...)
	}
	if c.word == "failed" || c.word == "stopping" {
		restarting := map[bool]string{false: "no", true: "yes"}[c.restarting]
		params = append(params, events.Param{Key: "restarting", Value: restarting})
	}
	e, err := events.New("service."+c.word, params)
	if err != nil {
		panic(err) // the table lacks what stands above
	}
	e.Source, e.Time = events.SourceService, now
	e.Cause = append(slices.Clip(s.chain), events.Cause{Run: s.run(), Hook: s.id.Hook})
	return e
}

func (s *service) run() string {
	if s.want == nil {
		return ""
	}
	return s.want.run
}

// end are the parameters that tell how a service ended.
func (n ServiceState) end() []events.Param {
	result := n.Result
	if result == "" {
		result = "unknown"
	}
	out := []events.Param{{Key: "result", Value: result}}
	if n.ExitStatus != nil {
		out = append(out, events.Param{Key: "exit-status", Value: strconv.Itoa(*n.ExitStatus)})
	}
	if n.Signal != "" {
		out = append(out, events.Param{Key: "signal", Value: n.Signal})
	}
	return out
}

// savedService is a service as the journal keeps it.
type savedService struct {
	ID     ServiceID     `json:"id"`
	Event  *events.Event `json:"event,omitempty"` // it is wanted for; nil when it is not
	Run    string        `json:"run,omitempty"`
	Why    string        `json:"why,omitempty"`
	State  bool          `json:"state,omitempty"`
	Spent  bool          `json:"spent,omitempty"`
	Renew  bool          `json:"renew,omitempty"`
	Cause  string        `json:"cause,omitempty"`
	Barred bool          `json:"barred,omitempty"`
	Ours   bool          `json:"ours,omitempty"`
	Owes   bool          `json:"owes,omitempty"`
	Doubt  bool          `json:"doubt,omitempty"`
	Told   ServiceState  `json:"told"`
	Gone   bool          `json:"gone,omitempty"`
}

func (s *service) save() *savedService {
	out := &savedService{ID: s.id, Cause: s.cause, Barred: s.barred, Ours: s.ours, Owes: s.owes,
		Doubt: s.doubtful(), Told: s.told, Gone: s.idle()}
	if w := s.want; w != nil && !w.once {
		out.Event, out.Run, out.Why, out.State, out.Spent, out.Renew = &w.event, w.run, w.why, w.state, w.spent, w.renew
	}
	return out
}

// text is what the journal would say.
func (s *savedService) text() string {
	text, _ := json.Marshal(s) // it holds nothing that json refuses
	return string(text)
}

// service makes of what was saved the service again; hook is the one in force, or nil.
func (s *savedService) service(hook *hookspec.Hook) *service {
	out := &service{id: s.ID, hook: hook, cause: s.Cause, barred: s.Barred, ours: s.Ours, owes: s.Owes, doubt: s.Doubt, told: s.Told}
	if s.Event != nil {
		out.want = &want{event: *s.Event, run: s.Run, why: s.Why, state: s.State, spent: s.Spent, renew: s.Renew}
		out.chain = s.Event.Cause
	}
	return out
}

// MarshalJSON writes an instance that is no UTF-8 so that it is read as it was.
func (id ServiceID) MarshalJSON() ([]byte, error) {
	return json.Marshal(serviceID{id.Hook, events.Bytes(id.Instance)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (id *ServiceID) UnmarshalJSON(data []byte) error {
	var v serviceID
	err := json.Unmarshal(data, &v)
	*id = ServiceID{v.Hook, string(v.Instance)}
	return err
}

type serviceID struct {
	Hook     string       `json:"hook"`
	Instance events.Bytes `json:"instance"`
}
