package hookd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hookd/internal/booted"
	"hookd/internal/control"
	"hookd/internal/nstest"
	"hookd/runner"
	"hookd/runner/history"
)

// R13: hookd is killed at any moment while a link flaps and a service dies.

func TestNetnsR13Service(t *testing.T) {
	if nstest.Enter(t) {
		testR13(t, executorProcess, 40)
	}
}

func TestBootedR13(t *testing.T) {
	if booted.Enter(t, booted.Bookworm) {
		testR13(t, executorSystemd, 15)
	}
}

// testR13 kills hookd again and again. Each service holds a lock as long as it lives, and says so when it cannot have it.
func testR13(t *testing.T, executor string, kills int) {
	const locked = `exec 9>DIR/$HOOK_NAME.lock; flock --nonblock 9 || { echo $HOOK_NAME >>DIR/doubled; exit 0; }; echo $$ >>DIR/$HOOK_NAME; exec sleep 100000`
	service := func(keys string) string {
		return "[Hook]\nType=service\n" + keys + "Exec=/bin/sh -c '" + locked + "'\n[Service]\nRestart=on-failure\nRestartSec=20ms\nStartLimitBurst=1000\n"
	}
	h := newServiceHost(t, executor, map[string]string{
		"follows.hook": service("While=link-up interface=va\n"),
		"again.hook":   service("On=user.go\nStopOn=user.halt\nWhenBusy=restart\n"),
		"teller.hook":  "[Hook]\nOn=service.*\nExec=/bin/true\n",
	})
	h.start()
	h.veth("va", "vb")
	h.batch("link set dev vb up", "link set dev va up")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	up, story := true, []runner.Record{}
	for range kills {
		for range 1 + dice.IntN(3) {
			switch dice.IntN(4) {
			case 0:
				up = !up
				h.batch("link set dev va " + map[bool]string{true: "up", false: "down"}[up])
			case 1:
				h.killService([]string{"follows", "again"}[dice.IntN(2)])
			case 2:
				h.call(control.MethodEmit, control.EmitRequest{Event: "user.go", Parameters: paramsOf(nil)}, nil)
			case 3:
				h.call(control.MethodEmit, control.EmitRequest{Event: "user.halt", Parameters: paramsOf(nil)}, nil)
			}
			time.Sleep(time.Duration(dice.IntN(40)) * time.Millisecond)
		}
		h.kill()
		story = append(story, h.chapters()...)
		h.launch()
		if dice.IntN(3) > 0 {
			h.eventually("hookd listens", func() bool { return h.call(control.MethodStatus, nil, nil) == nil })
		}
	}
	h.eventually("hookd listens", func() bool { return h.call(control.MethodStatus, nil, nil) == nil })
	h.batch("link set dev va up")
	h.emit(true, "user.go")
	for _, name := range []string{"follows", "again"} {
		h.agrees(name)
	}
	h.batch("link set dev va down")
	h.emit(true, "user.halt")
	for _, name := range []string{"follows", "again"} {
		h.phase(name, runner.Inactive)
		if pids := h.pids(name); lives(pids[len(pids)-1]) {
			t.Errorf("%s is inactive, and its process %d lives", name, pids[len(pids)-1])
		}
	}
	if text, _ := os.ReadFile(h.path("doubled")); len(text) > 0 {
		t.Errorf("two at a time: %s", text)
	}
	h.peace()
	h.stop()
	story = append(story, h.chapters()...)
	for _, name := range []string{"follows", "again"} {
		h.replay(name, story)
	}
}

// killService kills the process that a service wrote down last, if it is still one.
func (h *host) killService(name string) {
	pids := h.pids(name)
	if len(pids) == 0 {
		return
	}
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pids[len(pids)-1]))
	if string(line) == "sleep\x00100000\x00" {
		syscall.Kill(pids[len(pids)-1], syscall.SIGKILL)
	}
}

