package hookd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"hookd/events"
	"hookd/internal/control"
	"hookd/runner"
)

// hub tells the log, the history and everybody who watches what happens. It implements runner.Observer and never waits for
// anybody.
type hub struct {
	log  *slog.Logger
	keep func(runner.RunReport) // writes a run into the history

	mu       sync.Mutex
	watchers map[*watcher]bool
}

// watcher gets records; when its channel is full they are counted instead.
type watcher struct {
	pattern *events.Pattern
	records chan control.Record
	lost    int
}

func newHub(log *slog.Logger, keep func(runner.RunReport)) *hub {
	return &hub{log: log, keep: keep, watchers: map[*watcher]bool{}}
}

func (h *hub) watch(p *events.Pattern) *watcher {
	w := &watcher{pattern: p, records: make(chan control.Record, 1024)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers[w] = true
	return w
}

func (h *hub) forget(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

func (h *hub) publish(e events.Event, r control.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if w.pattern == nil || w.pattern.Match(e) {
			w.give(r)
		}
	}
}

func (w *watcher) give(r control.Record) {
	if w.lost > 0 {
		select {
		case w.records <- control.Record{Kind: "lost", Lost: w.lost}:
			w.lost = 0
		default:
		}
	}
	select {
	case w.records <- r:
	default:
		w.lost++
	}
}

// Arrived implements runner.Observer.
func (h *hub) Arrived(a runner.Arrival) {
	e := a.Event
	h.logEvent(a)
	r := control.Record{Kind: "event", Event: &e, Run: a.Run, Late: a.Late, Settling: a.Settling}
	for _, f := range a.Refused {
		if f.Matched {
			h.log.Info("hook not run", "hook", f.Hook, "event", e.Name, "subject", e.Subject, "reason", f.Reason)
			r.Refused = append(r.Refused, f)
		}
	}
	h.publish(e, r)
}

// logEvent tells of all events on the level debug. What becomes of services is what people look for.
func (h *hub) logEvent(a runner.Arrival) {
	e := a.Event
	if e.Family() != "service" || !e.Real() || a.Late != "" {
		h.log.Debug("event", "event", e.String(), "source", e.Source, "run", a.Run, "late", a.Late)
		return
	}
	level, args := slog.LevelInfo, []any{}
	if e.Name == "service.failed" {
		level = slog.LevelWarn
	}
	for _, p := range e.Params {
		if p.Value != "" && (p.Key != "restarts" || p.Value != "0") {
			args = append(args, p.Key, p.Value)
		}
	}
	h.log.Log(context.Background(), level, strings.Replace(e.Name, ".", " ", 1), args...)
}

// JobEnded implements runner.Observer.
func (h *hub) JobEnded(e events.Event, run string, r runner.JobReport) {
	h.logJob(e, run, r)
	h.publish(e, control.Record{Kind: "job", Event: &e, Run: run, Job: &r})
}

// Missed implements runner.Observer.
func (h *hub) Missed(id runner.ServiceID, why string) {
	args := []any{"service", id.Hook}
	if id.Instance != "" {
		args = append(args, "instance", id.Instance)
	}
	h.log.Warn("service does not run", append(args, "reason", why)...)
}

// RunEnded implements runner.Observer. Jobs that never began are told here.
func (h *hub) RunEnded(r runner.RunReport) {
	if len(r.Jobs) > 0 {
		h.keep(r)
	}
	for _, j := range r.Jobs {
		if j.Started.IsZero() {
			h.logJob(r.Event, r.Run, j)
		}
	}
	r.Jobs = slices.Clone(r.Jobs)
	for i := range r.Jobs {
		r.Jobs[i].Output = "" // the records of the jobs have it
	}
	h.publish(r.Event, control.Record{Kind: "run", Event: &r.Event, Run: r.Run, Ended: &r})
}

func (h *hub) logJob(e events.Event, run string, r runner.JobReport) {
	level, args := slog.LevelInfo, []any{"hook", r.Hook, "event", e.Name, "subject", e.Subject, "run", run}
	if r.Result != runner.Done {
		level = slog.LevelWarn
	}
	if r.Reason != "" {
		args = append(args, "reason", r.Reason)
	}
	if !r.Started.IsZero() {
		args = append(args, "took", r.Ended.Sub(r.Started).Round(time.Millisecond).String())
	}
	if out := strings.TrimSpace(string(r.Output)); out != "" {
		args = append(args, "output", clip(out))
	}
	if r.Cut > 0 {
		args = append(args, "cut", r.Cut)
	}
	h.log.Log(context.Background(), level, "hook "+string(r.Result), args...)
	if len(r.Left) > 0 {
		h.log.Warn("the hook left processes behind; a program that stays is better declared Type=service in a version that has it",
			"hook", r.Hook, "run", run, "left", leftText(r.Left))
	}
}

func leftText(left []runner.Process) string {
	var parts []string
	for _, p := range left {
		parts = append(parts, fmt.Sprintf("%d %s", p.PID, events.Show(string(p.Command))))
	}
	return strings.Join(parts, ", ")
}

// clip keeps the end of a long output: errors come last.
func clip(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	at := len(s) - most
	for at < len(s) && !utf8.RuneStart(s[at]) {
		at++
	}
	return "…" + s[at:]
}
