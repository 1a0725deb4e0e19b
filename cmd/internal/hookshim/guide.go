package hookshim

import (
	"context"
	"errors"
	"slices"

	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/runner"
)

// guide lets the hooks of an event begin, step by step between the scripts that run here: those of a hookd, or of this process.
type guide interface {
	// begin tells of the event and gets the order; it is empty when no hook runs.
	begin(scripts []string) ([]hookspec.Step, error)
	// proceed lets the hooks of a step begin and waits for them. With a reason to stop no hook begins any more.
	proceed(step int, stop string) (control.ProceedReply, error)
	leave()
}

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
	cancel func()

	run   string
	first chan control.ReportReply // holds the first answer; others are not for us
	over  chan error               // holds the end of the report
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
	req := control.ProceedRequest{Run: r.run, Step: step, Stop: stop}
	err = control.Call(r.ctx, r.socket, control.MethodProceed, req, false, func(raw jsonText) (err error) {
		out, err = read[control.ProceedReply](raw)
		return err
	})
	return out, err
}

func (r *remote) leave() { r.cancel() }

// own is the guide of hooks that run in this process.
type own struct {
	*here
	event events.Event
	ctx   context.Context
	id    string
}

func (o *own) begin(scripts []string) ([]hookspec.Step, error) {
	first := make(chan runner.Progress, 1) // holds the first one; the others are not for us
	told := false
	go o.run.SubmitReport(o.ctx, o.event, scripts, func(p runner.Progress) error { // until the run is over or leave
		if !told {
			told = true
			first <- p
		}
		return nil
	})
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
		return control.ProceedReply{}, err
	}
	defer o.shut()
	s, err := o.run.Proceed(context.WithoutCancel(o.ctx), o.id, step, stop)
	return control.ProceedReply{Jobs: s.Jobs, Aborted: s.Aborted}, err
}

func (o *own) leave() { o.close() }
