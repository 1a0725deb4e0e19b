package runner

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hookd/hookspec"
)

// TestFirstTryFails has the supervisor start a service again by itself: who asked hears of the failure, but it is not over.
func TestFirstTryFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.starts, g.retries = time.Second, errors.New("it exited with status 1")
		p := buildWith(t, g, Options{}, "vpn: Type=service; While=default-route")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:failed(exit again exit-code)")
		g.set(vpn, func(s *ServiceState) { s.Phase, s.Restarts, s.Result, s.Invocation = Starting, 1, "", "2" })
		g.set(vpn, func(s *ServiceState) { s.Phase = Running })
		p.story(t, "vpn:starting(restart 1) vpn:started(restart 1)")
	})
}

// TestFailureIsToldOnce when Start returns before the supervisor has told how the service broke, and whether it told of the
// beginning or not.
func TestFailureIsToldOnce(t *testing.T) {
	for _, begun := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := build(t, "vpn: Type=service; On=user.go")
			p.rig.fails = errors.New("it exited with status 3")
			if begun {
				p.rig.fails, p.rig.dies = nil, errors.New("it exited with status 3")
			}
			for i := range 3 {
				p.submit(t, "user.go")
				time.Sleep(2 * failedTime)
				synctest.Wait()
				p.rig.set(vpn, func(s *ServiceState) {
					s.Phase, s.Result, s.Invocation = Broken, "exit-code", fmt.Sprint("i", i, begun)
				})
				result := "exit-code"
				if i == 0 && !begun {
					result = "start-failed" // nobody had told anything by then
				}
				p.story(t, fmt.Sprintf("vpn:starting(user.go) vpn:failed(exit %[1]s) vpn:stopped(exit %[1]s)", result))
				if begun {
					p.rig.set(vpn, func(s *ServiceState) { s.Phase = Inactive })
				}
				if s := p.only(t); s.Missing == "" {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// TestRetriesDoNotMultiply when the state of the world changes while a name is not resolved.
func TestRetriesDoNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; On=user.go; ConditionReachable=vpn.example.com")
		p.world.set("vpn.example.com", hookspec.Fact{Again: true, Why: "no answer"})
		p.submit(t, "user.go")
		for range 200 {
			time.Sleep(200 * time.Millisecond)
			p.happens(t, routeComes)
			p.happens(t, routeGoes)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		asked := func() int {
			p.world.mu.Lock()
			defer p.world.mu.Unlock()
			return p.world.asked
		}
		before := asked()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := asked() - before; n > 11 {
			t.Errorf("asked %d times in ten minutes", n)
		}
	})
}

// TestWhileTakenAway stops what only that state wanted.
func TestWhileTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.runner.Swap(t.Context(), setOf(t, []string{"vpn: Type=service; On=user.go"}))
		p.story(t, "vpn:stopping(while) vpn:stopped(while success)")
	})
}

// TestServiceDoesNotKeepItselfUp by the state that it makes.
func TestServiceDoesNotKeepItselfUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route", "vpn-watch: Type=service; While=service service=vpn*")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while) vpn-watch:starting(while) vpn-watch:started(while)")
		p.happens(t, routeGoes)
		p.story(t, "vpn:stopping(while) vpn:stopped(while success) vpn-watch:stopping(while) vpn-watch:stopped(while success)")
	})
}

// TestUnitThatIsNotListed is not active: a whole list is all there is.
func TestUnitThatIsNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=unit unit=foo.service")
		unit := ServiceID{Instance: "foo.service"}
		p.rig.set(unit, func(s *ServiceState) { s.Phase = Running })
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.rig.mu.Lock()
		tell, mine := p.rig.tell, p.rig.states[vpn]
		p.rig.mu.Unlock()
		tell([]ServiceState{mine}, true)
		p.story(t, "vpn:stopping(while) vpn:stopped(while success)")
	})
}