// agrees waits until a service runs, in exactly the process that hookd names.
func (h *host) agrees(name string) {
	h.t.Helper()
	var s control.Service
	h.eventually(name+" runs, as hookd says", func() bool {
		all, pids := h.services(name), h.pids(name)
		if len(all) != 1 || len(pids) == 0 {
			return false
		}
		s = all[0]
		return s.Phase == runner.Running && s.PID == pids[len(pids)-1] && lives(s.PID)
	})
	for _, pid := range h.pids(name) {
		if pid != s.PID && lives(pid) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if strings.HasPrefix(string(line), "sleep\x00") {
				h.t.Errorf("%s has a second process %d", name, pid)
			}
		}
	}
}

// chapters are the events of services that the journal of a hookd that is no more has, each with the id of its run: a hook
// hears of all of them.
func (h *host) chapters() []runner.Record {
	h.t.Helper()
	_, records, err := history.OpenJournal(h.path("state/"+historyName), func(err error) { h.t.Log(err) })
	if err != nil {
		h.t.Fatal(err)
	}
	return slices.DeleteFunc(records, func(r runner.Record) bool {
		return r.Event == nil || r.Event.Family() != "service" || r.Run == ""
	})
}

// replay holds the story of a service against what may follow what.
func (h *host) replay(name string, story []runner.Record) {
	h.t.Helper()
	follows := map[string][]string{
		"":               {"starting"},
		"starting":       {"started", "failed", "failed again", "stopping", "stopping again", "stopped"},
		"started":        {"failed", "failed again", "stopping", "stopping again", "stopped"},
		"failed again":   {"starting", "failed", "stopping", "stopping again", "stopped"},
		"failed":         {"stopped", "starting"},
		"stopping":       {"stopped", "starting"},
		"stopping again": {"starting", "stopped"},
		"stopped":        {"starting"},
	}
	last, told, seen := "", []string{}, map[string]bool{}
	for _, r := range story {
		if service, _ := r.Event.Get("service"); service != name || seen[r.Run] {
			continue
		}
		seen[r.Run] = true
		word := strings.TrimPrefix(r.Event.Name, "service.")
		if again, _ := r.Event.Get("restarting"); again == "yes" {
			word += " again"
		}
		told = append(told, word)
		if !slices.Contains(follows[last], word) {
			h.t.Errorf("%s: %q after %q: %q", name, word, last, told)
		}
		last = word
	}
	h.t.Logf("%s: %d events, %d starts", name, len(told), len(h.pids(name)))
	if last != "stopped" {
		h.t.Errorf("%s: the end of the story is %q", name, last)
	}
	if h.t.Failed() {
		h.t.Log(h.log.String())
	}
}

// TestBootedR12 has systemd execute itself anew, again and again, while hookd starts services.
func TestBootedR12(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	const services = 60
	h := newServiceHost(t, executorSystemd, map[string]string{
		"many.hook": "[Hook]\nType=service\nInstance=%{n}\nParameter=n\nOn=user.go\nStopOn=user.halt\nRateLimit=infinity\nExec=/bin/sh -c 'echo $HOOK_INSTANCE >>DIR/begun; exec sleep 100000'\n",
	})
	h.start()
	stop := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		for n := 0; !ended(stop); n++ {
			verb := []string{"daemon-reexec", "daemon-reload"}[n%2]
			exec.Command("systemctl", verb).Run() // what it says is not what is asked here
			time.Sleep(200 * time.Millisecond)    // without it they leave PID 1 to nobody
		}
		t.Log("systemd is at rest")
	})
	var all sync.WaitGroup
	for n := range services {
		all.Go(func() { h.emit(false, "user.go", fmt.Sprint("n=", n)) })
	}
	all.Wait()
	running := func() (n int) {
		for _, s := range h.services("many") {
			if s.Phase == runner.Running && lives(s.PID) {
				n++
			}
		}
		return n
	}
	h.eventually("all run", func() bool { return running() == services })
	close(stop)
	loop.Wait()
	h.eventually("all run still", func() bool { return running() == services })
	begun := h.lines("begun")
	slices.Sort(begun)
	if len(begun) != services || len(slices.Compact(begun)) != services {
		t.Errorf("they were started %d times", len(begun))
	}
	h.emit(true, "user.halt")
	h.eventually("nothing is left", func() bool { return len(h.left()) == 0 })
	h.stop()
}
