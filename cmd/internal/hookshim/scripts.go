package hookshim

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"hookd/compat/runparts"
	"hookd/internal/control"
	"hookd/runner"
)

// heard keeps what has become of a script.
func (c *coordinator) heard(o runparts.Outcome) {
	now := time.Now()
	j := runner.JobReport{Hook: "legacy:" + filepath.Base(o.Path), Result: runner.Done, Started: now.Add(-o.Duration), Ended: now, Reason: o.Error}
	switch {
	case o.Timeout:
		j.Result = runner.TimedOut
	case o.Signal != 0:
		j.Result, j.Signal = runner.Failed, unix.SignalName(unix.Signal(o.Signal))
		j.Reason = "ended by " + j.Signal
	default:
		j.ExitStatus = &o.Status
	}
	if o.Status != 0 {
		j.Result, j.Reason = runner.Failed, cmp.Or(j.Reason, fmt.Sprintf("exit status %d", o.Status))
	}
	c.ran = append(c.ran, j)
}

// tellScripts tells hookd what has become of the scripts, for its history; where it does not listen nobody hears of it.
func (c *coordinator) tellScripts(ctx context.Context) {
	if len(c.ran) == 0 || !c.reached {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	req := control.ScriptsRequest{Event: c.event.Name, Parameters: reportOf(c.event, nil).Parameters, Jobs: c.ran}
	control.Call(ctx, c.socket, control.MethodScripts, req, false, func(jsonText) error { return nil })
}
