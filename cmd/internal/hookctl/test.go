package hookctl

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/hookspec"
	"hookd/runner"
	"hookd/runner/process"
)

// parseEvent reads EVENT [key=value…].
func parseEvent(args []string) (events.Event, error) {
	params, err := parseParams(args[1:])
	if err != nil {
		return events.Event{}, err
	}
	e, err := events.New(args[0], params)
	if err != nil {
		return e, usageError{err.Error()}
	}
	e.Source, e.Time = events.SourceEmit, time.Now()
	return e, nil
}

func (a *app) test(c *cli.Context) error {
	e, err := parseEvent(c.Args().Slice())
	if err != nil {
		return err
	}
	set := a.load(c)
	if n := set.Hard(); n > 0 {
		fmt.Fprintf(a.err, "hookctl: %s in the hook files (hookctl check)\n", count(n, "fault"))
	}
	if c.Bool("run") {
		return a.runHere(c, set, e)
	}
	p := set.Plan(e)
	t, err := a.together(c, set, p)
	if err != nil {
		fmt.Fprintln(a.err, "hookctl:", plain(err.Error()))
	}
	report := set.Report(c.Context, p, nil)
	if c.Bool("json") {
		return a.json(planTogether{report, t.steps})
	}
	if err := a.plan(c, report); err != nil {
		return err
	}
	a.tellTogether(t)
	return nil
}

// plan prints what would run.
func (a *app) plan(c *cli.Context, p hookspec.PlanReport) error {
	if c.Bool("json") {
		return a.json(p)
	}
	fmt.Fprintln(a.out, p.Event.String())
	if len(p.Jobs)+len(p.Settling) == 0 {
		fmt.Fprintln(a.out, "nothing runs")
	}
	for i, step := range steps(p) {
		beside := ""
		if len(step) > 1 {
			beside = ", side by side"
		}
		fmt.Fprintf(a.out, "step %d%s:\n", i+1, beside)
		for _, j := range step {
			a.planned(j)
		}
	}
	if len(p.Settling) > 0 {
		fmt.Fprintln(a.out, "when it has held:")
	}
	for _, j := range p.Settling {
		a.planned(j)
	}
	if len(p.Refused) > 0 {
		fmt.Fprintln(a.out, "does not run:")
		rows := [][]string{}
		for _, r := range p.Refused {
			rows = append(rows, []string{"  " + events.Show(r.Hook), plain(r.Reason)})
		}
		a.table(rows)
	}
	return nil
}

// steps sorts jobs by how many others at the least come before them; those of one step wait for none of each other.
func steps(p hookspec.PlanReport) [][]hookspec.JobPlan {
	depth := map[string]int{}
	var out [][]hookspec.JobPlan
	for _, j := range p.Jobs {
		d := 0
		for _, before := range j.After {
			d = max(d, depth[before]+1)
		}
		depth[j.Hook] = d
		if d == len(out) {
			out = append(out, nil)
		}
		out[d] = append(out[d], j)
	}
	return out
}

func (a *app) planned(j hookspec.JobPlan) {
	settle := ""
	if j.Settle != "" {
		settle = ", after " + j.Settle
	}
	if j.Type == "service" {
		settle = ", a service" + settle
	}
	fmt.Fprintf(a.out, "  %s%s\n", j.Hook, settle)
	for _, l := range []struct {
		word  string
		names []string
	}{{"after", j.After}, {"requires", besides(j.Requires, j.Needs)}, {"requires the service", j.Needs}} {
		if len(l.names) > 0 {
			fmt.Fprintf(a.out, "    %s %s\n", l.word, strings.Join(l.names, ", "))
		}
	}
	for _, c := range j.Conditions {
		fmt.Fprintf(a.out, "    if %s (%s)\n", plain(string(c.Condition)), verdict(c))
	}
	if j.Unit != "" {
		fmt.Fprintf(a.out, "    starts %s\n", plain(j.Unit))
		return
	}
	fmt.Fprintf(a.out, "    runs %s\n", shown(j.Args))
	fmt.Fprintln(a.out, "    with")
	for _, v := range j.Environment {
		fmt.Fprintf(a.out, "      %s\n", plain(string(v)))
	}
}

