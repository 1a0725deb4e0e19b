package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	idleHooks  = 100
	idleWindow = 10 * time.Second
	idleCalm   = 3 * time.Second // without a wake-up: what a start brings along is over
)

// runIdle starts a hookd with many hooks and nothing to do, on a host with one interface, and prints what it costs.
func runIdle(ctx context.Context, work string) error {
	dir := filepath.Join(work, "idle")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := idleNamespace(); err != nil {
		return err
	}
	d, status, err := launchHookd(ctx, work, dir, idleHookFiles(filepath.Join(work, "nothing")))
	if err != nil {
		return err
	}
	defer d.stop()
	proc := "/proc/" + strconv.Itoa(status.PID)
	calm := settle(ctx, proc)
	before := switches(proc)
	wait(ctx, idleWindow)
	wakeUps := switches(proc) - before
	if err := d.lives(ctx, time.Now().Add(patience)); err != nil {
		return fmt.Errorf("hookd does not stay: %w", err)
	}
	text, err := idleTable(proc, wakeUps, calm)
	fmt.Print(text)
	return err
}

// idleNamespace takes this thread to a network namespace in which a loopback and a pair of interfaces are up.
func idleNamespace() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("cannot make a network namespace: %w", err)
	}
	for _, line := range []string{"link set dev lo up", "link add name bench0 type veth peer name bench1",
		"link set dev bench0 up", "link set dev bench1 up"} {
		if err := ip(strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

// idleHookFiles are hooks in an order of their own that wait for what does not come.
func idleHookFiles(program string) map[string]string {
	hooks := map[string]string{}
	for n := range idleHooks {
		uplink := fmt.Sprintf("uplink%d", n)
		hooks[fmt.Sprintf("hook-%d", n)] = fmt.Sprintf("[Hook]\nDescription=Hook %d of an idle host\nAfter=hook-%d\n"+
			"On=link.up interface=%s\nOn=interface.state to=routable interface=%s\nExec=%s %%{interface}\n",
			n, n-1, uplink, uplink, program)
	}
	return hooks
}

// settle waits until nothing has woken the process for a while; false when that does not come.
func settle(ctx context.Context, proc string) bool {
	last, since := switches(proc), time.Now()
	for deadline := since.Add(patience); time.Since(since) < idleCalm; wait(ctx, 100*time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		if now := switches(proc); now != last {
			last, since = now, time.Now()
		}
	}
	return true
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// switches counts how often the threads of a process have gone to sleep or lost their CPU so far (proc_pid_status(5)). A
// thread that sleeps all the time adds nothing.
func switches(proc string) int {
	files, _ := filepath.Glob(proc + "/task/*/status")
	sum := 0
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread that has ended wakes up no more
		sum += field(text, "voluntary_ctxt_switches") + field(text, "nonvoluntary_ctxt_switches")
	}
	return sum
}

// field is the number in a line "name: number unit", as files of proc(5) have it; 0 without such a line.
func field(text []byte, name string) int {
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return n
		}
	}
	return 0
}

func idleTable(proc string, wakeUps int, calm bool) (string, error) {
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		return "", err
	}
	smaps, err := os.ReadFile(proc + "/smaps_rollup")
	if err != nil {
		return "", err
	}
	private := field(smaps, "Private_Clean") + field(smaps, "Private_Dirty")
	text := "\n" + row(fmt.Sprintf("hookd with %d hooks and nothing to do", idleHooks)) +
		row("resident memory, KiB (VmRSS)", strconv.Itoa(field(status, "VmRSS"))) +
		row("private memory, KiB (Private_Clean + Private_Dirty)", strconv.Itoa(private)) +
		row(fmt.Sprintf("wake-ups in %s (context switches of all threads)", idleWindow), strconv.Itoa(wakeUps))
	if !calm {
		text += fmt.Sprintf("it was not at rest %s after its start\n", patience)
	}
	return text, nil
}