// TestInstancesAreBounded also when they settle first.
func TestInstancesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=link-up; Instance=%{interface}; Settle=1s")
		for i := range perService + 20 {
			p.happens(t, fmt.Sprintf("link.up interface=e%d index=%d kind=veth mac=00:00:00:00:00:01 mtu=1500", i, i+2))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(p.rig.log); n != perService {
			t.Errorf("%d started", n)
		}
	})
}

// TestSettleGoesOn when all services are looked at meanwhile.
func TestSettleGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; Settle=10s")
		p.happens(t, routeComes)
		time.Sleep(9 * time.Second)
		p.rig.tell(nil, true)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		p.rig.did(t, "start vpn")
	})
}

// TestLimitedRestartsAreOneAppointment however often the state changes meanwhile.
func TestLimitedRestartsAreOneAppointment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; WhenBusy=restart; RateLimit=1/24h")
		for range 500 {
			p.happens(t, routeComes)
			p.happens(t, routeBetter)
		}
		time.Sleep(time.Hour)
		n, err := ask(t.Context(), p.runner, func() int { return p.runner.agenda.Len() })
		if err != nil || n > 10 {
			t.Error(n, err)
		}
	})
}

// TestCrashThatLeavesProcesses is a failure, although what was left is stopped first.
func TestCrashThatLeavesProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; On=user.go; StopOn=user.halt")
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		p.rig.set(vpn, func(s *ServiceState) { s.Phase = Stopping })
		synctest.Wait()
		p.rig.set(vpn, func(s *ServiceState) { s.Phase, s.Result = Broken, "exit-code" })
		p.story(t, "vpn:stopping(exit) vpn:failed(exit exit-code) vpn:stopped(exit exit-code)")
	})
}

// TestUnitOfSomebodyElseStaysTheirs when it is restarted, although hookd had asked for it while it ran already.
func TestUnitOfSomebodyElseStaysTheirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; Unit=foo.service; On=user.go; StopOn=user.halt")
		there := ServiceState{ID: vpn, Phase: Running, Unit: "foo.service", Invocation: "1", Since: time.Now().Add(-time.Hour)}
		p.rig.mu.Lock()
		p.rig.states[vpn] = there
		tell := p.rig.tell
		p.rig.mu.Unlock()
		p.submit(t, "user.go")
		synctest.Wait()
		tell([]ServiceState{there}, false)
		time.Sleep(time.Minute)
		p.rig.set(vpn, func(s *ServiceState) { s.Phase, s.Restarts, s.Invocation = Running, 1, "2" })
		synctest.Wait()
		if s := p.only(t); !s.Foreign || !s.Wanted {
			t.Errorf("%+v", s)
		}
		p.submit(t, "user.halt")
		time.Sleep(time.Minute)
		if got := p.rig.phase(vpn); got != Running {
			t.Error("it was stopped: ", got)
		}
	})
}

// TestR13AskedByHandMeanwhile does not make the next hookd forget what a service is wanted for besides.
func TestR13AskedByHandMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := newRig(), &memory{}
		hooks := []string{"first: Type=service; On=user.go", "vpn: Type=service; On=user.go; After=first; ConditionPathExists=/no/such"}
		p := buildWith(t, g, Options{Journal: j}, hooks...)
		p.submit(t, "user.go")
		time.Sleep(time.Second)
		p.submit(t, "user.halt")
		g.mu.Lock()
		g.starts = time.Hour
		g.states[ServiceID{Hook: "first"}] = ServiceState{ID: ServiceID{Hook: "first"}, Phase: Inactive}
		g.mu.Unlock()
		g.set(ServiceID{Hook: "first"}, func(s *ServiceState) { s.Phase = Inactive })
		p.submit(t, "user.go") // vpn comes later than first, which takes its time
		synctest.Wait()
		go p.runner.Manage(t.Context(), VerbStart, "vpn", nil)
		synctest.Wait()
		saved := Restore(j.records).services[vpn]
		if saved == nil || saved.Event == nil || saved.Event.Name != "user.go" {
			t.Errorf("%+v", saved)
		}
	})
}
