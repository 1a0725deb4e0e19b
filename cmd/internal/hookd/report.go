package hookd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"hookd/events"
	"hookd/internal/control"
	"hookd/runner"
)

// hello answers a shim: from now on it may hand over what it has to report.
func (d *daemon) hello(context.Context, *control.Request) (any, error) {
	return control.Hello{Version: Version}, nil
}

// report hands over what an old system tells of, and tells the caller what becomes of it.
func (d *daemon) report(ctx context.Context, r *control.Request) (any, error) {
	var req control.ReportRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	if len(req.Scripts) > 0 && !r.Stream { // it could never let anything begin
		return nil, &control.Error{Name: control.ErrExpectedMore}
	}
	e, err := d.made(ctx, r, events.SourceShim, req.Event, req.Parameters)
	if err != nil {
		return nil, err
	}
	scripts := events.AllStrings(req.Scripts)
	var last control.ReportReply
	forget := func() {}
	defer func() { forget() }()
	err = d.runner.SubmitReport(ctx, e, scripts, func(p runner.Progress) error {
		if len(scripts) > 0 && p.Job == nil && p.Ended == nil { // the first answer
			forget = d.guides.add(int(r.Peer.PID), p.Run)
		}
		return relay(r, &last, p, control.ReportReply{Run: p.Run, Steps: p.Steps, Job: p.Job, Ended: p.Ended})
	})
	return last, err
}

// proceed lets the hooks of a step begin, and answers when they are over.
func (d *daemon) proceed(ctx context.Context, r *control.Request) (any, error) {
	var req control.ProceedRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	out, err := d.runner.Proceed(ctx, req.Run, req.Step, req.Stop)
	if errors.Is(err, runner.ErrNotGuided) {
		err = control.Errorf(control.ErrRequest, "%s", err)
	}
	return control.ProceedReply{Jobs: out.Jobs, Aborted: out.Aborted, Left: out.Left}, err
}

// scripts takes in what has become of scripts that the caller has run: a run like any other, that nobody here has carried out.
func (d *daemon) scripts(ctx context.Context, r *control.Request) (any, error) {
	var req control.ScriptsRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	e, err := d.made(ctx, r, events.SourceShim, req.Event, req.Parameters)
	if err != nil {
		return nil, err
	}
	for _, j := range req.Jobs {
		if !strings.HasPrefix(j.Hook, "legacy:") || !slices.Contains(runner.Results(), j.Result) {
			return nil, control.Errorf(control.ErrRequest, "%s with result %s is no script that has run", events.Show(j.Hook), events.Show(string(j.Result)))
		}
	}
	return struct{}{}, d.runner.Tell(ctx, e, req.Jobs)
}
