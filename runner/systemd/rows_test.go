package systemd

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hookd/hookspec"
	"hookd/internal/booted"
	"hookd/runner"
)

// A second start changes nothing, however many there are at once; one that comes while the service stops ends running.
func TestR10(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	spec := shell("vpn", `echo one >>/run/starts; trap "sleep 0.3; exit 0" TERM; while :; do sleep 0.05; done`)
	var starts sync.WaitGroup
	for range 50 {
		starts.Go(func() { w.start(spec) })
	}
	starts.Wait()
	first := w.phase(spec.ID, runner.Running)
	w.start(spec)
	if got := show(t, first.Unit, "InvocationID"); got != first.Invocation {
		t.Errorf("invocation %s became %s", first.Invocation, got)
	}
	if out, _ := exec.Command("cat", "/run/starts").Output(); string(out) != "one\n" {
		t.Errorf("51 starts made processes:\n%s", out)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- w.Stop(w.context(), spec.ID) }()
	w.phase(spec.ID, runner.Stopping)
	w.start(spec)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := show(t, first.Unit, "ActiveState"); got != "active" {
		t.Errorf("a start during stopping ends %s", got)
	}
	if s := w.phase(spec.ID, runner.Running); s.Invocation == first.Invocation {
		t.Error("it was never stopped")
	}
	w.stop(spec.ID)
	noUnits(t)
}

// A service that dies again and again is given up, and said so; the next start is none the worse for it.
func TestR11(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	spec := shell("dies", "exec sleep 1000", append(restarts("on-failure"), hookspec.Directive{Property: "StartLimitBurst", Value: uint32(20)},
		hookspec.Directive{Property: "StartLimitIntervalUSec", Value: uint64(3600_000_000)})...)
	w.start(spec)
	unit := w.phase(spec.ID, runner.Running).Unit
	kills := 0
	for killed := ""; ; {
		w.until("a new process, or the end", func() bool {
			s := w.states[spec.ID]
			return s.Phase == runner.Broken || s.Phase == runner.Running && s.Invocation != killed
		})
		w.mu.Lock()
		s := w.states[spec.ID]
		w.mu.Unlock()
		if s.Phase == runner.Broken {
			break
		}
		killed = s.Invocation
		systemctl(t, "kill", "-s", "KILL", unit)
		kills++
	}
	s := w.phase(spec.ID, runner.Broken)
	if kills != 20 || s.Result != "start-limit-hit" || s.Signal != "SIGKILL" {
		t.Errorf("after %d kills: %+v", kills, s)
	}
	w.start(spec)
	w.phase(spec.ID, runner.Running)
	w.stop(spec.ID)
	noUnits(t)
}

// Nothing is left of 1,000 starts and stops: no unit, no process, no cgroup, and nothing in our own memory.
func TestR11Cycles(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	before := runtime.NumGoroutine()
	var cycles sync.WaitGroup
	for n := range 4 {
		cycles.Go(func() {
			for i := range 250 {
				spec := shell(fmt.Sprintf("cycle%d", n), "sleep 1000 & exec sleep 1001")
				spec.ID.Instance = fmt.Sprint(i % 10)
				w.start(spec)
				w.stop(spec.ID)
			}
		})
	}
	cycles.Wait()
	noUnits(t)
	if out, err := exec.Command("pgrep", "-x", "sleep").Output(); err == nil {
		t.Errorf("processes are left: %s", out)
	}
	left, _ := filepath.Glob("/run/systemd/transient/hookd-*")
	if len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
	soon(t, "an empty table", func() bool {
		w.Supervisor.mu.Lock()
		defer w.Supervisor.mu.Unlock()
		return len(w.units) == 0 && len(w.unread) == 0
	})
	soon(t, "an end of goroutines", func() bool { return runtime.NumGoroutine() <= before })
}

// No start or stop hangs when the connection goes, or the answers with it.
func TestR12(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	w, _ := watch(t)
	stop, loops := make(chan struct{}), sync.WaitGroup{}
	var reloads, reexecs atomic.Int64
	loops.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond): // one after the other without a pause, they leave PID 1 to nobody
			}
			if verb := [...]string{"daemon-reload", "daemon-reexec"}[i%2]; exec.Command("systemctl", verb).Run() == nil {
				[...]*atomic.Int64{&reloads, &reexecs}[i%2].Add(1)
			}
		}
	})
	const services, atOnce = 100, 10
	all := make([]runner.ServiceSpec, services)
	for i := range all {
		all[i] = shell("many", "exec sleep 1000")
		all[i].ID.Instance = fmt.Sprint(i)
	}
	each := func(do func(runner.ServiceSpec)) {
		var group sync.WaitGroup
		for n := range atOnce {
			group.Go(func() {
				for i := n; i < services; i += atOnce {
					do(all[i])
				}
			})
		}
		group.Wait()
	}
	t.Cleanup(func() {
		t.Logf("%d daemon-reload, %d daemon-reexec, %d connections", reloads.Load(), reexecs.Load(), w.dials.Load())
	})
	each(func(s runner.ServiceSpec) { w.start(s) })
	running := map[string]runner.ServiceState{}
	for _, s := range all {
		state := w.phase(s.ID, runner.Running)
		running[state.Invocation] = state
	}
	each(func(s runner.ServiceSpec) { w.stop(s.ID) })
	close(stop)
	loops.Wait()
	w.until("an end of all", func() bool {
		for _, s := range w.states {
			if s.Phase != runner.Inactive {
				return false
			}
		}
		return true
	})
	noUnits(t)
	if len(running) != services {
		t.Errorf("%d services ran", len(running))
	}
	if reexecs.Load() == 0 || w.dials.Load() < 2 {
		t.Error("the connection was never lost")
	}
	last := shell("after", "exec sleep 1000")
	w.start(last)
	w.phase(last.ID, runner.Running)
	w.stop(last.ID)
}

// While nothing happens nothing is asked, however many units there are.
func TestR19(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	const foreign = 2000
	var wants strings.Builder
	for i := range foreign {
		fmt.Fprintf(&wants, "Wants=crowd-%d.target\n", i)
		writeUnit(t, fmt.Sprintf("crowd-%d.target", i), "[Unit]\nDescription=one of many\n")
	}
	writeUnit(t, "crowd.target", "[Unit]\n"+wants.String())
	systemctl(t, "daemon-reload")
	systemctl(t, "start", "crowd.target")
	w, _ := watch(t)
	follow := map[runner.ServiceID]string{}
	for i := range 25 {
		spec := shell("ours", "exec sleep 1000")
		spec.ID.Instance = fmt.Sprint(i)
		w.start(spec)
		w.phase(spec.ID, runner.Running)
		follow[runner.ServiceID{Instance: fmt.Sprint(i)}] = fmt.Sprintf("crowd-%d.target", i)
	}
	w.Follow(follow)
	for id := range follow {
		w.phase(id, runner.Running)
	}
	soon(t, "a second without a byte either way", func() bool { return quietFor(w, time.Second) })
	if out := w.out.Load(); !quietFor(w, 2*time.Second) && w.out.Load() != out {
		t.Errorf("%d bytes were sent while nothing happened", w.out.Load()-out)
	}
}

func quietFor(w *watched, d time.Duration) bool {
	in, out := w.in.Load(), w.out.Load()
	time.Sleep(d)
	return w.in.Load() == in && w.out.Load() == out
}
