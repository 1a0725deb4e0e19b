package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hookd/hookspec"
	"hookd/runner"
)

// asHolder in the environment makes TestHolder a process that takes the lock of the job of task, or says why it does not: the
// path of the locks.
const asHolder = "HOOKD_TEST_AS_HOLDER"

func TestHolder(t *testing.T) {
	path := os.Getenv(asHolder)
	if path == "" {
		t.Skip("it is for other tests")
	}
	l, err := OpenLocks(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("too late"))
	defer stop()
	_, err = l.take(ctx, taskOf(t, "Exec=/bin/true").Job)
	fmt.Println("HOLDER", err)
	time.Sleep(time.Hour)
}

// holder starts such a process, and says what has become of its lock.
func holder(t *testing.T, path string, env ...string) (string, *os.Process) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	cmd.Env = append(os.Environ(), append(env, asHolder+"="+path)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said, found := strings.CutPrefix(lines.Text(), "HOLDER "); found {
			return said, cmd.Process
		}
	}
	t.Fatal("the holder says nothing")
	return "", nil
}

func locksIn(t *testing.T, path string) *Locks {
	t.Helper()
	l, err := OpenLocks(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// What another process runs is waited for; what nobody else runs is not.
func TestLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), LocksName)
	other := locksIn(t, path)
	each(t, func(t *testing.T, e *Executor) {
		e.locks = locksIn(t, path)
		held := task(t, "Timeout=1s", "exit 0")
		if _, err := other.take(t.Context(), held.Job); err != nil {
			t.Fatal(err)
		}
		if !e.locks.Held("test", "eth0") || e.locks.Held("test", "eth1") || other.Held("test", "eth0") {
			t.Error("who holds what is told wrongly")
		}
		for _, keys := range []string{"WhenBusy=parallel", "Instance=other"} {
			if r := execute(e, task(t, keys, "exit 0")); r.Result != runner.Done || r.Reason != "" {
				t.Errorf("%s: %+v", keys, r)
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the end"))
		if r := e.Execute(ctx, held); r.Result != runner.Canceled || r.Reason != "the end" {
			t.Errorf("canceled: %+v", r)
		}
		released := make(chan struct{})
		time.AfterFunc(lockLong+50*time.Millisecond, func() { other.release(held.Job); close(released) })
		if r := execute(e, held); r.Result != runner.Done || !strings.HasPrefix(r.Reason, "another process ran it for ") {
			t.Errorf("waited: %+v", r)
		}
		<-released
		if r := execute(e, held); r.Result != runner.Done || r.Reason != "" {
			t.Errorf("free: %+v", r)
		}
		if other.Held("test", "eth0") {
			t.Error("the lock is still held")
		}
	})
}

// A lock ends with the process that has it, however that ends; one in a job of the same instance does not wait for it (R9).
func TestLocksOfProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), LocksName)
	said, p := holder(t, path)
	if said != "<nil>" {
		t.Fatal(said)
	}
	for _, test := range []struct {
		env  []string
		want string
	}{
		{nil, "too late"},
		{[]string{"HOOK_NAME=test", "HOOK_INSTANCE=eth1"}, "too late"},
		{[]string{"HOOK_NAME=test", "HOOK_INSTANCE=eth0"}, errInside.Error()},
	} {
		if said, _ := holder(t, path, test.env...); said != test.want {
			t.Errorf("%v: %s, want %s", test.env, said, test.want)
		}
	}
	p.Kill()
	l := locksIn(t, path)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if _, err := l.take(ctx, taskOf(t, "Exec=/bin/true").Job); err != nil {
		t.Error(err)
	}
}

// B2: of a process that has stopped while it runs a job nobody waits for longer than the job may take.
func TestB2LockOfStoppedProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), LocksName)
	said, p := holder(t, path)
	if err := p.Signal(syscall.SIGSTOP); err != nil || said != "<nil>" {
		t.Fatal(said, err)
	}
	each(t, func(t *testing.T, e *Executor) {
		e.locks = locksIn(t, path)
		began := time.Now()
		r := execute(e, task(t, "Timeout=300ms\nKillAfter=200ms", "exit 0"))
		if took := time.Since(began); r.Result != runner.Skipped || r.Reason != Elsewhere || took < 500*time.Millisecond || took > patience {
			t.Errorf("after %s: %+v", took, r)
		}
	})
	for _, test := range []struct {
		keys string
		want time.Duration
	}{{"X-A=", 35 * time.Second}, {"Timeout=infinity\nKillAfter=1s", 31 * time.Second}, {"Timeout=1m\nKillAfter=1s", 61 * time.Second}} {
		if got := lockLimit(task(t, test.keys, "exit 0").Job.Hook); got != test.want {
			t.Errorf("%s: %s, want %s", test.keys, got, test.want)
		}
	}
}

func TestOpenLocks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("elsewhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "none/x"} {
		if l, err := OpenLocks(filepath.Join(dir, name)); err == nil || l != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A process belongs to the job that has started it, whatever it does with its environment.
func TestOwner(t *testing.T) {
	each(t, func(t *testing.T, e *Executor) {
		dir := t.TempDir()
		job := task(t, "Timeout=infinity", "sleep 1000 & echo $! >"+dir+"/child; env -i sh -c 'echo $$ >"+dir+"/bare; exec sleep 1000' & echo $$ >"+dir+"/pid; wait")
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { e.Execute(ctx, job); close(over) }()
		for _, file := range []string{"pid", "child", "bare"} {
			if run, hook := e.Owner(pidIn(t, filepath.Join(dir, file))); run != job.Run || hook != "test" {
				t.Errorf("%s: %q %q", file, run, hook)
			}
		}
		if run, hook := e.Owner(os.Getpid()); run != "" || hook != "" {
			t.Errorf("we: %q %q", run, hook)
		}
		cancel()
		<-over
	})
}

func BenchmarkExecuteLocked(b *testing.B) {
	locks, err := OpenLocks(filepath.Join(b.TempDir(), LocksName))
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, locks)
}

func BenchmarkLock(b *testing.B) {
	locks, err := OpenLocks(filepath.Join(b.TempDir(), LocksName))
	if err != nil {
		b.Fatal(err)
	}
	job := hookspec.Job{Hook: &hookspec.Hook{Name: "bench"}, Instance: "eth0"}
	for b.Loop() {
		locks.take(b.Context(), job)
		locks.release(job)
	}
}
