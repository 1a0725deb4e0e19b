package hookshim

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"hookd/compat"
	"hookd/compat/adopt"
	"hookd/compat/runparts"
	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/runner"
)

// coordinator makes one order of the scripts of an adopted directory, which it runs as run-parts(8) does, and of the hooks of
// its event. Whatever goes wrong with the hooks, the scripts run.
type coordinator struct {
	*shim
	event   events.Event
	engine  *runparts.Runner
	scripts []runparts.Script  // those that have not had their turn
	order   []hookspec.Step    // of scripts and hooks; nil until somebody has told it
	at      int                // the step whose turn it is
	past    []runner.JobReport // of hooks that are not to run any more
	ran     []runner.JobReport // scripts
	vetoed  bool
	reached bool // hookd has answered
}

// coordinate is run-parts of an adopted directory. It is none of its business where no directory of an adopted system is to be
// run; then it has done nothing.
func coordinate(at place, called []string, stderr io.Writer) (status int, done bool) {
	o, stop := runparts.Parse(called)
	if stop != nil || o.Test || o.List || len(o.Directories) != 1 {
		return 0, false
	}
	system, phase, adopted := at.adopted(o.Directories[0], stderr)
	if !adopted {
		return 0, false
	}
	runtime.LockOSThread() // the mask of signals that scripts get is that of a thread
	c := &coordinator{shim: newShim(at, system, phase, o.Args, stderr), engine: runparts.New(o)}
	c.engine.Heard = c.heard
	occupy()
	scripts, told := runparts.List(&c.engine.Options)
	io.WriteString(stderr, told.Stderr)
	if c.scripts = scripts; told.Failed || !c.engine.Begin(scripts) {
		return 1, true
	}
	return c.run(), true
}

// occupy keeps the numbers of standard descriptors that are closed from what is opened here: what is written there would go to
// hookd. Scripts get them closed.
func occupy() {
	for fd := range 3 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == unix.EBADF {
			unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0) // the lowest number that is free
		}
	}
}

// adopted finds the system whose directory this is, where hookctl adopt has put us before run-parts(8). Where links stand in
// its directories they do what is to be done.
func (p place) adopted(dir string, stderr io.Writer) (compat.System, compat.Phase, bool) {
	system, phase, known := compat.ForDirectory(dir)
	if !known || !system.RunParts || filepath.Clean(dir) != filepath.Join("/", p.root, phase.Directory) {
		return system, phase, false
	}
	record, err := p.record(system.Name)
	if err != nil {
		(&shim{err: stderr}).say("no hook runs: %s", err)
	}
	return system, phase, err == nil && record != nil && record.By == adopt.ByPath
}

// record is that of the adoption of a system, nil for none.
func (p place) record(system string) (*adopt.Record, error) {
	trusted := func(path string) error {
		_, err := p.trust().Resolve(path)
		return err
	}
	return adopt.Host{Root: p.root, Trusted: trusted}.Read(system)
}

// run walks through scripts and hooks and returns the exit status.
func (c *coordinator) run() int {
	ctx := context.Background() // signals do here what they do with run-parts(8)
	e, err := c.shim.event()
	switch c.event = e; {
	case err != nil:
		c.say("no hook runs: %s", err)
		c.rest()
	case len(c.scripts) == 0:
		c.vetoed = c.status(e, c.tell(ctx, e)) != 0
	default:
		c.withHooks(ctx)
	}
	c.tellScripts(ctx)
	if status := c.engine.End(); !c.vetoed {
		return status
	}
	return 1
}

func (c *coordinator) withHooks(ctx context.Context) {
	defer func() {
		if fault := recover(); fault != nil {
			c.say("a fault of hookshim, the other scripts run without hooks: %v", fault)
			c.rest()
		}
	}()
	conn, err := control.Greet(ctx, c.socket, greeting)
	if c.reached = err == nil; c.reached {
		r := c.remote(ctx, c.event, conn)
		defer r.leave()
		if err = c.walk(r); err == nil {
			return
		}
		r.leave()
	}
	if c.forbidden(err) {
		c.rest()
		return
	}
	if c.order == nil {
		c.alone(err)
	} else {
		c.say("the other oneshots run here: %s", err)
	}
	h, e := c.here(ctx, c.event, c.isLeft())
	if h == nil {
		c.rest()
		return
	}
	o := &own{here: h, event: e, ctx: ctx, steps: c.order, past: c.past}
	defer o.leave()
	if err := c.walk(o); err != nil {
		c.say("no other hook runs: %s", err)
		c.rest()
	}
}

// walk takes the steps in their order, from where another guide has left them. With an error none of the others has begun, or ever
// will.
func (c *coordinator) walk(g guide) error {
	steps, err := g.begin(names(c.scripts))
	switch {
	case err != nil:
		return err
	case len(steps) == 0: // hookd need not hear what becomes of the scripts
		g.leave()
		c.rest()
		return nil
	}
	for c.order = steps; c.at < len(c.order); c.at++ {
		if good, err := c.step(g); !good || err != nil {
			return err
		}
	}
	return nil
}

// step takes one. It is not good when it is the last one.
func (c *coordinator) step(g guide) (good bool, err error) {
	step := c.order[c.at]
	if len(step.Hooks) == 0 {
		script, good := c.next()
		if !good {
			g.proceed(c.at, events.Show(script.Name)+" failed")
		}
		return good, nil
	}
	reply, err := g.proceed(c.at, "")
	if errors.Is(err, errUnbegun) {
		return true, err
	}
	for _, j := range reply.Jobs {
		c.job(j)
	}
	c.past = append(c.past, reply.Jobs...)
	if c.vetoed = c.status(c.event, reply.Aborted != "") != 0; c.vetoed {
		return false, nil
	}
	if len(reply.Left) > 0 {
		return true, errLeft
	}
	if err != nil {
		c.unknown(err)
	}
	return true, nil
}

// unknown notes that nobody will tell what became of the hooks of a step. They may have run, so they never run again, and they stop
// nothing: an interface that stays down for a hook that was well is worse than one that is up as without the hook.
func (c *coordinator) unknown(why error) {
	c.lost(c.event, c.order[c.at].Hooks, why)
	for _, name := range c.order[c.at].Hooks {
		c.past = append(c.past, runner.JobReport{Hook: name, Result: runner.Interrupted})
	}
}

// isLeft says which hooks are to run here: all when nobody has told their order yet.
func (c *coordinator) isLeft() func(hook string) bool {
	if c.order == nil {
		return nil
	}
	return func(hook string) bool {
		return slices.ContainsFunc(c.order[c.at:], func(s hookspec.Step) bool { return slices.Contains(s.Hooks, hook) }) &&
			!slices.ContainsFunc(c.past, func(j runner.JobReport) bool { return j.Hook == hook })
	}
}

// next runs a script. It is not good when no other one may run.
func (c *coordinator) next() (s runparts.Script, good bool) {
	s, c.scripts = c.scripts[0], c.scripts[1:]
	return s, c.engine.Run(s)
}

// rest runs the other scripts alone.
func (c *coordinator) rest() {
	for good := true; good && len(c.scripts) > 0; {
		_, good = c.next()
	}
}

func names(scripts []runparts.Script) []string {
	var out []string
	for _, s := range scripts {
		out = append(out, s.Name)
	}
	return out
}
