package hookd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hookd/events"
	"hookd/internal/control"
	"hookd/runner"
	"hookd/runner/history"
)

func (d *daemon) handlers() map[string]control.Handler {
	return map[string]control.Handler{
		control.MethodStatus:  d.status,
		control.MethodReload:  owners(d.askReload),
		control.MethodEmit:    owners(d.patient(d.emit)),
		control.MethodWatch:   d.patient(d.watch),
		control.MethodHistory: d.patient(d.history),

		control.MethodServices: d.services,
		control.MethodManage:   owners(d.patient(d.manage)),
		control.MethodFlush:    owners(d.patient(d.flush)),

		control.MethodHello:   d.hello,
		control.MethodReport:  owners(d.patient(d.report)),
		control.MethodProceed: owners(d.patient(d.proceed)),
		control.MethodScripts: owners(d.scripts),
	}
}

// maxPatient is how many clients may wait or watch at a time; the server has more places, so that status always gets one.
const maxPatient = 128

// patient bounds how many clients stay long.
func (d *daemon) patient(h control.Handler) control.Handler {
	return func(ctx context.Context, r *control.Request) (any, error) {
		select {
		case d.places <- struct{}{}:
			defer func() { <-d.places }()
			v, err := h(ctx, r)
			if errors.Is(err, runner.ErrStopped) {
				err = control.Errorf(control.ErrStopping, "%s", err)
			}
			return v, err
		default:
			return nil, control.Errorf(control.ErrBusy, "%d clients wait or watch already", maxPatient)
		}
	}
}

// owners lets only root and the user that hookd runs as through.
func owners(h control.Handler) control.Handler {
	return func(ctx context.Context, r *control.Request) (any, error) {
		if r.Peer.UID != 0 && int(r.Peer.UID) != os.Geteuid() {
			return nil, control.Errorf(control.ErrPermission, "only root and uid %d may do this", os.Geteuid())
		}
		return h(ctx, r)
	}
}

func (d *daemon) status(ctx context.Context, _ *control.Request) (any, error) {
	set, err := d.runner.Set(ctx)
	if err != nil {
		return nil, err
	}
	s := control.Status{Version: Version, PID: os.Getpid(), Since: d.since, Executor: d.exec.Describe(), State: d.State,
		Hooks: len(set.Hooks), Faults: set.Hard(), Kept: set.Kept(),
		Files: d.files.How(), Trouble: d.trouble.list(),
		Sources: []control.SourceStatus{{Name: "kernel", Overruns: d.source.Overruns(), Foreign: d.source.Foreign()}}}
	counts, err := d.runner.Counts(ctx)
	s.Services = d.countServices(ctx)
	s.Runs, s.Waiting, s.Running, s.Settling, s.Resting, s.Limited = counts.Runs, counts.Waiting, counts.Jobs, counts.Settling, counts.Resting, counts.Limited
	return s, err
}

func (d *daemon) askReload(ctx context.Context, _ *control.Request) (any, error) {
	answer := make(chan reloaded, 1)
	select {
	case d.reloads <- answer:
		r := <-answer
		return r.Reloaded, r.err
	case <-ctx.Done():
		return nil, runner.ErrStopped
	}
}

func (d *daemon) emit(ctx context.Context, r *control.Request) (any, error) {
	var req control.EmitRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	e, err := d.made(ctx, r, events.SourceEmit, req.Event, req.Parameters)
	if err != nil {
		return nil, err
	}
	switch {
	case req.DryRun:
		set, err := d.runner.Set(ctx)
		if err != nil {
			return nil, err
		}
		judging, stop := context.WithTimeout(ctx, 5*time.Second)
		defer stop()
		plan := set.Report(judging, set.Plan(e), d.facts)
		return control.EmitReply{Plan: &plan}, nil
	case req.Wait:
		return d.await(ctx, r, e)
	}
	return control.EmitReply{}, d.runner.Submit(ctx, e)
}

// made is the event that a client makes, with the jobs of ours that led to it.
func (d *daemon) made(ctx context.Context, r *control.Request, source, name string, params []control.EmitParam) (events.Event, error) {
	e, err := events.New(name, given(params))
	if err != nil {
		return e, control.Errorf(control.ErrRequest, "%s", err)
	}
	e.Source, e.Time = source, time.Now()
	e.Cause, err = d.within(ctx, r.Peer)
	return e, err
}

func given(list []control.EmitParam) []events.Param {
	var params []events.Param
	for _, p := range list {
		params = append(params, events.Param{Key: p.Key, Value: string(p.Value)})
	}
	return params
}

// await tells the client of a run until its end; one that takes only one answer gets the end. When the client goes the run
// goes on.
func (d *daemon) await(ctx context.Context, r *control.Request, e events.Event) (any, error) {
	var last control.EmitReply
	err := d.runner.SubmitWait(ctx, e, func(p runner.Progress) error {
		return relay(r, &last, p, control.EmitReply{Run: p.Run, Job: p.Job, Ended: p.Ended})
	})
	return last, err
}

// relay hands a reply on to a client that takes several, and keeps the last one.
func relay[T any](r *control.Request, last *T, p runner.Progress, reply T) error {
	switch {
	case p.Ended != nil:
		*last = reply
	case r.Stream:
		return r.More(reply)
	}
	return nil
}

func (d *daemon) history(ctx context.Context, r *control.Request) (any, error) {
	var req control.HistoryRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	filter := history.Filter{Run: req.Run, Hook: req.Hook, Result: runner.Result(req.Result), Since: req.Since}
	if req.Result != "" && !slices.Contains(runner.Results(), filter.Result) {
		return nil, control.Errorf(control.ErrRequest, "%s is no result", events.Show(req.Result))
	}
	if len(req.Event) > 0 {
		p, err := events.ParsePattern(req.Event)
		if err != nil {
			return nil, control.Errorf(control.ErrRequest, "%s", err)
		}
		filter.Event = &p
	}
	err := history.Read(filepath.Join(d.State, historyName), filter, func(e history.Entry) error {
		if ctx.Err() != nil {
			return runner.ErrStopped
		}
		return r.More(control.HistoryReply{Entry: &e})
	})
	return control.HistoryReply{}, err
}

func (d *daemon) watch(ctx context.Context, r *control.Request) (any, error) {
	var req control.WatchRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	var pattern *events.Pattern
	if len(req.Pattern) > 0 {
		p, err := events.ParsePattern(req.Pattern)
		if err != nil {
			return nil, control.Errorf(control.ErrRequest, "%s", err)
		}
		pattern = &p
	}
	w := d.hub.watch(pattern)
	defer d.hub.forget(w)
	// The first record tells the client that it misses nothing from now on.
	if err := r.More(control.Record{Kind: "watching"}); err != nil {
		return nil, err
	}
	for {
		select {
		case record := <-w.records:
			if err := r.More(record); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, runner.ErrStopped
		}
	}
}
