// Package hookd is the daemon: it wires sources, hooks, runner and control socket together, and owns their lives.
package hookd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"hookd/events"
	"hookd/events/networkd"
	"hookd/events/paths"
	"hookd/events/rtnl"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/runner"
	"hookd/runner/history"
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
	trouble *trouble
	since   time.Time
	exec    *process.Executor
	locks   *process.Locks
	runner  *runner.Runner

	guides     guides
	supervisor runner.Supervisor
	units      unitStates // nil where systemd does not supervise
	facts      *facts
	keeper     *history.Keeper

	source   *rtnl.Source
	networkd *networkd.Source
	files    *paths.Watcher
	hub      *hub
	reloads  chan chan reloaded // unbuffered: who asks waits until Run takes it
	told     map[string]bool    // faults that were logged, by text
	ready    bool               // the state found at start has been told; owned by the loop
	places   chan struct{}      // for clients that wait; full: further ones are refused
}

// run runs hookd until ctx ends, and reloads at each signal on hup.
func run(ctx context.Context, c config, trust hookspec.Trust, log *slog.Logger, hup <-chan os.Signal) error {
	unlock, err := lockState(c.State, trust)
	if err != nil {
		return err
	}
	defer unlock()
	listener, remove, err := listen(c.Socket, trust)
	if err != nil {
		return err
	}
	defer listener.Close()
	defer remove()
	locks, err := process.OpenLocks(filepath.Join(c.State, process.LocksName))
	if err != nil {
		return err
	}
	defer locks.Close()
	exec, err := process.New(trust, locks)
	if err != nil {
		return err
	}
	defer exec.Close()
	d := &daemon{config: c, hup: hup, trust: trust, log: log, trouble: &trouble{log: log, now: map[string]string{}}, since: time.Now(), exec: exec, locks: locks,
		reloads: make(chan chan reloaded), told: map[string]bool{}, places: make(chan struct{}, maxPatient), guides: guides{runs: map[int]string{}}}
	closeState, set, err := d.restore()
	if err != nil {
		return err
	}
	defer closeState()
	return d.serve(ctx, listener, set)
}

// restore takes up what an earlier hookd of this boot has left, and makes everything that it has something to tell.
func (d *daemon) restore() (closeState func(), set *hookspec.Set, err error) {
	past := history.Open(filepath.Join(d.State, historyName), d.trouble.about("history"))
	d.keeper = history.NewKeeper(past, d.History, d.lastingSafe, d.trouble.about("lasting history"))
	journal, records, err := history.OpenJournal(filepath.Join(d.State, historyName), d.trouble.about("journal"))
	if err != nil {
		return nil, nil, err
	}
	d.hub = newHub(d.log, past.Add)
	d.files = paths.New(slices.Concat(d.Hooks, d.Policies, d.Scripts.Watch()))
	if d.supervisor, err = d.supervise(records); err != nil {
		return nil, nil, err
	}
	set = d.load(nil)
	saved := runner.Restore(records)
	d.facts = newFacts(d.units)
	d.runner = runner.New(d.exec, d.hub, set, runner.Options{FollowUps: true, Journal: journal, Saved: saved,
		Supervisor: d.supervisor, Facts: d.facts, Trust: d.trust})
	state := saved.State(time.Now())
	d.source, d.networkd = rtnl.New(state), d.newNetworkd(state)
	d.ask(set)
	if every := watchdog(); every > 0 {
		d.source.Beat(every/3, func() { d.notify("WATCHDOG=1") })
	}
	return func() { journal.Close(); past.Close() }, set, nil
}

// historyName is the directory of the history and the journal in the state directory. In that directory itself, which lies
// on the way to hooks, each line of theirs would wake the watcher of files.
const historyName = "history"

// ask has the sources report what hooks of the set ask for.
func (d *daemon) ask(set *hookspec.Set) {
	d.source.Want(set.Asks("route"), set.Asks("neighbor"))
	d.askNetworkd(set)
}

// serve owns the goroutines of the daemon. The order of their end: sources, then the runner, then the keeper of what that
// has written, then the control socket, so that who waits for a run hears of its end.
func (d *daemon) serve(ctx context.Context, listener *net.UnixListener, set *hookspec.Set) error {
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	endKeeping := d.keep(context.WithoutCancel(ctx))
	var servers, rest sync.WaitGroup
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	rest.Go(func() { d.runner.Run(ctx) })
	servers.Go(func() { control.Serve(serving, listener, control.WithIntrospection(Version, d.handlers())) })
	d.runner.Submit(ctx, d.event("hookd.started", events.Param{Key: "version", Value: Version}))
	rest.Go(func() {
		if err := d.source.Run(ctx, func(err error) { d.log.Warn("lost the kernel's messages, reading the state again", "error", err) }); err != nil {
			fail(err)
		}
	})
	rest.Go(func() { d.pump(ctx) })
	rest.Go(func() { d.runNetworkd(ctx) })
	rest.Go(func() { d.supervisor.Run(ctx, d.runner.Supervise(ctx)) })
	rest.Go(func() { d.files.Run(ctx) })
	d.log.Info("hookd runs", "version", Version, "hooks", len(set.Hooks), "faults", set.Hard(), "socket", d.Socket, "executor", d.exec.Describe(), "services", d.supervisor.Describe())
	d.loop(ctx, set)
	d.notifyStopping()
	rest.Wait()
	endKeeping()
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
		if len(batch) == 0 {
			d.runner.Ready(ctx)
		}
		for _, e := range batch {
			if d.runner.Submit(ctx, e) != nil {
				return
			}
			d.networkd.Hear(e)
		}
	}
}

// event makes an event about hookd itself.
func (d *daemon) event(name string, params ...events.Param) events.Event {
	return events.Event{Name: name, Subject: "hookd/", Params: params, Source: events.SourceHookd, Time: time.Now()}
}
