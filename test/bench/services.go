package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/control"
	"hookd/runner"
)

const (
	servicesTitle  = "wish → first instruction of a service"
	servicesWarmUp = 5
	servicesPause  = 30 * time.Millisecond // before each round: what a service leaves to be done is done
)

// starter is one way to have a service started, and the times of its rounds that count.
type starter struct {
	name  string
	start func(ctx context.Context) error // asks for it
	rest  func(ctx context.Context) error // waits until it is over and may be asked for again
	took  []time.Duration
}

// services is all that takes part: systemd-run where systemd runs, and for each executor a hookd that starts services.
type services struct {
	work, child, path string
	fifo              int
	all               []*starter
	ends              []func()
}

// runServices has services started in turn and prints how long that took. In each round another one begins.
func runServices(ctx context.Context, work, child string, rounds int) error {
	s := services{work: work, child: child, path: filepath.Join(work, "services"), fifo: -1}
	defer s.close()
	if err := s.gather(ctx); err != nil {
		return err
	}
	before := cpuTimes()
	for n := range servicesWarmUp + rounds {
		for i := range s.all {
			if err := s.round(ctx, s.all[(n+i)%len(s.all)], n >= servicesWarmUp); err != nil {
				return err
			}
		}
	}
	fmt.Print(servicesTable(s.all, rounds))
	fmt.Printf("the CPUs meanwhile: %s\n", cpuTimes().since(before))
	return nil
}

func (s *services) gather(ctx context.Context) (err error) {
	if err := unix.Mkfifo(s.path, 0o600); err != nil {
		return fmt.Errorf("cannot make a FIFO: %w", err)
	}
	if s.fifo, err = unix.Open(s.path, unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("cannot open a FIFO: %w", err)
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		s.all = append(s.all, s.systemdRun())
		if err := s.add(ctx, "systemd"); err != nil {
			return err
		}
	}
	return s.add(ctx, "process")
}

// systemdRun is what an administrator has without hookd.
func (s *services) systemdRun() *starter {
	start := func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, "systemd-run", "--quiet", "--collect", s.child, s.path).CombinedOutput()
		if err != nil {
			return fmt.Errorf("systemd-run: %w: %s", err, out)
		}
		return nil
	}
	return &starter{name: "systemd-run", start: start, rest: func(context.Context) error { return nil }}
}

// add starts a hookd in a network namespace of its own, and has it start services for an event and for a message of the
// kernel.
func (s *services) add(ctx context.Context, executor string) error {
	dir := filepath.Join(s.work, "services-"+executor)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	l, err := newLink()
	if err != nil {
		return err
	}
	s.ends = append(s.ends, l.close)
	hook := "[Hook]\nType=service\nRateLimit=infinity\nOn=%s\nExec=" + s.child + " " + s.path + "\n[Service]\nStartLimitIntervalSec=0\n"
	d, status, err := launchHookd(ctx, s.work, dir, map[string]string{"wish": fmt.Sprintf(hook, "user.go"),
		"link": fmt.Sprintf(hook, "link.up interface=bench0")}, "--executor", executor, "--hookshim", filepath.Join(s.work, "hookshim"))
	if err != nil {
		return err
	}
	s.ends = append(s.ends, d.stop)
	state := filepath.Join(dir, "state")
	by := "hookd, " + strings.SplitN(status.Services.By, ",", 2)[0] + ": "
	s.all = append(s.all,
		&starter{name: by + "event through its socket", start: emitter(state), rest: atRest(state, "wish", nil)},
		&starter{name: by + "hookctl emit", start: hookctl(s.work, state), rest: atRest(state, "wish", nil)},
		&starter{name: by + "netlink message", start: func(context.Context) error { return l.ask(l.up) }, rest: atRest(state, "link", l)})
	return nil
}

func emitter(state string) func(context.Context) error {
	return func(ctx context.Context) error {
		return call(ctx, state, control.MethodEmit, control.EmitRequest{Event: "user.go", Parameters: []control.EmitParam{}}, nil)
	}
}

func hookctl(work, state string) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, filepath.Join(work, "hookctl"), "--socket", filepath.Join(state, control.SocketName), "emit", "user.go").CombinedOutput()
		if err != nil {
			return fmt.Errorf("hookctl emit: %w: %s", err, out)
		}
		return nil
	}
}

func call(ctx context.Context, state, method string, params, out any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return control.Call(ctx, filepath.Join(state, control.SocketName), method, params, false, func(raw json.RawMessage) error {
		if out == nil {
			return nil
		}
		return json.Unmarshal(raw, out)
	})
}

// atRest waits until hookd knows that the service has ended, and takes its interface down.
func atRest(state, hook string, l *link) func(context.Context) error {
	return func(ctx context.Context) error {
		for deadline := time.Now().Add(patience); ; sleep(2 * time.Millisecond) {
			var reply control.ServicesReply
			if err := call(ctx, state, control.MethodServices, control.ServicesRequest{Hook: hook}, &reply); err != nil {
				return err
			}
			if len(reply.Services) == 1 && isOver(reply.Services[0]) {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the service does not end: %+v", reply)
			}
		}
		if l != nil {
			return l.ask(l.down)
		}
		return nil
	}
}

// round has one service started and takes the time until it runs.
func (s *services) round(ctx context.Context, one *starter, counts bool) error {
	sleep(servicesPause)
	c := contestant{fifo: s.fifo}
	if c.written(0) {
		return fmt.Errorf("%s ran its service more than once", one.name)
	}
	begin := monotonic()
	if err := one.start(ctx); err != nil {
		return err
	}
	ran, err := s.ran(ctx, c)
	if err != nil {
		return fmt.Errorf("%s: %w", one.name, err)
	}
	if counts {
		one.took = append(one.took, ran-begin)
	}
	return one.rest(ctx)
}

func (s *services) ran(ctx context.Context, c contestant) (time.Duration, error) {
	for deadline := time.Now().Add(patience); !c.written(100 * time.Millisecond); {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return 0, fmt.Errorf("the service does not run")
		}
	}
	return c.said()
}

func (s *services) close() {
	for _, end := range s.ends {
		defer end()
	}
	unix.Close(s.fifo)
}

// servicesTable shows all of them, and the times of the others in terms of the first.
func servicesTable(all []*starter, rounds int) string {
	text := "\n" + row(fmt.Sprintf("%s (%d rounds each, in turn)", servicesTitle, rounds), "p50 µs", "p90 µs", "ratio")
	for _, one := range all {
		text += row(one.name, micros(one.took, 0.5), micros(one.took, 0.9), ratio(one.took, all[0].took, 0.5))
	}
	return text
}

// isOver says that a service was started and has ended; the reason is not measured.
func isOver(s control.Service) bool {
	return (s.Phase == runner.Inactive || s.Phase == runner.Broken) && s.Missing != ""
}
