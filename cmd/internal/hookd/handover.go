package hookd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hookd/runner"
	"hookd/runner/monitor"
	"hookd/runner/systemd"
)

// A hookd with another --executor over the same state must not run its services a second time: those of the supervisor
// before are stopped, by the means of that one, before anything is started. A file in the state directory names all that
// may have services there, one on each line; it names two only in between.

const supervisorsName = "supervisors"

// Bounds of a handover. Stops take as long as services are granted.
const (
	firstListLimit = 30 * time.Second // for the supervisor before to tell what it runs
	handoverPause  = 100 * time.Millisecond
	handoverLast   = 10 * time.Second
)

// succession is a supervisor that comes after others. It is silent, so nothing is started, until theirs has ended.
type succession struct {
	runner.Supervisor
	kind    string
	before  []string
	former  func(kind string) (*former, error) // nil when that one has gone, and all it ran with it
	settled func() error                       // writes down that only this one has services
	log     *slog.Logger
	trouble func(error)
}

// former is a supervisor of before.
type former struct {
	runner.Supervisor
	left  func() bool // whether it has anything that it did not tell of
	close func()
}

// Run implements runner.Supervisor.
func (s *succession) Run(ctx context.Context, tell func(states []runner.ServiceState, whole bool)) {
	for _, kind := range s.before {
		if !s.end(ctx, kind) {
			return
		}
	}
	settled := false
	s.Supervisor.Run(ctx, func(states []runner.ServiceState, whole bool) {
		tell(states, whole)
		if whole && !settled && ctx.Err() == nil { // the runner knows that they are gone
			s.trouble(s.settled())
			settled = true
		}
	})
}

// end stops all services of the supervisor before, for as long as it takes; false when ctx has ended. What it cannot is
// told as trouble: it is better to run nothing than to run it twice.
func (s *succession) end(ctx context.Context, kind string) bool {
	s.log.Info("services have another supervisor now; those of the one before are stopped", "before", kind, "now", s.kind)
	for pause := handoverPause; ctx.Err() == nil; pause = min(2*pause, handoverLast) {
		left, err := s.look(ctx, kind, pause)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.trouble(fmt.Errorf("no service is started before those of the supervisor %s have ended: %w", kind, err))
			rest(ctx, pause)
		case !left:
			s.trouble(nil)
			return true
		}
	}
	return false
}

// look has the supervisor before stop what it tells of, and says whether there was anything.
func (s *succession) look(ctx context.Context, kind string, pause time.Duration) (left bool, err error) {
	f, err := s.former(kind)
	if err != nil {
		return false, err
	}
	if f == nil {
		s.log.Info("the supervisor before has gone, and its services with it", "before", kind)
		return false, nil
	}
	defer f.close()
	ctx, cancel := context.WithCancel(ctx)
	var run sync.WaitGroup
	defer run.Wait()
	defer cancel()
	first := make(chan []runner.ServiceState, 1) // further lists are dropped: the next look has its own
	run.Go(func() {
		f.Run(ctx, func(states []runner.ServiceState, whole bool) {
			if whole {
				select {
				case first <- states:
				default:
				}
			}
		})
	})
	select {
	case states := <-first:
		if len(states) == 0 && !f.left() {
			return false, nil
		}
		err := stopAll(ctx, f, states)
		rest(ctx, pause) // it has still to tidy up
		if err == nil && len(states) == 0 && f.left() {
			err = errors.New("it does not tell of all that it runs")
		}
		return true, err
	case <-time.After(firstListLimit):
		return false, errors.New("it does not tell what it runs")
	case <-ctx.Done():
		return false, nil
	}
}

// stopAll stops services side by side; one does not wait for the time that another is granted.
func stopAll(ctx context.Context, f *former, states []runner.ServiceState) error {
	errs := make([]error, len(states))
	var all sync.WaitGroup
	for i, state := range states {
		all.Go(func() { errs[i] = f.Stop(ctx, state.ID) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// succeed has a supervisor come after those that may have services in the state directory, and has the journal doubt what
// it knows of theirs: they were not stopped for good.
func (d *daemon) succeed(s runner.Supervisor, kind string, records []runner.Record) runner.Supervisor {
	known := d.supervisors()
	before := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == kind })
	about := d.trouble.about("supervisor")
	if err := d.writeSupervisors(append(before, kind)); err != nil {
		about(err)
	}
	if len(before) == 0 {
		return s
	}
	for _, r := range records {
		if r.Service != nil && !slices.Contains([]runner.Phase{runner.Inactive, runner.Broken, ""}, r.Service.Told.Phase) {
			r.Service.Doubt = true
		}
	}
	return &succession{Supervisor: s, kind: kind, before: before, former: d.former, log: d.log, trouble: about,
		settled: func() error { return d.writeSupervisors([]string{kind}) }}
}

// supervisors are those that may have services. Of our own its directory tells.
func (d *daemon) supervisors() []string {
	var out []string
	text, _ := os.ReadFile(filepath.Join(d.State, supervisorsName)) // one that is not there names none
	if slices.Contains(strings.Fields(string(text)), executorSystemd) {
		out = append(out, executorSystemd)
	}
	if d.monitors() {
		out = append(out, executorProcess)
	}
	return out
}

// monitors says whether there is a monitor, or what is left of one.
func (d *daemon) monitors() bool {
	locks, _ := filepath.Glob(filepath.Join(globbed(d.State), servicesName, "*.lock"))
	return len(locks) > 0
}

// globbed is a path as a pattern that matches nothing else.
func globbed(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// writeSupervisors takes the place of the old list at once. Like the journal it is about this boot, and not synced.
func (d *daemon) writeSupervisors(kinds []string) error {
	path, text := filepath.Join(d.State, supervisorsName), []byte(strings.Join(kinds, "\n")+"\n")
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	err := os.WriteFile(path+".new", text, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("cannot write down what runs services: %w", err)
	}
	return nil
}

// former reaches a supervisor of before.
func (d *daemon) former(kind string) (*former, error) {
	if kind == executorProcess {
		m, err := monitor.New(filepath.Join(d.State, servicesName), d.shim)
		if err != nil {
			return nil, err
		}
		return &former{Supervisor: m, left: d.monitors, close: m.Close}, nil
	}
	if !hasSystemd() {
		return nil, nil
	}
	s, err := systemd.New(unitPrefix(d.State))
	if err != nil {
		return nil, err
	}
	return &former{Supervisor: s, left: func() bool { return false }, close: func() {}}, nil
}

// hasSystemd says whether this host was booted with systemd, be it that it does not answer just now (sd_booted(3)).
func hasSystemd() bool {
	fi, err := os.Lstat("/run/systemd/system")
	return err == nil && fi.IsDir()
}
