package hookd

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hookd/internal/booted"
	"hookd/internal/nstest"
	"hookd/runner"
)

// lockedService holds a lock as long as it lives, and says so when it cannot have it.
const lockedService = "[Hook]\nType=service\nOn=user.go\nStopOn=user.halt\n" +
	`Exec=/bin/sh -c 'exec 9>DIR/lock; flock --nonblock 9 || { echo $$ >>DIR/doubled; exit 0; }; echo $$ >>DIR/pids; exec sleep 100000'` + "\n"

// TestBootedHandover: a hookd with another --executor over the same state neither doubles services nor forgets them.
func TestBootedHandover(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	h := newServiceHost(t, executorSystemd, map[string]string{"one.hook": lockedService})
	h.start()
	h.emit(true, "user.go")
	last := h.phase("one", runner.Running)
	for n, next := range []string{executorProcess, executorSystemd, executorProcess, executorAuto} {
		if n%2 == 0 {
			h.kill()
		} else {
			h.cmd.Process.Signal(syscall.SIGTERM)
			<-h.ended
		}
		h.args[1] = next
		h.launch()
		h.eventually("it runs anew", func() bool { return len(h.pids("pids")) == n+2 })
		now := h.phase("one", runner.Running)
		if pids := h.pids("pids"); now.PID != pids[n+1] || lives(last.PID) || (now.Unit != "") != (n%2 == 1) {
			t.Errorf("%s: %+v, before %+v, processes %v", next, now, last, pids)
		}
		last = now
	}
	h.emit(true, "user.halt")
	h.phase("one", runner.Inactive)
	if text, err := os.ReadFile(h.path("doubled")); err == nil {
		t.Errorf("two at a time: %s", text)
	}
	for _, executor := range []string{executorProcess, executorSystemd} {
		h.args[1] = executor
		h.eventually("nothing is left", func() bool { return len(h.left()) == 0 })
	}
	h.stop()
}

// TestNetnsHandoverGone: what a systemd ran that is not there any more has gone with it.
func TestNetnsHandoverGone(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	if hasSystemd() {
		t.Skip("systemd runs here")
	}
	h := newServiceHost(t, executorProcess, map[string]string{"one.hook": lockedService})
	h.start()
	h.emit(true, "user.go")
	first := h.phase("one", runner.Running)
	h.kill()
	h.write("state/"+supervisorsName, executorSystemd+"\n"+executorProcess+"\n", 0o600)
	h.launch()
	h.eventually("it says so", func() bool { return strings.Contains(h.log.String(), "the supervisor before has gone") })
	h.eventually("it goes on", func() bool {
		s := h.services("one")
		return len(s) == 1 && s[0].Phase == runner.Running && lives(s[0].PID)
	})
	h.eventually("it is written down", func() bool { return h.file("state/"+supervisorsName) == executorProcess })
	h.emit(true, "user.halt")
	h.phase("one", runner.Inactive)
	if lives(first.PID) {
		t.Error("the first process lives")
	}
	h.stop()
}

// TestNetnsNoShim: without hookshim what runs is watched and stopped; only nothing is started.
func TestNetnsNoShim(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newServiceHost(t, executorProcess, map[string]string{"one.hook": lockedService})
	h.start()
	h.emit(true, "user.go")
	first := h.phase("one", runner.Running)
	h.kill()
	whole := slices.Clone(h.args)
	h.args[3] = h.path("nowhere")
	h.launch()
	if s := h.phase("one", runner.Running); s.PID != first.PID || !lives(s.PID) {
		t.Errorf("%+v, before %+v", s, first)
	}
	h.emit(true, "user.halt")
	h.phase("one", runner.Inactive)
	if lives(first.PID) {
		t.Error("it was not stopped")
	}
	if err := h.manage("start", "one"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("start without hookshim: %v", err)
	}
	h.stop()
	h.args = whole
}
