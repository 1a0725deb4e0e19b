package hookctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/internal/control"
	"hookd/runner"
)

// socket is where hookd listens: as told, else where a hookd of this user does by default.
func socket(c *cli.Context) string {
	if path := c.String("socket"); path != "" {
		return path
	}
	if uid := os.Geteuid(); uid != 0 {
		if own := filepath.Join("/run/user", strconv.Itoa(uid), "hookd", control.SocketName); exists(own) {
			return own
		}
	}
	return filepath.Join("/run/hookd", control.SocketName)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ask calls hookd for one answer.
func ask[T any](c *cli.Context, method string, parameters any) (T, error) {
	var out T
	err := control.Call(c.Context, socket(c), method, parameters, false, func(raw json.RawMessage) error {
		return json.Unmarshal(raw, &out)
	})
	return out, asUsage(err)
}

// asUsage makes what hookd calls a bad request a usage error.
func asUsage(err error) error {
	var remote *control.Error
	if errors.As(err, &remote) && remote.Name == control.ErrRequest {
		return usageError{remote.Message}
	}
	return err
}

func (a *app) emit(c *cli.Context) error {
	args := c.Args().Slice()
	if c.Bool("wait") && c.Bool("dry-run") {
		return usagef("--wait and --dry-run exclude each other")
	}
	e, err := parseEvent(args)
	if err != nil {
		return err
	}
	req := control.EmitRequest{Event: e.Name, Wait: c.Bool("wait"), DryRun: c.Bool("dry-run"), Parameters: control.EmitParams(e.Params)}
	var answer control.EmitReply
	var told []string
	err = control.Call(c.Context, socket(c), control.MethodEmit, req, req.Wait, func(raw json.RawMessage) error {
		answer = control.EmitReply{}
		err := json.Unmarshal(raw, &answer)
		if answer.Job != nil && !c.Bool("json") {
			fmt.Fprintln(a.out, a.job(c, *answer.Job))
			told = append(told, answer.Job.Hook)
		}
		return err
	})
	switch {
	case err != nil:
		return asUsage(err)
	case answer.Plan != nil:
		return a.plan(c, *answer.Plan)
	case answer.Ended != nil:
		return a.ended(c, *answer.Ended, told...)
	case c.Bool("json"):
		return a.json(struct{}{})
	}
	return nil
}

func (a *app) watch(c *cli.Context) error {
	req := control.WatchRequest{Pattern: c.Args().Slice()}
	if len(req.Pattern) > 0 {
		if _, err := events.ParsePattern(req.Pattern); err != nil {
			return usageError{err.Error()}
		}
	}
	err := control.Call(c.Context, socket(c), control.MethodWatch, req, true, func(raw json.RawMessage) error {
		var r control.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("cannot read a record: %w", err)
		}
		if c.Bool("json") {
			return a.line(r)
		}
		a.record(c, r)
		return nil
	})
	if errors.Is(err, context.Canceled) {
		return nil // ended by the person who watches
	}
	return asUsage(err)
}

func (a *app) record(c *cli.Context, r control.Record) {
	stamp := func(t time.Time) string { return t.Local().Format("15:04:05.000") }
	switch r.Kind {
	case "event":
		by := ""
		if r.Event.Source != events.SourceKernel {
			by = " [" + r.Event.Source + "]"
		}
		if r.Late != "" {
			by = " [" + lateWords(r.Late) + "]"
			r.Event.Time = time.Now()
		}
		fmt.Fprintf(a.out, "%s %s%s\n", stamp(r.Event.Time), r.Event, by)
		a.settling(c, r.Settling)
		a.notRun(c, r.Refused)
	case "job":
		fmt.Fprintf(a.out, "%s   %s: %s\n", stamp(r.Job.Ended), events.Show(string(r.Job.Instance)), strings.ReplaceAll(a.job(c, *r.Job), "\n", "\n               "))
	case "run":
		for _, j := range r.Ended.Jobs {
			if j.Started.IsZero() {
				fmt.Fprintf(a.out, "%s   %s\n", stamp(time.Now()), a.job(c, j))
			}
		}
	case "lost":
		fmt.Fprintf(a.out, "(too slow: %d records are missing here)\n", r.Lost)
	}
}

// lateWords says why an event comes again.
func lateWords(late string) string {
	switch late {
	case runner.LateSettled:
		return "it has held"
	case runner.LateLimited:
		return "RateLimit= has room again"
	case runner.LateReplayed:
		return "for new hooks"
	}
	return late
}

func (a *app) status(c *cli.Context) error {
	if c.NArg() == 1 {
		return a.serviceStatus(c, c.Args().First())
	}
	s, err := ask[control.Status](c, control.MethodStatus, struct{}{})
	switch {
	case err != nil:
		return err
	case c.Bool("json"):
		return a.json(s)
	}
	rows := [][]string{
		{"hookd", fmt.Sprintf("%s, process %d, since %s", s.Version, s.PID, s.Since.Local().Format(time.DateTime))},
		{"hooks", fmt.Sprintf("%d in force, ", s.Hooks) + faults(s.Faults) + asBefore(s.Kept)},
		{"runs", fmt.Sprintf("%d so far; %d wait, %s under way", s.Runs, s.Waiting, count(s.Running, "job"))},
		{"held", held(s)},
		{"executor", s.Executor},
		{"services", fmt.Sprintf("%d run, %d wanted, of these %d missing", s.Services.Running, s.Services.Wanted, s.Services.Missing)},
		{"supervisor", plain(s.Services.By)},
		{"files", plain(s.Files)},
		{"state", events.Show(s.State)},
	}
	for _, src := range s.Sources {
		rows = append(rows, []string{"source", fmt.Sprintf("%s, %s, %d foreign messages", src.Name, count(int(src.Overruns), "overrun"), src.Foreign)})
	}
	for _, t := range s.Trouble {
		rows = append(rows, []string{"trouble", a.paint(c, red, plain(t))})
	}
	a.table(rows)
	reply, err := ask[control.ServicesReply](c, control.MethodServices, control.ServicesRequest{})
	a.servicesGlance(c, reply.Services)
	return err
}

func faults(n int) string {
	if n == 0 {
		return "0 faults"
	}
	return count(n, "fault") + " (see hookctl check)"
}

// held tells what waits for time to pass.
func held(s control.Status) string {
	var parts []string
	if s.Settling > 0 {
		parts = append(parts, count(s.Settling, "state")+" must hold a while")
	}
	if s.Resting > 0 {
		parts = append(parts, count(s.Resting, "job")+" will be tried again")
	}
	if len(s.Limited) > 0 {
		parts = append(parts, "RateLimit= holds back "+strings.Join(s.Limited, ", "))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}

func (a *app) reload(c *cli.Context) error {
	r, err := ask[control.Reloaded](c, control.MethodReload, struct{}{})
	switch {
	case err != nil:
		return err
	case c.Bool("json"):
		return a.json(r)
	}
	for _, f := range r.Faults {
		fmt.Fprintln(a.out, plain(f))
	}
	fmt.Fprintf(a.out, "%d in force%s\n", r.Hooks, asBefore(r.Kept))
	return nil
}

// asBefore names the hooks that are in force although their files have faults by now.
func asBefore(kept []string) string {
	if len(kept) == 0 {
		return ""
	}
	return "; as read before, since the file has faults now: " + strings.Join(kept, " ")
}
