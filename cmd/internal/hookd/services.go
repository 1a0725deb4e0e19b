package hookd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/runner"
	"hookd/runner/monitor"
	"hookd/runner/systemd"
)

// servicesName is the directory of our own supervisor in the state directory.
const servicesName = "services"

// supervise chooses what services are run by on this host: systemd, unless it does not run or is not ours to ask, or another
// choice was made. Records are what the journal knows.
func (d *daemon) supervise(records []runner.Record) (runner.Supervisor, error) {
	if d.Executor != executorProcess {
		s, err := systemd.New(unitPrefix(d.State))
		switch {
		case err == nil:
			d.units = s
			return d.succeed(s, executorSystemd, records), nil
		case d.Executor == executorSystemd || !isElsewhere(err) || hasSystemd() && slices.Contains(d.supervisors(), executorSystemd):
			return nil, err
		}
		d.log.Info("services are run by hookd itself", "why", err)
	}
	s, err := monitor.New(filepath.Join(d.State, servicesName), d.shim)
	if err != nil {
		return nil, err
	}
	return d.succeed(s, executorProcess, records), nil
}

// isElsewhere says whether an error of systemd.New means that it does not run here, or is not ours to ask. One that is there
// and does not answer, because it is just being executed again, has the units of an earlier hookd still: to run services
// ourselves would be to run them twice.
func isElsewhere(err error) bool {
	return os.Geteuid() != 0 || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTDIR)
}

// needsSystemd lists what hooks say that has no effect here.
func (d *daemon) needsSystemd(set *hookspec.Set) []hookspec.Setting {
	var out []hookspec.Setting
	if d.units != nil {
		return nil
	}
	for _, h := range set.Hooks {
		out = append(out, h.NeedsSystemd()...)
	}
	return out
}

// unitPrefix begins the names of our units. A hookd with a state of its own has units of its own: no other's prefix is the
// beginning of this one, whatever their directories are called, and it has no byte that a unit cannot have in its name.
func unitPrefix(state string) string {
	if real, err := filepath.EvalSymlinks(state); err == nil {
		state = real
	}
	if state, err := filepath.Abs(state); err == nil && state != systemState {
		sum := sha256.Sum256([]byte(state))
		return "hookd." + hex.EncodeToString(sum[:6]) + "-"
	}
	return "hookd-"
}

// shim finds hookshim: as it was named, or beside this program, where a build leaves it, or where an installation puts it.
func (d *daemon) shim() (string, error) {
	if d.Shim != "" {
		return d.trust.Resolve(d.Shim)
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find hookshim: %w", err)
	}
	dir := filepath.Dir(self)
	var first error
	for _, path := range []string{filepath.Join(dir, "hookshim"), filepath.Join(dir, "../lib/hookd/hookshim"), "/usr/lib/hookd/hookshim"} {
		resolved, err := d.trust.Resolve(path)
		if err == nil {
			return resolved, nil
		}
		if first == nil && !errors.Is(err, os.ErrNotExist) {
			first = err
		}
	}
	if first == nil {
		first = fmt.Errorf("there is none beside %s and none in /usr/lib/hookd", self)
	}
	return "", fmt.Errorf("cannot run services without hookshim: %w", first)
}

func (d *daemon) countServices(ctx context.Context) control.ServiceCounts {
	out := control.ServiceCounts{By: d.supervisor.Describe()}
	reports, _ := d.runner.Services(ctx)
	for _, r := range reports {
		if r.Wanted {
			out.Wanted++
		}
		if r.Phase == runner.Running {
			out.Running++
		}
		if r.Wanted && r.Phase != runner.Running {
			out.Missing++
		}
	}
	return out
}

// outputLimit is how long we wait for the output of all services of a hook.
const outputLimit = 5 * time.Second

func (d *daemon) services(ctx context.Context, r *control.Request) (any, error) {
	var req control.ServicesRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	reports, err := d.runner.Services(ctx)
	out := []control.Service{}
	for _, s := range reports {
		if req.Hook == "" || req.Hook == s.Hook {
			out = append(out, control.Service{ServiceReport: s})
		}
	}
	if req.Hook != "" && len(out) == 0 {
		return nil, fmt.Errorf("no service %s is in force; hookctl list --all says whether there is a file for it, and hookctl check what is wrong with it", events.Show(req.Hook))
	}
	if req.Hook != "" {
		d.addOutput(ctx, out)
	}
	return control.ServicesReply{Services: out}, err
}

func (d *daemon) addOutput(ctx context.Context, services []control.Service) {
	ctx, cancel := context.WithTimeout(ctx, outputLimit)
	defer cancel()
	var all sync.WaitGroup
	for i := range services[:min(len(services), maxOutputs)] {
		s := &services[i]
		if s.Since.IsZero() { // it has never run
			continue
		}
		all.Go(func() {
			text, err := d.supervisor.Output(ctx, runner.ServiceID{Hook: s.Hook, Instance: string(s.Instance)})
			if s.Output = events.Bytes(text); err != nil {
				s.Output = events.Bytes("(" + err.Error() + ")")
			}
		})
	}
	all.Wait()
}

// maxOutputs is how many services of a hook show their output.
const maxOutputs = 16

func (d *daemon) manage(ctx context.Context, r *control.Request) (any, error) {
	var req control.ManageRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	verb := runner.Verb(req.Verb)
	if verb != runner.VerbStart && verb != runner.VerbStop && verb != runner.VerbRestart {
		return nil, control.Errorf(control.ErrRequest, "%s is not start, stop or restart", events.Show(req.Verb))
	}
	for _, p := range req.Parameters {
		if !events.IsParamName(p.Key) {
			return nil, control.Errorf(control.ErrRequest, "%s is no parameter name", events.Show(p.Key))
		}
	}
	reports, err := d.runner.Manage(ctx, verb, req.Hook, given(req.Parameters))
	if err != nil {
		return nil, err
	}
	out := control.ServicesReply{Services: []control.Service{}}
	for _, s := range reports {
		out.Services = append(out.Services, control.Service{ServiceReport: s})
	}
	return out, nil
}
