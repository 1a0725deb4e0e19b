package runner

import (
	"context"
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
	said    string    // why it does not run, as it was told last
	looking bool      // it is in the agenda
	judged  time.Time // the last look
	retry   time.Time // the next one, if nothing is heard until then
	noted   string    // what the journal knows
	doubt   bool      // a start was called off: nobody knows for what it runs, if it does
	began   time.Time // the last start of ours
	begun   bool      // a start is under way, also one of a hookd that was killed: it may still come up
	later   time.Time // when RateLimit= allows another restart, in the agenda
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
	failed string // why the start failed; what the supervisor makes of that was not told yet
}

// callOff gives up a start that has not ended, or of which there may be more to be told: it may be on its way back.
func (s *service) callOff() {
	if s.op != nil && s.op.failed != "" {
		s.op, s.doubt = nil, true
	}
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
	case s.ours && (s.doubt || s.begun && s.want == nil):
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
	return s.want == nil && !s.begun && s.due.IsZero() && !s.barred && !s.owes && s.rests() && s.told.Phase != Broken && len(s.asked) == 0
}
