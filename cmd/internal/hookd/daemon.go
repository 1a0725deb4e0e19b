// Package hookd is the daemon: it wires sources, hooks, runner and control socket together, and owns their lives.
package hookd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/events/rtnl"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/runner"
	"hookd/runner/process"
)

// Main runs hookd with a command line and returns its exit status: 0 after SIGTERM, 1 when it could not run, 2 for a
// wrong command line.
func Main(args []string, trust hookspec.Trust, stdout, stderr io.Writer) int {
	c, err := parseArgs(args, stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second signal ends hookd at once
	hup := make(chan os.Signal, 1) // a second SIGHUP while one waits says the same; from now on none ends hookd
	signal.Notify(hup, syscall.SIGHUP)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a reader of our log that goes must not take us along
	q := newLogQueue(stderr)
	err = run(ctx, c, trust, newLog(q, c.Level), hup)
	q.close()
	if err != nil {
		fmt.Fprintln(stderr, "hookd:", err)
		return 1
	}
	return 0
}

// daemon is a running hookd.
type daemon struct {
	config
	hup     <-chan os.Signal
	trust   hookspec.Trust
	log     *slog.Logger
	since   time.Time
	exec    *process.Executor
	runner  *runner.Runner
	source  *rtnl.Source
	hub     *hub
	reloads chan chan reloaded // unbuffered: who asks waits until Run takes it
	told    map[string]bool    // faults that were logged, by text
	places  chan struct{}      // for clients that wait; full: further ones are refused
}

// run runs hookd until ctx ends, and reloads at each signal on hup.
func run(ctx context.Context, c config, trust hookspec.Trust, log *slog.Logger, hup <-chan os.Signal) error {
	unlock, err := lockState(c.State, trust)
	if err != nil {
		return err
	}
	defer unlock()
	exec, err := process.New(trust)
	if err != nil {
		return err
	}
	defer exec.Close()
	d := &daemon{config: c, hup: hup, trust: trust, log: log, since: time.Now(), exec: exec, source: rtnl.New(nil),
		hub: newHub(log), reloads: make(chan chan reloaded), told: map[string]bool{}, places: make(chan struct{}, maxPatient)}
	set := d.load(nil)
	d.runner = runner.New(exec, d.hub, set, runner.Options{FollowUps: true})
	if _, err := trust.Resolve(filepath.Dir(c.Socket)); err != nil {
		return fmt.Errorf("the control socket would not be safe: %w", err)
	}
	listener, err := control.Listen(c.Socket)
	if err != nil {
		return err
	}
	made, err := os.Lstat(c.Socket)
	if err != nil {
		return fmt.Errorf("cannot look at the control socket: %w", err)
	}
	defer control.Remove(c.Socket, made)
	return d.serve(ctx, listener.Close, func(ctx context.Context) { control.Serve(ctx, listener, d.handlers()) }, set)
}

// serve owns the goroutines of the daemon. The order of their end: sources, then the runner, then the control socket, so
// that who waits for a run hears of its end.
func (d *daemon) serve(ctx context.Context, closeSocket func() error, serve func(context.Context), set *hookspec.Set) error {
	defer closeSocket()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	var servers, rest sync.WaitGroup
	ctx, fail := context.WithCancelCause(ctx)
	rest.Go(func() { d.runner.Run(ctx) })
	servers.Go(func() { serve(serving) })
	d.runner.Submit(ctx, d.event("hookd.started", events.Param{Key: "version", Value: Version}))
	rest.Go(func() {
		if err := d.source.Run(ctx, func(err error) { d.log.Warn("lost the kernel's messages, reading the state again", "error", err) }); err != nil {
			fail(err)
		}
	})
	rest.Go(func() { d.pump(ctx) })
	d.log.Info("hookd runs", "version", Version, "hooks", len(set.Hooks), "faults", set.Hard(), "socket", d.Socket, "executor", d.exec.Describe())
	d.loop(ctx)
	rest.Wait()
	stopServing()
	servers.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	d.log.Info("hookd ends")
	return nil
}

// pump carries the kernel's events to the runner.
func (d *daemon) pump(ctx context.Context) {
	for {
		batch, err := d.source.Next(ctx)
		if err != nil {
			return
		}
		for _, e := range batch {
			if d.runner.Submit(ctx, e) != nil {
				return
			}
		}
	}
}

// loop owns reloading.
func (d *daemon) loop(ctx context.Context) {
	for {
		select {
		case <-d.hup:
			d.reload(ctx)
		case answer := <-d.reloads:
			answer <- d.reload(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// reloaded is the outcome of a reload.
type reloaded struct {
	control.Reloaded
	err error
}

// reload reads all files anew. An order that is a circle is refused as a whole: the set in force stays.
func (d *daemon) reload(ctx context.Context) reloaded {
	prev, err := d.runner.Set(ctx)
	if err != nil {
		return reloaded{err: err}
	}
	set := d.load(prev)
	if cycle := newCycle(prev, set); cycle != nil {
		d.log.Error("reload refused: the set in force stays")
		return reloaded{err: fmt.Errorf("reload refused, the set in force stays: %w", cycle)}
	}
	if err := d.runner.Swap(ctx, set); err != nil {
		return reloaded{err: err}
	}
	r := reloaded{Reloaded: control.Reloaded{Hooks: len(set.Hooks), Kept: set.Kept(), Faults: []string{}}}
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

// load reads all files and logs what is new of what cannot be used.
func (d *daemon) load(prev *hookspec.Set) *hookspec.Set {
	set := hookspec.Load(hookspec.Options{Hooks: d.Hooks, Policies: d.Policies, NeedHooks: d.Named.Hooks, NeedPolicies: d.Named.Policies, Trust: d.trust,
		Accounts: hookspec.Host{}}, prev)
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
	d.told = now
	return set
}

// event makes an event about hookd itself.
func (d *daemon) event(name string, params ...events.Param) events.Event {
	return events.Event{Name: name, Subject: "hookd/", Params: params, Source: events.SourceHookd, Time: time.Now()}
}

// lockState makes the state directory and takes it for this process alone. One that others may write to is refused: who
// can move our socket away can put another one in its place.
func lockState(dir string, trust hookspec.Trust) (unlock func(), err error) {
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return nil, fmt.Errorf("cannot make the state directory: %w (name another one with --state)", err)
	}
	if _, err := trust.Resolve(dir); err != nil {
		return nil, fmt.Errorf("the state directory is not safe: %w", err)
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() || fi.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("the state directory %s must be a directory that nobody else may write to", dir)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the state directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another hookd uses the state directory %s (name another one with --state)", dir)
		}
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
