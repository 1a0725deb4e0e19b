package hookshim

import (
	"context"
	"errors"
	"slices"
	"time"

	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/runner"
)

// guide lets the hooks of an event begin, step by step between the scripts that run here: those of a hookd, or of this process.
type guide interface {
	// begin tells of the event and gets the order; it is empty when no hook runs. With an error none ever will.
	begin(scripts []string) ([]hookspec.Step, error)
	// proceed lets the hooks of a step begin and waits for them. With a reason to stop no hook begins any more. With errUnbegun
	// none has begun or will, with another error nobody knows.
	proceed(step int, stop string) (control.ProceedReply, error)
	leave()
}

// errUnbegun says that the hooks of a step have not begun and never will.
var errUnbegun = errors.New("nothing of it has begun")

// unbegun is an error of that kind.
type unbegun struct{ error }

func (unbegun) Is(target error) bool { return target == errUnbegun }
func (u unbegun) Unwrap() error      { return u.error }

// errLeft is why the hooks that a hookd which ends has not begun run here.
var errLeft = unbegun{runner.ErrStopped}

// errNonsense is an order that leaves out, adds or changes scripts.
var errNonsense = errors.New("hookd answers with other scripts than there are")

// sound says whether an order has the scripts that are there, in their order.
func sound(steps []hookspec.Step, scripts []string) bool {
	var have []string
	for _, s := range steps {
		if len(s.Hooks) == 0 {
			have = append(have, string(s.Script))
		}
	}
	return slices.Equal(have, scripts)
}

// remote is the guide of the hooks of a hookd.
type remote struct {
	*shim
	event  events.Event
	conn   *control.Conversation
	ctx    context.Context
	cancel context.CancelCauseFunc

	run   string
	first chan control.ReportReply // holds the first answer; others are not for us
	over  chan error               // holds the end of the report, until it is needed
}

// remote is a guide as soon as hookd has answered the first word.
func (s *shim) remote(ctx context.Context, e events.Event, c *control.Conversation) *remote {
	ctx, cancel := s.attended(ctx)
	return &remote{shim: s, event: e, conn: c, ctx: ctx, cancel: cancel, first: make(chan control.ReportReply, 1), over: make(chan error, 1)}
}

func (r *remote) begin(scripts []string) ([]hookspec.Step, error) {
	go func() { r.over <- r.listen(scripts) }() // until hookd or we go away
	select {
	case first := <-r.first:
		r.run = first.Run
		if len(first.Steps) > 0 && !sound(first.Steps, scripts) {
			return nil, errNonsense
		}
		return first.Steps, nil
	case err := <-r.over:
		return nil, err
	case <-time.After(r.watch):
		return nil, errSilent
	}
}

func (r *remote) listen(scripts []string) error {
	defer r.conn.Close()
	told := false
	return r.conn.Call(r.ctx, control.MethodReport, reportOf(r.event, scripts), true, func(raw jsonText) error {
		reply, err := read[control.ReportReply](raw)
		if err == nil && !told {
			told = true
			r.first <- reply
		}
		return err
	})
}

func (r *remote) proceed(step int, stop string) (out control.ProceedReply, err error) {
	c, err := r.greet()
	if err != nil {
		return out, unbegun{err}
	}
	defer c.Close()
	req := control.ProceedRequest{Run: r.run, Step: step, Stop: stop}
	err = c.Call(r.ctx, control.MethodProceed, req, false, func(raw jsonText) (err error) {
		out, err = read[control.ProceedReply](raw)
		return err
	})
	if refused(err) {
		err = unbegun{err}
	}
	return out, err
}

// greet makes sure that there is still somebody to let hooks begin: who has a request and dies may have begun them.
func (r *remote) greet() (*control.Conversation, error) {
	if err := r.gone(); err != nil {
		return nil, err
	}
	c, err := control.Greet(r.ctx, r.socket, r.watch)
	if errors.Is(err, control.ErrNobody) {
		err = errGone
	}
	return c, err
}

var errGone = errors.New("hookd has gone")

// gone says why the report has ended before its run: then what was not let begin is canceled, by that hookd or the next one.
func (r *remote) gone() error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	select {
	case err := <-r.over:
		r.over <- err
		return err
	default:
		return nil
	}
}

// refused says whether a hookd has not heard what it was to do, or knows nothing of it.
func refused(err error) bool {
	var said *control.Error
	return errors.Is(err, control.ErrUnasked) ||
		errors.As(err, &said) && (said.Name == control.ErrRequest || said.Name == control.ErrBusy)
}

func (r *remote) leave() { r.cancel(nil) }

// own is the guide of hooks that run in this process.
type own struct {
	*here
	event events.Event
	ctx   context.Context
	steps []hookspec.Step    // of another guide, which this one carries on
	past  []runner.JobReport // of hooks that are not left
	id    string
}

func (o *own) begin(scripts []string) ([]hookspec.Step, error) {
	first := make(chan runner.Progress, 1) // holds the first one; the others are not for us
	told := false
	each := func(p runner.Progress) error {
		if !told {
			told = true
			first <- p
		}
		return nil
	}
	if o.steps == nil {
		go o.run.SubmitReport(o.ctx, o.event, scripts, each) // until the run is over or leave
	} else {
		go o.run.SubmitRest(o.ctx, o.event, o.steps, o.past, each) // likewise
	}
	select {
	case p := <-first:
		o.id = p.Run
		return p.Steps, nil
	case <-o.ended:
		return nil, runner.ErrStopped
	}
}

func (o *own) proceed(step int, stop string) (control.ProceedReply, error) {
	if err := o.open(); err != nil {
		return control.ProceedReply{}, unbegun{err}
	}
	defer o.shut()
	ctx, ended := endedBy()
	s, err := o.run.Proceed(ctx, o.id, step, stop)
	if by := ended(); by != nil {
		o.close()
		o.shut()
		die(by)
	}
	return control.ProceedReply{Jobs: s.Jobs, Aborted: s.Aborted, Left: s.Left}, err
}

func (o *own) leave() { o.close() }
