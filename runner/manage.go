package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// What people ask about services: hookctl start, stop, restart and status.

// ServiceReport tells how a service stands.
type ServiceReport struct {
	Hook        string       `json:"hook"`
	Instance    events.Bytes `json:"instance"`
	Description string       `json:"description,omitempty"`
	Phase       Phase        `json:"phase"`
	Wanted      bool         `json:"wanted"`
	Why         string       `json:"why"`               // why it is wanted, or why not
	Missing     string       `json:"missing,omitempty"` // why it does not run although it is wanted
	Result      string       `json:"result,omitempty"`  // how it ended last
	ExitStatus  *int         `json:"exitStatus,omitempty"`
	Signal      string       `json:"signal,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Restarts    int          `json:"restarts"`
	PID         int          `json:"pid,omitempty"`
	Unit        string       `json:"unit,omitempty"`
	Since       time.Time    `json:"since,omitzero"`
	Foreign     bool         `json:"foreign,omitempty"` // somebody else had started it, and it is not ours to stop
}

// asking is somebody who waits for a service to run, or to be gone.
type asking struct {
	up     bool
	answer chan reply // full never: one answer each
}

type reply struct {
	report ServiceReport
	err    error
}

// Verb is what hookctl asks of a service.
type Verb string

// The verbs.
const (
	VerbStart   Verb = "start"
	VerbStop    Verb = "stop"
	VerbRestart Verb = "restart"
)

// Manage starts, stops or restarts the services of a hook and waits for what comes of it. The parameters are those of the
// event that it is started for, and name the instance; to stop, no parameters mean every instance. The error says what is
// missing.
func (r *Runner) Manage(ctx context.Context, verb Verb, hook string, params []events.Param) ([]ServiceReport, error) {
	type started struct {
		asked []*asking
		err   error
	}
	s, err := ask(ctx, r, func() started {
		asked, err := r.manage(verb, hook, params)
		return started{asked, err}
	})
	if err == nil {
		err = s.err
	}
	defer r.send(context.WithoutCancel(ctx), func() { r.forgetAsked(s.asked) })
	out := []ServiceReport{}
	for _, a := range s.asked {
		select {
		case answer := <-a.answer:
			if answer.report.Hook != "" {
				out = append(out, answer.report)
			}
			if err == nil {
				err = answer.err
			}
		case <-r.stopped:
			return out, ErrStopped
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
	return out, err
}

// forgetAsked drops those who wait no longer.
func (r *Runner) forgetAsked(gone []*asking) {
	for _, s := range r.services {
		s.asked = slices.DeleteFunc(s.asked, func(a *asking) bool { return slices.Contains(gone, a) })
	}
}

func (r *Runner) manage(verb Verb, hook string, params []events.Param) ([]*asking, error) {
	h := r.set.Hook(hook)
	switch {
	case h == nil && len(r.instancesOf(hook)) == 0:
		return nil, fmt.Errorf("there is no hook %s in force", events.Show(hook))
	case h != nil && !h.Service:
		return nil, fmt.Errorf("%s is no service: it has no Type=service", hook)
	case verb == VerbStop:
		return r.askStop(h, hook, params)
	case h == nil:
		return nil, fmt.Errorf("there is no hook %s in force, only what is left of it", hook)
	}
	return r.askStart(h, params, verb == VerbRestart)
}

// askStart starts a service for who asks. What the event of a state that holds carries is known without being given.
func (r *Runner) askStart(h *hookspec.Hook, params []events.Param, anew bool) ([]*asking, error) {
	if anew && len(params) == 0 {
		if running := slices.DeleteFunc(r.instancesOf(h.Name), func(s *service) bool { return s.want == nil }); len(running) > 0 {
			return r.askRestart(running), nil
		}
	}
	e, held := r.askedEvent(h, params)
	job, why := h.Start(e)
	if why != "" {
		return nil, fmt.Errorf("%s", r.withoutState(h, why))
	}
	before := (*want)(nil)
	if s := r.services[ServiceID{h.Name, job.Instance}]; s != nil {
		before = s.want
	}
	if _, err := r.raise(job, want{event: e, why: "hookctl start", state: held, once: true, renew: anew, before: before}); err != nil {
		return nil, err
	}
	return []*asking{r.services[ServiceID{h.Name, job.Instance}].wait(true)}, nil
}

// askRestart starts every instance that is wanted anew, for what it was wanted for.
func (r *Runner) askRestart(running []*service) []*asking {
	var out []*asking
	for _, s := range running {
		w := *s.want
		w.spent, w.renew, w.run = false, true, ""
		s.want, s.unmet = nil, ""
		job, why := s.hook.Start(w.event)
		if why == "" {
			if _, err := r.raise(job, w); err == nil {
				s.cause = "hookctl"
				out = append(out, s.wait(true))
			}
		}
	}
	return out
}

// withoutState adds to what is missing that no state of While= holds, which would have told it.
func (r *Runner) withoutState(h *hookspec.Hook, why string) string {
	if len(h.While) > 0 && len(r.holding[h.Name]) == 0 {
		why += "; " + r.notHeld(h)
	}
	return why
}

func (r *Runner) notHeld(h *hookspec.Hook) string {
	text := "While=" + h.While[0].String()
	for _, w := range h.While[1:] {
		text += " or While=" + w.String()
	}
	if why := r.against[h.Name]; why != "" {
		return text + " holds, but " + why
	}
	return text + " does not hold"
}

// askedEvent is what a service is started for by hand: a state of While= if one holds, with which it goes again.
func (r *Runner) askedEvent(h *hookspec.Hook, params []events.Param) (e events.Event, held bool) {
	e = askedFor(params, r.now())
	if job, why := h.Start(e); why == "" || len(params) == 0 {
		if held, holds := r.decisive(ServiceID{h.Name, job.Instance}); holds {
			return held.event, true
		}
	}
	return e, false
}

// askedFor is the event of who asks by hand.
func askedFor(params []events.Param, now time.Time) events.Event {
	return events.Event{Name: "user.start", Subject: "user/start", Params: params, Source: events.SourceEmit, Time: now}
}

func (r *Runner) askStop(h *hookspec.Hook, hook string, params []events.Param) ([]*asking, error) {
	services := r.instancesOf(hook)
	if h != nil && len(params) > 0 {
		instance, known := h.InstanceOf(askedFor(params, r.now()))
		if !known {
			return nil, fmt.Errorf("these parameters do not say which instance is meant: Instance=%s", h.Instance)
		}
		services = slices.DeleteFunc(services, func(s *service) bool { return s.id.Instance != instance })
	}
	var out []*asking
	for _, s := range services {
		a := s.wait(false)
		if s.told.Phase.up() && !s.ours {
			a.answer <- reply{s.report(), fmt.Errorf("%s was active before hookd wanted it, so it is not hookd's to stop; use systemctl stop", events.Show(s.told.Unit))}
		}
		r.lower(s, "hookctl", nil, true)
		out = append(out, a)
	}
	return out, nil
}

func (s *service) wait(up bool) *asking {
	a := &asking{up: up, answer: make(chan reply, 2)}
	s.asked = append(s.asked, a)
	return a
}

// answer tells who waits what has come of it, as soon as that is known.
func (s *service) answer() {
	switch {
	case len(s.asked) == 0 || s.op != nil:
	case s.want == nil && (s.told.Phase.down() || !s.ours):
		s.reply("")
	case s.want != nil && !s.want.renew && s.told.Phase == Running, s.want != nil && s.want.spent && s.told.Phase == Inactive:
		s.reply("")
	case s.want != nil && s.want.spent, s.want != nil && s.unmet != "" && !s.look:
		s.reply(s.whyNot())
	}
}

// reply answers all who wait; those who wait for it to run hear why it does not.
func (s *service) reply(why string) {
	for _, a := range s.asked {
		answer := reply{report: s.report()}
		if a.up && why != "" {
			answer.err = errors.New(why)
		}
		if a.up && why == "" && s.told.Phase.down() && s.want == nil {
			answer.err = errors.New("it was stopped meanwhile")
		}
		select {
		case a.answer <- answer:
		default: // it was answered already
		}
	}
	s.asked = nil
}
