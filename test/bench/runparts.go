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

// floor is the least that a Go program does.
const floor = "package main\n\nimport \"syscall\"\n\nfunc main() { syscall.Write(1, []byte(\"nothing\\n\")) }\n"

// partsRunner is a program that runs the scripts of a directory.
type partsRunner struct {
	name string
	argv []string // before the directory
}

// sizes are how many scripts there are.
var sizes = []int{0, 1, 10, 100, 1000}

// sleepers is how many scripts sleep, each for 50 ms.
const sleepers = 10

// runRunParts measures our run-parts beside others. The first one is what the ratios are to.
func runRunParts(ctx context.Context, work string, rounds int) error {
	all, missing := partsRunners(ctx, work)
	fmt.Printf("\n%s", row("run-parts: start to end, ms p50 (in turn)", "0", "1", "10", "100", "1000"))
	for _, why := range missing {
		fmt.Println(why)
	}
	for _, kind := range []string{"static", "sh"} {
		if err := scriptsTable(ctx, work, kind, all, rounds); err != nil {
			return err
		}
	}
	bare := filepath.Join(work, "floor")
	if _, err := os.Stat(bare); err == nil {
		took, err := timeAll(ctx, []partsRunner{all[0], {"", []string{bare}}}, filepath.Join(work, "parts-static-0"), rounds)
		if err != nil {
			return err
		}
		fmt.Print(row("a Go program that does one system call", millis(took[1])), row("ratio to "+all[0].name, ratio(took[1], took[0], 0.5)))
	}
	return sleepersTable(ctx, work, all, rounds)
}

// partsRunners are the contestants that are there; ours is the last.
func partsRunners(ctx context.Context, work string) (all []partsRunner, missing []string) {
	if _, err := os.Stat("/usr/bin/run-parts"); err == nil {
		all = append(all, partsRunner{"debianutils", []string{"/usr/bin/run-parts"}})
	} else {
		missing = append(missing, "debianutils: left out: there is no /usr/bin/run-parts")
	}
	if path, err := exec.LookPath("busybox"); err == nil {
		all = append(all, partsRunner{"busybox", []string{path, "run-parts"}})
	} else {
		missing = append(missing, "busybox: left out: there is none; install busybox")
	}
	source := filepath.Join(work, "floor.go")
	err := os.WriteFile(source, []byte(floor), 0o644)
	if err == nil {
		build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(work, "floor"), source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		err = build.Run()
	}
	if err != nil {
		missing = append(missing, fmt.Sprintf("a bare Go program: left out: %v", err))
	}
	return append(all, partsRunner{"hookshim", []string{filepath.Join(work, "hookshim"), "run-parts"}}), missing
}

// scriptsTable is one kind of script in directories of all sizes.
func scriptsTable(ctx context.Context, work, kind string, all []partsRunner, rounds int) error {
	times, ratios := make([][]string, len(all)), make([][]string, len(all))
	for _, n := range sizes {
		dir, err := fillParts(work, kind, n)
		if err != nil {
			return err
		}
		took, err := timeAll(ctx, all, dir, max(3, min(rounds, 400/max(1, n))))
		if err != nil {
			return err
		}
		for i := range all {
			times[i] = append(times[i], millis(took[i]))
			ratios[i] = append(ratios[i], ratio(took[i], took[0], 0.5))
		}
	}
	for i, p := range all {
		fmt.Print(row(p.name+", "+kind, times[i]...))
		if i > 0 {
			fmt.Print(row("ratio to "+all[0].name, ratios[i]...))
		}
	}
	return nil
}

// sleepersTable is scripts that wait, one after the other and, with ours, side by side.
func sleepersTable(ctx context.Context, work string, all []partsRunner, rounds int) error {
	dir, err := fillParts(work, "sleep", sleepers)
	if err != nil {
		return err
	}
	last := all[len(all)-1]
	pair := []partsRunner{all[0], {last.name + " --parallel", append(last.argv[:2:2], "--parallel")}}
	took, err := timeAll(ctx, pair, dir, max(3, min(rounds, 10)))
	if err != nil {
		return err
	}
	fmt.Print(row(fmt.Sprintf("%s, %d that sleep 50 ms", pair[0].name, sleepers), millis(took[0])), row(pair[1].name, millis(took[1])),
		row("times faster", ratio(took[0], took[1], 0.5)))
	return nil
}

// fillParts makes a directory of scripts.
func fillParts(work, kind string, n int) (string, error) {
	dir := filepath.Join(work, fmt.Sprintf("parts-%s-%d", kind, n))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("s%04d", i))
		var err error
		switch kind {
		case "static":
			err = os.Link(filepath.Join(work, "exits"), path)
		case "sh":
			err = os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o755)
		default:
			err = os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 0.05\n"), 0o755)
		}
		if err != nil {
			return "", err
		}
	}
	return dir, nil
}

// timeAll lets all run in turn, each round beginning with another one. The first two rounds do not count.
func timeAll(ctx context.Context, all []partsRunner, dir string, rounds int) ([][]time.Duration, error) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(null)
	took := make([][]time.Duration, len(all))
	for n := range rounds + 2 {
		for k := range all {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			i := (n + k) % len(all)
			d, err := timeOne(append(all[i].argv[:len(all[i].argv):len(all[i].argv)], dir), null)
			if err != nil {
				return nil, err
			}
			if n >= 2 {
				took[i] = append(took[i], d)
			}
		}
	}
	return took, nil
}

func timeOne(argv []string, null int) (time.Duration, error) {
	out := uintptr(null)
	began := monotonic()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{out, out, 2}})
	if err != nil {
		return 0, fmt.Errorf("cannot start %s: %w", argv[0], err)
	}
	var status syscall.WaitStatus
	for err = syscall.EINTR; err == syscall.EINTR; {
		_, err = syscall.Wait4(pid, &status, 0, nil)
	}
	took := monotonic() - began
	if err == nil && status != 0 {
		err = fmt.Errorf("%q ended with status %d", argv, status)
	}
	return took, err
}

func millis(times []time.Duration) string {
	return fmt.Sprintf("%.2f", float64(quantile(times, 0.5))/1e6)
}
