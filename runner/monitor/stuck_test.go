package monitor

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookd/runner"
)

// A FinalKillSignal= that can be ignored is followed by SIGKILL.
func TestR8FinalSignalThatIsIgnored(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		spec := shell("deaf", fmt.Sprintf("trap '' TERM USR1; echo $$ >%s/main; while :; do sleep 1000; done", dir),
			set("TimeoutStopSec", "TimeoutStopUSec", uint64(200_000)), set("FinalKillSignal", "FinalKillSignal", int32(unix.SIGUSR1)))
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		main := pidIn(t, dir+"/main")
		h.halt(spec.ID)
		if alive(main) {
			t.Error("it lives")
		}
		if s := h.awaitState(spec.ID, phase(runner.Inactive)); s.Result != timeout || s.Signal != "SIGKILL" {
			t.Errorf("got %+v", s)
		}
		h.clean()
	})
}

// What is started again after its predecessor was killed lives: the kernel may kill what comes into a group that was killed.
func TestR8StartAfterKill(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		line := fmt.Sprintf("test -e %[1]s/child && { echo $$ >%[1]s/second; exec sleep 100000; }\n"+
			"(trap '' TERM; echo >%[1]s/child; while :; do sleep 1000; done) &\nwhile ! test -e %[1]s/child; do sleep 0.01; done; kill -9 $$", dir)
		spec := shell("back", line, append(restart("on-failure", time.Millisecond), set("TimeoutStopSec", "TimeoutStopUSec", uint64(50_000)))...)
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		pidIn(t, dir+"/second")
		h.halt(spec.ID)
		if s := h.awaitState(spec.ID, phase(runner.Inactive)); s.Restarts != 1 || s.Signal != "SIGTERM" {
			t.Errorf("got %+v", s)
		}
		h.clean()
	})
}

// A process that not even SIGKILL takes away is told of: who stops it, and who starts it meanwhile, does not wait for ever. It
// counts as ended when it has. A tracer that does not look after what it traces is as good as a disk that does not answer.
func TestR8ProcessThatDoesNotEnd(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		spec := shell("stuck", fmt.Sprintf("echo $$ >%s/main; exec sleep 100000", dir), set("TimeoutStopSec", "TimeoutStopUSec", uint64(200_000)))
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		release := trace(t, pidIn(t, dir+"/main"))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for range 2 {
			if err := h.sup.Stop(ctx, spec.ID); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "do not end") {
				t.Errorf("stop: %v", err)
			}
			if err := h.sup.Start(ctx, spec); err == nil || ctx.Err() != nil {
				t.Errorf("start: %v", err)
			}
		}
		h.awaitState(spec.ID, phase(runner.Stopping))
		release()
		h.awaitState(spec.ID, phase(runner.Inactive))
		h.halt(spec.ID)
		if err := h.start(spec); err != nil {
			t.Errorf("start after that: %v", err)
		}
		h.halt(spec.ID)
		h.clean()
	})
}

// trace keeps a process from ending until release is called.
func trace(t *testing.T, pid int) (release func()) {
	t.Helper()
	seized, over := make(chan error), make(chan struct{})
	end := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the end of the thread lets go of what it traces
		defer close(end)
		seized <- unix.PtraceSeize(pid)
		<-over
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			var w unix.WaitStatus
			got, err := unix.Wait4(pid, &w, unix.WALL|unix.WNOHANG, nil)
			if err != nil || got == pid && (w.Exited() || w.Signaled()) {
				return
			}
		}
	}()
	if err := <-seized; err != nil {
		close(over)
		t.Skipf("nothing can be traced here: %v", err)
	}
	return func() { close(over); <-end }
}
