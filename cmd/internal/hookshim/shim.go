package hookshim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hookd/compat"
	"hookd/compat/adopt"
	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
)

// place says where things are. Only flags change it, never the environment.
type place struct {
	socket string
	hooks  []string              // directories
	root   string                // below which adopted directories and their records lie
	watch  time.Duration         // how often a hookd that is waited for must answer
	trust  func() hookspec.Trust // asked where it matters: it reads files
}

func standard(trust func() hookspec.Trust) place {
	return place{socket: filepath.Join(stateDir, control.SocketName), hooks: hookspec.HookDirs(), watch: attention, trust: trust}
}

// stateDir is that of the hookd of the system.
const stateDir = "/run/hookd"

// greeting is how long a hookd may take to answer the first word. While it is waited for it is greeted again after each pause
// of attention, and may take as long to answer: hooks take what time they take, but a hookd that hangs must not hold up a host.
const (
	greeting  = 2 * time.Second
	attention = 5 * time.Second
)

// shim is one call by an old system.
type shim struct {
	place
	system  compat.System
	phase   compat.Phase
	args    []string // as a script gets them
	environ []string
	err     io.Writer
}

func newShim(at place, s compat.System, p compat.Phase, args []string, stderr io.Writer) *shim {
	return &shim{place: at, system: s, phase: p, args: args, environ: os.Environ(), err: stderr}
}

// flags takes the flags before the mode, which are for tests.
func (p *place) flags(args []string) ([]string, error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "--") && args[0] != "--help" {
		name, value, has := strings.Cut(args[0], "=")
		rest := args[1:]
		if !has && len(rest) > 0 {
			value, rest = rest[0], rest[1:]
		}
		switch name {
		case "--socket":
			p.socket = value
		case "--hooks":
			p.hooks = strings.Split(value, ":")
		case "--root":
			p.root = filepath.Clean(value)
		default:
			return nil, fmt.Errorf("unknown flag %s", events.Show(name))
		}
		if value == "" {
			return nil, fmt.Errorf("%s needs a value", name)
		}
		args = rest
	}
	return args, nil
}

// linked is the shim that a link in an old directory makes of the program: it is called by the path of the link.
func linked(called string) (compat.System, compat.Phase, bool) {
	if !strings.Contains(called, "/") || base(called) == "hookshim" {
		return compat.System{}, compat.Phase{}, false
	}
	dir, err := filepath.Abs(filepath.Dir(called)) // run-parts(8) of a relative directory
	if err != nil {
		return compat.System{}, compat.Phase{}, false
	}
	return compat.ForDirectory(dir)
}

// asLink is run of a link, unless it stands beside what hookctl adopt has made, which runs the hooks already.
func (s *shim) asLink(called string) int {
	record, _ := s.record(s.system.Name) // one that is not to be believed changes nothing here
	if record != nil && (record.By != adopt.ByLinks || base(called) != adopt.OwnScript) {
		s.say("%s does nothing: %s is adopted by %s", events.Show(called), s.system.Name, record.By)
		return 0
	}
	return s.run()
}

// outright finds the system of a command line, and what a script of it would get.
func outright(words []string) (s compat.System, p compat.Phase, args []string, err error) {
	s, known := compat.Find(words[0])
	args = words[1:]
	switch {
	case !known:
		return s, p, nil, fmt.Errorf("%s is no mode and no old system", events.Show(words[0]))
	case s.Word != "":
		return s, p, args, nil
	case len(s.Phases) == 1:
		return s, s.Phases[0], args, nil
	case len(args) == 0:
		return s, p, nil, fmt.Errorf("%s needs the phase (%s)", s.Name, phases(s))
	}
	if p, known = s.ForWord(args[0]); !known {
		return s, p, nil, fmt.Errorf("%s has no phase %s (%s)", s.Name, events.Show(args[0]), phases(s))
	}
	return s, p, args[1:], nil
}

func phases(s compat.System) string {
	var words []string
	for _, p := range s.Phases {
		words = append(words, strings.TrimPrefix(p.Event, s.Family+"."))
	}
	return strings.Join(words, ", ")
}

// run tells of the event, waits for its hooks and returns the exit status.
func (s *shim) run() int {
	ctx, stop := untilSignal()
	defer stop()
	e, err := s.event()
	if err != nil {
		s.say("no hook runs: %s", err)
		return 0
	}
	return s.status(e, s.tell(ctx, e))
}

