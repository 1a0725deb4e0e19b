package hookd

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hookd/internal/control"
	"hookd/internal/nstest"
)

// R13: hookd is killed at random moments while runs end and the history is moved. Every run is in the history, once.
func TestNetnsR13History(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=user.a\nRateLimit=infinity\nExec=/bin/sh -c 'echo $HOOK_RUN >>DIR/ran'\n"})
	h.args = []string{"--history", h.path("lasting/history")}
	random := rand.New(rand.NewPCG(2, uint64(time.Now().UnixNano())))
	for range 60 {
		h.launch()
		h.eventually("hookd listens", func() bool { return h.call(control.MethodStatus, nil, nil) == nil })
		h.busy(time.Duration(random.IntN(60)) * time.Millisecond)
	}
	h.start()
	if err := h.call(control.MethodFlush, nil, nil); err != nil {
		t.Fatal(err)
	}
	h.eventually("peace", func() bool {
		var s control.Status
		return h.call(control.MethodStatus, nil, &s) == nil && s.Waiting == 0 && s.Running == 0
	})
	h.stop()
	h.onceEach()
}

// busy emits and flushes until hookd is killed, which is after a while.
func (h *host) busy(while time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	var both sync.WaitGroup
	for _, call := range []func(){
		func() {
			h.call(control.MethodEmit, control.EmitRequest{Event: "user.a", Parameters: []control.EmitParam{}}, nil)
		},
		func() { h.call(control.MethodFlush, nil, nil) },
	} {
		both.Go(func() {
			for ctx.Err() == nil {
				call()
			}
		})
	}
	time.Sleep(while) // nothing is waited for: any moment is as good
	h.kill()
	stop()
	both.Wait()
}

// onceEach fails unless what the hook has written is in the history, and all that is in the history was moved, once.
func (h *host) onceEach() {
	h.t.Helper()
	told := map[string]int{}
	for _, e := range h.runs("a") {
		told[e.Run]++
	}
	ran := h.lines("ran")
	for _, run := range ran {
		if told[run] != 1 {
			h.t.Errorf("run %s is %d times in the history", run, told[run])
		}
	}
	moved := 0
	found, _ := filepath.Glob(h.path("lasting/history/part.*"))
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			h.t.Fatal(err)
		}
		moved += bytes.Count(text, []byte(`"hook":"a"`))
	}
	if left, _ := filepath.Glob(h.path("state/history/part.*")); len(left) > 0 || moved < len(told) {
		h.t.Errorf("%d of %d runs were moved, %v are left", moved, len(told), left)
	}
	if len(ran) < 100 {
		h.t.Errorf("too little to mean anything: %d runs", len(ran))
	}
	h.t.Logf("%d runs, %d entries", len(told), moved)
}

// A directory that is not hookd's own, or only a link, is not written to; the status says why, and the history stays.
func TestNetnsHistoryUnsafe(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=user.a\nExec=/bin/true\n"})
	h.args = []string{"--history", h.path("lasting")}
	h.start()
	put := func(what func() error) {
		t.Helper()
		os.RemoveAll(h.path("lasting"))
		if err := what(); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(why string) {
		t.Helper()
		if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.a", Wait: true, Parameters: []control.EmitParam{}}, nil); err != nil {
			t.Fatal(err)
		}
		err := h.call(control.MethodFlush, nil, nil)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %s", err, why)
		}
		var s control.Status
		if err := h.call(control.MethodStatus, nil, &s); err != nil || !strings.Contains(fmt.Sprint(s.Trouble), why) {
			t.Errorf("trouble %v, %v", s.Trouble, err)
		}
	}
	other := h.path("other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	put(func() error { return os.Symlink(other, h.path("lasting")) })
	refused("is no directory, or only a link")
	put(func() error { return os.WriteFile(h.path("lasting"), nil, 0o600) })
	refused("is no directory")
	put(func() error { return os.Mkdir(h.path("lasting"), 0o755) })
	refused("is open to others (mode 0755)")
	refusedRuns := 3
	put(func() error { return os.Mkdir(h.path("lasting"), 0o700) })
	if os.Geteuid() == 0 && os.Chown(h.path("lasting"), 12345, 12345) == nil {
		refused("belongs to uid 12345")
		refusedRuns++
		os.Chown(h.path("lasting"), 0, 0)
	}
	if n := len(h.runs("a")); n != refusedRuns {
		t.Errorf("%d runs of %d are in the history", n, refusedRuns)
	}
	var s control.Status
	if err := h.call(control.MethodFlush, nil, nil); err != nil || h.call(control.MethodStatus, nil, &s) != nil || len(s.Trouble) > 0 {
		t.Errorf("when all is well: %v, %v", err, s.Trouble)
	}
	if found, _ := filepath.Glob(h.path("lasting/part.*")); len(found) != 1 || len(h.runs("a")) != refusedRuns {
		t.Errorf("moved are %v", found)
	}
	if left, _ := os.ReadDir(other); len(left) > 0 {
		t.Errorf("written through the link: %v", left)
	}
}
