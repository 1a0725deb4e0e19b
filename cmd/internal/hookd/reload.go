package hookd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
)

// How long after a look at files of which one was being written the next look comes: at first, and at the most.
const (
	rewritten = 500 * time.Millisecond
	unwritten = 30 * time.Second
)

// loop owns reloading. The service manager hears that hookd is ready when the state of the kernel is known and told.
func (d *daemon) loop(ctx context.Context, set *hookspec.Set) {
	ready := d.source.Ready()
	late := time.NewTimer(0)
	defer late.Stop()
	pause := rewritten
	look := func(written bool) { // once more, when a file was being written
		late.Stop()
		if written {
			late.Reset(pause)
		}
	}
	look(set.Written)
	for {
		select {
		case <-ready:
			ready, d.ready = nil, true
			d.notifyReady(set)
		case <-d.hup:
			look(d.reload(ctx).written)
		case <-d.files.Changed():
			pause = rewritten
			look(d.reload(ctx).written)
		case <-late.C:
			pause = min(2*pause, unwritten)
			look(d.reloadWritten(ctx))
		case answer := <-d.reloads:
			r := d.reload(ctx)
			look(r.written)
			answer <- r
		case <-ctx.Done():
			return
		}
	}
}

// reloadWritten reloads when the files that were being written are no more, and says whether they still are.
func (d *daemon) reloadWritten(ctx context.Context) bool {
	prev, err := d.runner.Set(ctx)
	if err != nil {
		return false
	}
	if d.read(prev).Written {
		return true
	}
	return d.reload(ctx).written
}

// reloaded is the outcome of a reload.
type reloaded struct {
	control.Reloaded
	written bool // a file was being written: another look is needed
	err     error
}

// reload reads all files anew. An order that is a circle is refused as a whole: the set in force stays.
func (d *daemon) reload(ctx context.Context) reloaded {
	prev, err := d.runner.Set(ctx)
	if err != nil {
		return reloaded{err: err}
	}
	d.notifyReloading()
	set := d.load(prev)
	cycle := newCycle(prev, set)
	if cycle != nil {
		cycle = control.Errorf(control.ErrRefused, "reload refused, the set in force stays: %s", cycle)
	}
	d.trouble.about("reload")(cycle)
	if cycle != nil {
		d.notifyReady(prev)
		return reloaded{written: set.Written, err: cycle}
	}
	if err := d.runner.Swap(ctx, set); err != nil {
		return reloaded{err: err}
	}
	d.ask(set)
	defer d.notifyReady(set)
	r := reloaded{Reloaded: control.Reloaded{Hooks: len(set.Hooks), Kept: set.Kept(), Faults: []string{}}, written: set.Written}
	for _, f := range slices.Concat(set.Faults, hookspec.Faults(set.Cycles)) {
		if !f.Doubt {
			r.Faults = append(r.Faults, f.Error())
		}
	}
	d.log.Info("reloaded", "hooks", r.Hooks, "faults", set.Hard())
	d.runner.Submit(ctx, d.event("hookd.reloaded", events.Param{Key: "hooks", Value: strconv.Itoa(r.Hooks)},
		events.Param{Key: "faults", Value: strconv.Itoa(set.Hard())}))
	return r
}

// newCycle finds a circle in the order that was not there before.
func newCycle(prev, now *hookspec.Set) error {
	for _, c := range now.Cycles {
		if !slices.ContainsFunc(prev.Cycles, func(old hookspec.Fault) bool { return old.Msg == c.Msg }) {
			return c
		}
	}
	return nil
}

// read reads all files.
func (d *daemon) read(prev *hookspec.Set) *hookspec.Set {
	return hookspec.Load(hookspec.Options{Hooks: d.Hooks, Policies: d.Policies, NeedHooks: d.Named.Hooks, NeedPolicies: d.Named.Policies, Trust: d.trust,
		Accounts: hookspec.Host{}, Scripts: d.Scripts}, prev)
}

// load reads all files and logs what is new of what cannot be used.
func (d *daemon) load(prev *hookspec.Set) *hookspec.Set {
	set := d.read(prev)
	now := map[string]bool{}
	tell := func(level slog.Level, text string, args ...any) {
		if !d.told[text] {
			d.log.Log(context.Background(), level, text, args...)
		}
		now[text] = true
	}
	for _, f := range slices.Concat(set.Faults, hookspec.Faults(set.Cycles)) {
		level := slog.LevelError
		if f.Doubt {
			level = slog.LevelWarn
		}
		tell(level, f.Error())
	}
	for _, e := range set.Entries {
		if e.State == hookspec.StateIgnored || e.State == hookspec.StateKept {
			tell(slog.LevelWarn, events.Show(e.Path)+" is "+e.State+": "+e.Reason)
		}
	}
	for _, s := range d.needsSystemd(set) {
		tell(slog.LevelWarn, fmt.Sprintf("%s: %s= has no effect: it needs systemd", s.Place, s.Key))
	}
	d.told = now
	return set
}
