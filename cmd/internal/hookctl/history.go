package hookctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/runner"
	"hookd/runner/history"
)

// history lists runs, or shows one whole. It asks hookd, or reads the files that one has left beside its socket.
func (a *app) history(c *cli.Context) error {
	req, err := historyRequest(c, time.Now())
	if err != nil {
		return err
	}
	var found []history.Entry
	keep := func(e history.Entry) error {
		found = append(found, e)
		return nil
	}
	if err := a.readHistory(c, req, keep); err != nil {
		return err
	}
	switch {
	case req.Run != "" && len(found) == 0:
		return fmt.Errorf("the history has no run %s", events.Show(req.Run))
	case req.Run != "" && c.Bool("json"):
		return a.json(found[0])
	case req.Run != "":
		a.entry(c, found[0])
		return nil
	case c.Bool("json"):
		return a.json(append([]history.Entry{}, found...))
	}
	a.entries(c, found)
	if len(found) == 0 {
		fmt.Fprintln(a.err, "hookctl: the history has no such run"+ofServices(req.Hook))
	}
	return nil
}

// ofServices tells who asks for a hook what becomes of services: they make no runs.
func ofServices(hook string) string {
	if hook == "" {
		return ""
	}
	return "; if " + events.Show(hook) + " is a service see hookctl status " + events.Show(hook)
}

func historyRequest(c *cli.Context, now time.Time) (control.HistoryRequest, error) {
	req := control.HistoryRequest{Run: c.Args().First(), Hook: c.String("hook"), Result: c.String("result"), Event: strings.Fields(c.String("event"))}
	if c.NArg() == 1 && req.Run == "" {
		return req, usagef("a run has no empty name")
	}
	if req.Run != "" && (req.Hook != "" || req.Result != "" || len(req.Event) > 0 || c.String("since") != "") {
		return req, usagef("history takes a run or flags, not both")
	}
	if len(req.Event) > 0 {
		if _, err := events.ParsePattern(req.Event); err != nil {
			return req, usageError{err.Error()}
		}
	}
	if req.Result != "" && !slices.Contains(runner.Results(), runner.Result(req.Result)) {
		return req, usagef("--result is one of %s, not %s", resultWords(), events.Show(req.Result))
	}
	var err error
	if since := c.String("since"); since != "" {
		req.Since, err = parseSince(since, now)
	}
	return req, err
}

func resultWords() string {
	var words []string
	for _, r := range runner.Results() {
		words = append(words, string(r))
	}
	return strings.Join(words, ", ")
}

// parseSince reads a time span, which is that long ago, or a point in time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if d, err := hookspec.ParseSpan(text); err == nil {
		return now.Add(-d), nil
	}
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch text {
	case "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("--since takes a time span such as 2h, today, yesterday, or a time such as %q, not %s", now.Format(time.DateTime), events.Show(text))
}

func (a *app) readHistory(c *cli.Context, req control.HistoryRequest, each func(history.Entry) error) error {
	path := socket(c)
	err := control.Call(c.Context, path, control.MethodHistory, req, true, func(raw json.RawMessage) error {
		var reply control.HistoryReply
		if err := json.Unmarshal(raw, &reply); err != nil || reply.Entry == nil {
			return err
		}
		return each(*reply.Entry)
	})
	if !errors.Is(err, control.ErrNobody) {
		return asUsage(err)
	}
	filter := history.Filter{Run: req.Run, Hook: req.Hook, Result: runner.Result(req.Result), Since: req.Since}
	if len(req.Event) > 0 {
		p, _ := events.ParsePattern(req.Event) // checked before
		filter.Event = &p
	}
	if left := history.Read(filepath.Join(filepath.Dir(path), "history"), filter, each); left != nil {
		return fmt.Errorf("%w, and it left no history there: %w", err, left)
	}
	return nil
}

// flush says nothing when all is well: a unit calls it.
func (a *app) flush(c *cli.Context) error {
	r, err := ask[control.Flushed](c, control.MethodFlush, struct{}{})
	if err == nil && c.Bool("json") {
		return a.json(r)
	}
	return err
}

func (a *app) entries(c *cli.Context, found []history.Entry) {
	rows := [][]string{{"TIME", "RUN", "RESULT", "EVENT", "SUBJECT", "HOOKS"}}
	for _, e := range found {
		var hooks []string
		for _, j := range e.Jobs {
			hook := j.Hook
			if j.Result != e.Result {
				hook += " (" + string(j.Result) + ")"
			}
			hooks = append(hooks, hook)
		}
		rows = append(rows, []string{e.Ended.Local().Format(time.DateTime), e.Run, string(e.Result), e.Event.Name, events.Show(e.Event.Subject), strings.Join(hooks, ", ")})
	}
	if len(found) > 0 {
		a.table(rows)
	}
}

// entry shows all that is known of a run.
func (a *app) entry(c *cli.Context, e history.Entry) {
	rows := [][]string{
		{"run", e.Run}, {"event", e.Event.String()}, {"source", e.Event.Source},
		{"time", e.Event.Time.Local().Format("2006-01-02 15:04:05.000")}, {"ended", e.Ended.Local().Format("2006-01-02 15:04:05.000")},
		{"result", a.paint(c, colorOf(string(e.Result)), string(e.Result))},
	}
	for _, cause := range e.Event.Cause {
		rows = append(rows, []string{"cause", cause.Hook + " (run " + cause.Run + ")"})
	}
	a.table(rows)
	for _, j := range e.Jobs {
		fmt.Fprintf(a.out, "\n%s\n", a.job(c, j))
		rows := [][]string{{"  instance", events.Show(string(j.Instance))}}
		for _, row := range [][]string{{"  runs", shown(j.Args)}, {"  after", strings.Join(j.After, ", ")}, {"  requires", strings.Join(j.Requires, ", ")}} {
			if row[1] != "" {
				rows = append(rows, row)
			}
		}
		if !j.Started.IsZero() {
			rows = append(rows, []string{"  started", j.Started.Local().Format("15:04:05.000")})
		}
		a.table(rows)
	}
	a.notRun(c, e.Refused)
}
