// Command bench measures hookd on this machine: how long after a message of the kernel the first instruction of a hook
// runs, beside a C program that does nothing else, and what a hookd costs that has nothing to do.
//
// It runs itself again in a network namespace, for an ordinary user in a user namespace as well. All that it makes lies
// in one temporary directory. What the host cannot do is left out and said; what fails is an error.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/nstest"
)

// inside is set in the environment of a bench that runs in its namespaces, to the temporary directory.
const inside = "HOOKD_BENCH_INSIDE"

// patience bounds every wait for something that must come.
const patience = 30 * time.Second

// config is what the command line says.
type config struct {
	bin    string
	rounds int
	child  string
}

func main() {
	// Network namespaces belong to threads, and what is started with Pdeathsig ends with its thread: this one does all.
	runtime.LockOSThread()
	var c config
	flag.StringVar(&c.bin, "bin", "bin", "the `directory` of the hookd and the hookctl to measure")
	flag.IntVar(&c.rounds, "rounds", 200, "how many rounds of each contestant are counted")
	flag.StringVar(&c.child, "services", "", "measure services alone, here, with this `program` that tells when it began")
	flag.Parse()
	if flag.NArg() > 0 || c.rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	run := enter
	if dir := os.Getenv(inside); dir != "" {
		run = func(ctx context.Context) error { return c.measure(ctx, dir) }
	}
	if c.child != "" {
		run = c.servicesAlone
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// enter runs this program again in its namespaces, and takes the temporary directory away afterwards.
func enter(ctx context.Context) error {
	if why := nstest.Missing(); why != "" {
		fmt.Println("hookd bench: everything is left out:", why)
		return nil
	}
	dir, err := os.MkdirTemp("", "hookd-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = namespaces()
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the measuring did not end well: %w", err)
	}
	return nil
}

// namespaces are one of the network, one of mounts, which ownRoot may need, and for an ordinary user one of users, in which
// the others are allowed.
func namespaces() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGTERM}
	if os.Geteuid() != 0 {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// measure measures and prints, in the namespaces.
func (c config) measure(ctx context.Context, dir string) error {
	work := filepath.Join(dir, "work")
	if err := prepare(c.bin, work); err != nil {
		return err
	}
	missing := compile(ctx, work)
	if err := ownRoot(filepath.Join(dir, "root"), work); err != nil {
		return err
	}
	fmt.Printf("hookd bench: %s, %d CPUs, load %s\n", kernel(), runtime.NumCPU(), load())
	if err := ctx.Err(); err != nil {
		return err
	}
	if missing != nil {
		fmt.Printf("\n%s: left out: %v\n", raceTitle, missing)
	} else if err := runRace(ctx, work, c.rounds); err != nil {
		return err
	}
	if missing == nil {
		if err := runServices(ctx, work, filepath.Join(work, "child"), c.rounds); err != nil {
			return err
		}
		if err := runRunParts(ctx, work, c.rounds); err != nil {
			return err
		}
	}
	if err := runIdle(ctx, work); err != nil {
		return err
	}
	fmt.Printf("\nload at the end %s\n", load())
	return nil
}

// servicesAlone measures how services are started on a host that is there for nothing else.
func (c config) servicesAlone(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "hookd-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	work := filepath.Join(dir, "work")
	if err := prepare(c.bin, work); err != nil {
		return err
	}
	return runServices(ctx, work, c.child, c.rounds)
}
