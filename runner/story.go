package runner

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"hookd/events"
)

// chapter is one event of a service's story.
type chapter struct {
	word       string // starting started failed stopping stopped
	cause      string // empty: what the service is wanted or stopped for
	restarting bool
}

// startNotTold is the result when a start failed and the supervisor has not told of it.
const startNotTold = "start-failed"

// story tells what has happened between two states. That a service is gone for good is not for it to say.
func story(old, now ServiceState) []chapter {
	if old.Phase == Broken && now.Phase == Broken && old.Result == startNotTold {
		return nil // we have told of this failure before the supervisor did
	}
	out, from, cause := unseen(old, now)
	for _, word := range steps(from, now.Phase, anew(old, now)) {
		c := chapter{word: word}
		switch word {
		case "starting", "started":
			c.cause = cause
		case "failed":
			c.cause, c.restarting = "exit", now.Phase == Restarting
		}
		out = append(out, c)
	}
	return out
}

// explained is a state with the reason for it that is known without the supervisor.
func (s *service) explained(now ServiceState) ServiceState {
	if now.Phase != Broken || now.Reason != "" {
		return now
	}
	if !anew(s.told, now) {
		now.Reason = s.told.Reason
	}
	if now.Reason == "" && s.op != nil {
		now.Reason = s.op.failed
	}
	return now
}

// completed is the story with what only we can know of it: that we have asked for the end, or not.
func (s *service) completed(chapters []chapter, old ServiceState) []chapter {
	halting := s.op != nil && !s.op.start
	if (halting || s.doubt && s.ours) && s.told.Phase.down() && old.Phase.up() {
		chapters = append([]chapter{{word: "stopping"}}, chapters...)
	}
	if s.told.Phase == Broken && old.Phase == Stopping && s.told.Result != "success" && !halting && s.want != nil {
		chapters = append(chapters, chapter{word: "failed", cause: "exit"}) // what it had left behind was stopped first
	}
	return chapters
}

// unseen is what happened when nobody saw a service down that was up and is up again; then the phase that the rest begins
// from, and why it is started, empty for what it is wanted for.
func unseen(old, now ServiceState) (out []chapter, from Phase, cause string) {
	if now.Restarts > 0 {
		cause = "restart"
	}
	live := func(p Phase) bool { return p == Starting || p == Running }
	switch both := live(old.Phase) && live(now.Phase); {
	case both && now.Restarts > old.Restarts:
		return []chapter{{word: "failed", cause: "exit", restarting: true}}, Restarting, cause
	case both && anew(old, now):
		return []chapter{{word: "stopping", cause: "found", restarting: true}}, Inactive, "found"
	}
	return nil, old.Phase, cause
}

// steps are the events that lead from one phase to another. fresh says that it was started meanwhile.
func steps(from, to Phase, fresh bool) []string {
	when := func(holds bool, words ...string) []string {
		if holds {
			return words
		}
		return nil
	}
	idle := from != Starting && from != Running
	switch to {
	case Starting:
		return when(idle, "starting")
	case Running:
		return append(when(idle, "starting"), when(from != Running, "started")...)
	case Restarting:
		return append(when(from.down(), "starting"), when(from != Restarting, "failed")...)
	case Stopping:
		return when(from.up(), "stopping")
	case Broken:
		tried := from.down() && (fresh || from != Broken)
		return append(when(tried, "starting"), when(tried || from.up(), "failed")...)
	}
	return when(from.down() && fresh, "starting", "started", "stopping")
}

// anew says whether it was started again, by whomever.
func anew(old, now ServiceState) bool {
	return old.Invocation != now.Invocation && old.Invocation != "" && now.Invocation != ""
}

// event makes the event of a chapter, or of the end.
func (s *service) event(c chapter, now time.Time) events.Event {
	cause := cmp.Or(c.cause, s.cause, "found")
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
	out := []events.Param{{Key: "result", Value: cmp.Or(n.Result, "unknown")}}
	if n.ExitStatus != nil {
		out = append(out, events.Param{Key: "exit-status", Value: strconv.Itoa(*n.ExitStatus)})
	}
	if n.Signal != "" {
		out = append(out, events.Param{Key: "signal", Value: n.Signal})
	}
	return out
}