// tell has the hooks of an event run, by hookd or here, and says whether one has ended it.
func (s *shim) tell(ctx context.Context, e events.Event) (aborted bool) {
	c, err := control.Greet(ctx, s.socket, greeting)
	if err == nil {
		defer c.Close()
		if aborted, err = s.report(ctx, c, e); s.forbidden(err) {
			return false
		} else if !errors.Is(err, control.ErrUnasked) {
			s.lost(e, nil, err)
			return aborted
		}
	}
	if s.forbidden(err) {
		return false
	}
	s.alone(err)
	return s.local(ctx, e)
}

func (s *shim) event() (events.Event, error) {
	e, err := s.system.Event(s.phase, s.args, s.environ)
	e.Time = time.Now()
	return e, err
}

// untilSignal ends with a signal that would end the program. A reader of our messages who is gone does not end it: the old
// system would take that for a failure.
func untilSignal() (context.Context, func()) {
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE) // caught and dropped; ignored it would be for hooks, too
	return signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
}

// attended ends with ctx, or when hookd no longer answers. To be stopped by its caller.
func (s *shim) attended(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	go func() { // until ctx ends
		for {
			select {
			case <-time.After(s.watch):
			case <-ctx.Done():
				return
			}
			c, err := control.Greet(ctx, s.socket, s.watch)
			if err != nil {
				end(err)
				return
			}
			c.Close()
		}
	}()
	return ctx, end
}

// forbidden says so when a hookd is there that does not listen to us: that is no reason to run its hooks with fewer rights.
func (s *shim) forbidden(why error) bool {
	var said *control.Error
	is := errors.Is(why, control.ErrForbidden) || errors.As(why, &said) && said.Name == control.ErrPermission
	if is {
		s.say("no hook runs: %s", why)
	}
	return is
}

// alone says why the oneshots run here, where that is worth a line.
func (s *shim) alone(why error) {
	if !errors.Is(why, control.ErrNobody) {
		s.say("the oneshots run here: %s", why)
	}
}

// lost says that nobody will tell how it went, with some hooks or all of an event.
func (s *shim) lost(e events.Event, hooks []string, why error) {
	if errors.Is(why, context.Canceled) {
		why = errors.New("a signal has ended the wait")
	}
	what := "the hooks"
	if len(hooks) > 0 {
		what = strings.Join(hooks, " ")
	}
	if why != nil && s.phase.Veto {
		s.say("what became of %s of %s is in hookctl history, and stops nothing: %s", what, e.Name, why)
	} else if why != nil {
		s.say("what became of %s of %s is in hookctl history: %s", what, e.Name, why)
	}
}

// report tells hookd of the event, and what hookd answers to the administrator.
func (s *shim) report(ctx context.Context, c *control.Conversation, e events.Event) (aborted bool, err error) {
	ctx, end := s.attended(ctx)
	defer end(nil)
	silent := time.AfterFunc(s.watch, func() { end(errSilent) })
	defer silent.Stop()
	err = c.Call(ctx, control.MethodReport, reportOf(e, nil), true, func(raw jsonText) error {
		silent.Stop()
		r, err := read[control.ReportReply](raw)
		if r.Job != nil {
			s.job(*r.Job)
		}
		if r.Ended != nil {
			aborted = r.Ended.Aborted
		}
		if err == nil && r.Run != "" && !s.system.Awaits(e.Name) {
			return errTold
		}
		return err
	})
	if errors.Is(err, errTold) {
		err = nil
	}
	return aborted, err
}

// errSilent ends a conversation in which hookd greets, and does not say what is to run, which takes no hook's time.
var errSilent = errors.New("hookd does not say what is to run")

// errTold ends a conversation about an event that the old system does not wait for: hookd has it. Who waits on may hold up what
// the old system does next.
var errTold = errors.New("hookd has been told")

// status is 0 but for a veto: in the run around all interfaces there is none, as it would keep lo down at boot.
func (s *shim) status(e events.Event, aborted bool) int {
	if name, _ := e.Get("interface"); aborted && s.phase.Veto && name != "--all" {
		return 1
	}
	return 0
}
