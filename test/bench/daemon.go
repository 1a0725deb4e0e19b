package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is a process that stays, started in the network namespace of this thread.
type daemon struct {
	cmd   *exec.Cmd
	log   string // a file with its standard error
	ended chan struct{}
}

// launch starts a program with its output in files of a directory.
func launch(dir string, argv ...string) (*daemon, error) {
	d := &daemon{cmd: exec.Command(argv[0], argv[1:]...), log: filepath.Join(dir, "stderr"), ended: make(chan struct{})}
	stderr, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	stdout, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	d.cmd.Stdout, d.cmd.Stderr = stdout, stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.cmd.Wait(); close(d.ended) }() // ends with the process, which stop makes sure of
	return d, nil
}

// await looks every few milliseconds until something holds. A daemon of which it never does is stopped.
func (d *daemon) await(ctx context.Context, complaint string, holds func() bool) (*daemon, error) {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if err := d.lives(ctx, deadline); err != nil {
			d.stop()
			return nil, fmt.Errorf("%s: %w", complaint, err)
		}
	}
	return d, nil
}

// lives is an error when there is no sense in waiting any longer.
func (d *daemon) lives(ctx context.Context, deadline time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ended:
		return fmt.Errorf("it has ended with %v\n%s", d.cmd.ProcessState, d.wrote())
	default:
	}
	if time.Now().After(deadline) {
		return fmt.Errorf("%s were not enough\n%s", patience, d.wrote())
	}
	return nil
}

// wrote is what the daemon wrote to standard error.
func (d *daemon) wrote() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// stop ends the process and waits for its end.
func (d *daemon) stop() {
	d.cmd.Process.Signal(unix.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.cmd.Process.Kill()
		<-d.ended
	}
}
