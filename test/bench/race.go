package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	raceTitle = "netlink message → first instruction"
	warmUp    = 20                    // rounds of each contestant that do not count
	pause     = 15 * time.Millisecond // before each round
)

// child is a program that tells when it began.
type child struct{ file, name string }

func children() []child {
	return []child{{"child", "static child"}, {"dynamic", "dynamic child"}, {"script", "/bin/sh, static child"}}
}

// race is all that takes part.
type race struct {
	work     string
	path     string        // of the FIFO that children write to
	fifo     int           // -1 before it is open
	all      []*contestant // for each child the C program and hookd, in this order
	executor string        // how hookd keeps the processes of hooks together, in its words
}

// runRace lets all contestants run in turn and prints how long they took. In each round another one begins, so that what
// else the machine does meets them alike.
func runRace(ctx context.Context, work string, rounds int) error {
	r := race{work: work, path: filepath.Join(work, "fifo"), fifo: -1}
	defer r.close()
	if err := r.gather(ctx); err != nil {
		return err
	}
	before := cpuTimes()
	for n := range warmUp + rounds {
		for i := range r.all {
			if err := r.all[(n+i)%len(r.all)].round(ctx, n >= warmUp); err != nil {
				return err
			}
		}
	}
	fmt.Print(raceTable(r.all, rounds))
	fmt.Printf("hookd: %s; the CPUs meanwhile: %s\n", r.executor, cpuTimes().since(before))
	return nil
}

// gather makes the FIFO and starts the contestants.
func (r *race) gather(ctx context.Context) (err error) {
	if err := unix.Mkfifo(r.path, 0o600); err != nil {
		return fmt.Errorf("cannot make a FIFO: %w", err)
	}
	if r.fifo, err = unix.Open(r.path, unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("cannot open a FIFO: %w", err)
	}
	for _, c := range children() {
		if err := r.add(ctx, "c-"+c.file, c.file, r.launchBare); err != nil {
			return err
		}
		if err := r.add(ctx, "hookd-"+c.file, c.file, r.launchHookd); err != nil {
			return err
		}
	}
	return nil
}

// launcher starts what runs a program when bench0 comes up.
type launcher func(ctx context.Context, dir, program string) (*daemon, error)

// add starts a contestant in a network namespace of its own, so that it hears only its own rounds: all of them are there
// all the time, and while one runs the others sleep.
func (r *race) add(ctx context.Context, name, file string, launch launcher) error {
	dir := filepath.Join(r.work, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	l, err := newLink()
	if err != nil {
		return err
	}
	d, err := launch(ctx, dir, filepath.Join(r.work, file))
	if err != nil {
		l.close()
		return err
	}
	r.all = append(r.all, &contestant{daemon: d, link: l, fifo: r.fifo})
	return nil
}

// launchBare starts the C program.
func (r *race) launchBare(ctx context.Context, dir, program string) (*daemon, error) {
	d, err := launch(dir, filepath.Join(r.work, "listener"), "bench0", program, r.path)
	if err != nil {
		return nil, err
	}
	return d.await(ctx, "the C program does not listen", func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, "stdout"))
		return string(text) == "ready\n"
	})
}

// launchHookd starts a hookd with one hook.
func (r *race) launchHookd(ctx context.Context, dir, program string) (*daemon, error) {
	hook, err := unlimited(r.work, dir, fmt.Sprintf("[Hook]\nOn=link.up interface=bench0\nExec=%s %s\n", program, r.path))
	if err != nil {
		return nil, err
	}
	d, status, err := launchHookd(ctx, r.work, dir, map[string]string{"race": hook})
	r.executor = status.Executor
	return d, err
}

func (r *race) close() {
	for _, c := range r.all {
		c.stop()
		c.link.close()
	}
	unix.Close(r.fifo)
}