// besides are the names that are not among others.
func besides(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
}

// verdict is what is known of a condition without a daemon that asks the world.
func verdict(c hookspec.ConditionPlan) string {
	if c.Reason == "" {
		return c.Verdict + " here"
	}
	return c.Verdict + ": " + plain(string(c.Reason))
}

// runHere carries the plan out in this process. Results start no further hooks.
func (a *app) runHere(c *cli.Context, set *hookspec.Set, e events.Event) error {
	locks, err := process.OpenLocks(filepath.Join("/run/hookd", process.LocksName))
	if err == nil { // without the right to open them, or a directory, nobody else runs the hooks of this user
		defer locks.Close()
	}
	exec, err := process.New(a.trust, locks)
	if err != nil {
		return err
	}
	defer exec.Close()
	r := runner.New(exec, quiet{}, set.AtOnce(), runner.Options{})
	running, stop := context.WithCancel(c.Context)
	ended := make(chan struct{})
	go func() { r.Run(running); close(ended) }()
	var report runner.RunReport
	err = r.SubmitWait(context.WithoutCancel(c.Context), e, func(p runner.Progress) error {
		if p.Ended != nil {
			report = *p.Ended
		}
		return nil
	})
	stop()
	<-ended
	if err != nil {
		return err
	}
	return a.ended(c, report)
}

// quiet hears nothing: the report tells it all.
type quiet struct{}

func (quiet) Arrived(runner.Arrival)                          {}
func (quiet) JobEnded(events.Event, string, runner.JobReport) {}
func (quiet) RunEnded(runner.RunReport)                       {}
func (quiet) Missed(runner.ServiceID, string)                 {}

// ended prints a run, but for the jobs that have been told, and makes its outcome ours.
func (a *app) ended(c *cli.Context, r runner.RunReport, told ...string) error {
	if c.Bool("json") {
		if err := a.json(r); err != nil {
			return err
		}
	} else {
		if len(r.Jobs)+len(r.Settling) == 0 {
			fmt.Fprintln(a.out, "nothing ran")
		}
		for _, j := range r.Jobs {
			if !slices.Contains(told, j.Hook) {
				fmt.Fprintln(a.out, a.job(c, j))
			}
		}
		a.settling(c, r.Settling)
		a.notRun(c, r.Refused)
	}
	if r.Result != runner.Done {
		return errFailed
	}
	return nil
}

// settling tells of hooks that nobody waits for.
func (a *app) settling(c *cli.Context, hooks []string) {
	for _, h := range hooks {
		fmt.Fprintf(a.out, "%s: %s, it runs when that has held for its Settle=\n", h, a.paint(c, yellow, "settling"))
	}
}

// notRun tells of hooks that were meant and did not run.
func (a *app) notRun(c *cli.Context, refused []hookspec.Refusal) {
	for _, r := range refused {
		if r.Matched {
			fmt.Fprintf(a.out, "%s: %s, %s\n", r.Hook, a.paint(c, yellow, "not run"), plain(r.Reason))
		}
	}
}

// job describes how a job went: its result, how long it took, its output and what stayed.
func (a *app) job(c *cli.Context, j runner.JobReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", j.Hook, a.paint(c, colorOf(string(j.Result)), string(j.Result)))
	if j.Reason != "" {
		fmt.Fprintf(&b, ", %s", plain(j.Reason))
	}
	if !j.Started.IsZero() {
		fmt.Fprintf(&b, " (%s)", j.Ended.Sub(j.Started).Round(100*time.Microsecond))
	}
	if j.Tries > 0 {
		fmt.Fprintf(&b, ", %d tries", j.Tries)
	}
	if j.Output != "" {
		b.WriteString("\n" + strings.TrimRight(indent(string(j.Output), "  "), "\n"))
	}
	if j.Cut > 0 {
		fmt.Fprintf(&b, "\n  %d bytes of output were dropped in the middle", j.Cut)
	}
	for _, p := range j.Left {
		fmt.Fprintf(&b, "\n  left behind: process %d, %s", p.PID, plain(string(p.Command)))
	}
	return b.String()
}
