package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hookd/events"
	"hookd/hookspec"
)

// Why a service runs or does not, for people and for hookd itself.

// whyNot says why a wanted service does not run.
func (s *service) whyNot() string {
	switch {
	case s.unmet != "":
		return s.unmet
	case s.told.Reason != "":
		return s.told.Reason
	}
	text := "it failed: " + s.told.Result
	if s.told.ExitStatus != nil {
		text += fmt.Sprintf(", exit status %d", *s.told.ExitStatus)
	}
	if s.told.Signal != "" {
		text += ", " + s.told.Signal
	}
	return text
}

// report describes a service as it stands.
func (s *service) report() ServiceReport {
	t := s.told
	out := ServiceReport{Hook: s.id.Hook, Instance: events.Bytes(s.id.Instance), Phase: t.Phase, Wanted: s.want != nil, Result: t.Result,
		ExitStatus: t.ExitStatus, Signal: t.Signal, Reason: t.Reason, Restarts: t.Restarts, PID: t.PID, Unit: t.Unit, Since: t.Since}
	if s.hook != nil {
		out.Description = s.hook.Description
	}
	out.Foreign = t.Phase.up() && !s.ours
	switch {
	case s.want == nil:
	case s.unmet != "":
		out.Missing = s.unmet
	case s.want.spent:
		out.Missing = "it ended, by itself or because somebody stopped it; hookctl start starts it again"
		if t.Phase == Broken {
			out.Missing = s.whyNot()
		}
	}
	if s.want != nil {
		out.Why = s.want.why
	}
	return out
}

// Services reports on every service there is and every hook that declares one, by name.
func (r *Runner) Services(ctx context.Context) ([]ServiceReport, error) {
	return ask(ctx, r, func() []ServiceReport {
		out := []ServiceReport{}
		for _, s := range r.listServices() {
			report := s.report()
			if s.want == nil {
				report.Why = r.whyUnwanted(s)
			}
			out = append(out, report)
		}
		for _, h := range r.set.Services() {
			if len(r.instancesOf(h.Name)) == 0 {
				out = append(out, ServiceReport{Hook: h.Name, Description: h.Description, Phase: Inactive, Why: r.unwantedHook(h)})
			}
		}
		slices.SortStableFunc(out, func(a, b ServiceReport) int { return strings.Compare(a.Hook, b.Hook) })
		return out
	})
}

func (r *Runner) whyUnwanted(s *service) string {
	h := r.set.Hook(s.id.Hook)
	switch {
	case h == nil:
		return "its hook is not in force any more"
	case s.barred:
		return "it was stopped (" + s.cause + "), and waits for its state to come anew"
	case s.told.Phase.up() && !s.ours:
		return "nothing here wants it; it was active before"
	}
	return r.unwantedHook(h)
}

func (r *Runner) unwantedHook(h *hookspec.Hook) string {
	switch {
	case len(h.While) > 0:
		return r.notHeld(h)
	case len(h.On) > 0:
		return "no event of its On= has come"
	}
	return "it is started by hookctl start only"
}

// miss tells why a service does not run.
func (r *Runner) miss(s *service, why string) {
	if why != s.said {
		s.said = why
		r.observer.Missed(s.id, why)
	}
}

// unmetNow notes why a service cannot run now. Who asked by hand is told, and wants it no longer. Conditions ask about more
// than we hear of, names, routes, paths, units; so they are judged again after 1, 2, 4 … 60 seconds too.
func (r *Runner) unmetNow(s *service, why string, later bool) {
	s.unmet, s.judged = why, r.now()
	r.miss(s, why)
	if later && s.want != nil && !s.want.once {
		due := r.now().Add(min(firstRetry<<min(s.tries, 10), lastRetry))
		s.tries++
		s.retry = due
		r.agenda.at(due, func() {
			if s.retry == due { // an earlier look has one of its own
				r.lookNow(s)
			}
		})
	}
	if s.want != nil && s.want.once {
		s.want, s.unmet = s.want.before, ""
		s.reply(r.withoutState(s.hook, why))
		r.judge(s.id.Hook)
	}
	r.attend(s)
}

// lookAgain has the services that wait for conditions judged again: the state has changed. In a flood of changes that is
// done now and then.
func (r *Runner) lookAgain() {
	for _, s := range r.services {
		if s.unmet != "" && s.want != nil && !s.looking {
			s.looking, s.tries = true, 0
			r.agenda.at(s.judged.Add(lookPause), func() {
				s.looking = false
				r.lookNow(s)
			})
		}
	}
}

func (r *Runner) lookNow(s *service) {
	if s.unmet != "" {
		s.look = true
		r.attend(s)
	}
}
