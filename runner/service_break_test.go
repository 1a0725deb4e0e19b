package runner

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hookd/hookspec"
)

// TestR13KilledWhileItStops ends a hookd while it stops a service that is wanted again, and the stop goes on without it.
// The next one starts the service, once.
func TestR13KilledWhileItStops(t *testing.T) {
	for _, c := range []struct{ name, hook, before, after string }{
		{"restart", "vpn: Type=service; On=user.go; WhenBusy=restart", "user.go", ""},
		{"up while stopping", "vpn: Type=service; On=user.go; StopOn=user.halt", "user.halt", "user.go"},
	} {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, silent), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { killedWhileItStops(t, c.hook, c.before, c.after, silent) })
			})
		}
	}
}

func killedWhileItStops(t *testing.T, hook, before, after string, silent bool) {
	g, j := newRig(), &memory{}
	g.stops = time.Hour
	p := buildWith(t, g, Options{Journal: j}, hook)
	p.submit(t, "user.go")
	p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
	if silent { // hookd is killed before it hears what comes of its stop
		g.mu.Lock()
		g.tell = nil
		g.mu.Unlock()
	}
	for _, e := range []string{before, after} {
		if e != "" {
			p.submit(t, e)
		}
	}
	synctest.Wait()
	p.theatre.stop()
	g.stops = 0
	g.set(vpn, func(s *ServiceState) { s.Phase, s.Result = Inactive, "success" })
	told := ""
	if silent {
		told = "vpn:stopping(user.go again) "
	}
	p = buildWith(t, g, Options{Journal: j, Saved: Restore(j.records)}, hook)
	p.story(t, told+"vpn:starting(user.go) vpn:started(user.go)")
	g.did(t, "start vpn", "stop vpn", "start vpn")
	if s := p.only(t); s.Phase != Running || s.Missing != "" {
		t.Errorf("%+v", s)
	}
}

// TestServiceThatGoesByItself is not started again: its main process ended and the supervisor takes away the rest, or
// somebody stopped its unit. Both are told as stopping first.
func TestServiceThatGoesByItself(t *testing.T) {
	for _, end := range []Phase{Inactive, Broken} {
		synctest.Test(t, func(t *testing.T) {
			p := build(t, "vpn: Type=service; While=default-route")
			p.happens(t, routeComes)
			p.story(t, "vpn:starting(while) vpn:started(while)")
			p.rig.set(vpn, func(s *ServiceState) { s.Phase = Stopping })
			synctest.Wait()
			p.rig.set(vpn, func(s *ServiceState) { s.Phase, s.Result = end, "success" })
			p.story(t, "vpn:stopping(exit) vpn:stopped(exit success)")
			p.rig.did(t, "start vpn")
			p.happens(t, routeGoes)
			p.happens(t, routeComes)
			p.story(t, "vpn:starting(while) vpn:started(while)")
		})
	}
}

// TestStartedByHandWhileItsStateHolds goes with the state all the same.
func TestStartedByHandWhileItsStateHolds(t *testing.T) {
	for _, dies := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := build(t, "vpn: Type=service; While=default-route")
			p.happens(t, routeComes)
			p.story(t, "vpn:starting(while) vpn:started(while)")
			if dies {
				p.die(vpn, false)
				p.story(t, "vpn:failed(exit exit-code) vpn:stopped(exit exit-code)")
			}
			p.manage(t, VerbStart, "vpn")
			if dies {
				p.story(t, "vpn:starting(hookctl) vpn:started(hookctl)")
			}
			p.happens(t, routeGoes)
			p.story(t, "vpn:stopping(while) vpn:stopped(while success)")
		})
	}
}

// TestServicesForEachOther keep each other up, and go together.
func TestServicesForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "a: Type=service; While=service service=b", "b: Type=service; While=service service=a")
		p.story(t, "")
		p.manage(t, VerbStart, "a")
		p.story(t, "a:starting(hookctl) a:started(hookctl) b:starting(while) b:started(while)")
		p.manage(t, VerbStop, "a")
		p.story(t, "a:stopping(hookctl) a:stopped(hookctl success) b:stopping(while) b:stopped(while success)")
	})
}

// TestStopOnWins over On= for the same event, whether it runs or not.
func TestStopOnWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; On=user.*; StopOn=user.halt")
		p.submit(t, "user.halt")
		p.story(t, "")
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		p.submit(t, "user.halt")
		p.story(t, "vpn:stopping(user.halt) vpn:stopped(user.halt success)")
	})
}

// TestServiceThatChangesItsState is restarted as often as RateLimit= says, and not endlessly.
func TestServiceThatChangesItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; WhenBusy=restart; RateLimit=3/1h")
		for range 20 {
			p.happens(t, routeComes)
			p.happens(t, routeBetter)
		}
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if n := len(p.rig.log); n > 2*4+1 {
			t.Errorf("%d starts and stops: %v", n, p.rig.log)
		}
	})
}

// TestPathThatComesLater lets a service start at the next change of state.
func TestPathThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; On=user.go; ConditionPathExists=/no/such/key")
		p.world.set("/no/such/key", hookspec.Fact{Why: "/no/such/key is not there"})
		p.submit(t, "user.go")
		p.story(t, "")
		if s := p.only(t); s.Missing != "ConditionPathExists=/no/such/key: /no/such/key is not there" {
			t.Errorf("%+v", s)
		}
		p.world.set("/no/such/key", hookspec.Fact{True: true})
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
	})
}

// TestServiceAndOneshotInTurn makes a service of a oneshot and back.
func TestServiceAndOneshotInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const service, oneshot = "vpn: Type=service; On=user.go", "vpn: On=user.go"
		g := newRig()
		g.starts, g.stops = time.Second, time.Second
		p := buildWith(t, g, Options{}, service)
		p.submit(t, "user.go")
		synctest.Wait()
		p.runner.Swap(t.Context(), setOf(t, []string{oneshot})) // while it is started
		p.story(t, "vpn:starting(user.go) vpn:stopping(removed) vpn:stopped(removed success)")
		if got := results(p.wait(t, "user.go")); got != "vpn done " {
			t.Error(got)
		}
		p.runner.Swap(t.Context(), setOf(t, []string{service}))
		p.story(t, "")
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
	})
}

// TestFileGoesAndComes within the time that a stop takes: a state that wants the service still has it in the end.
func TestFileGoesAndComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, hooks := newRig(), []string{"vpn: Type=service; While=default-route"}
		g.stops = time.Second
		p := buildWith(t, g, Options{}, hooks...)
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		for range 5 {
			p.runner.Swap(t.Context(), setOf(t, nil))
			synctest.Wait() // until the stop is told
			p.runner.Swap(t.Context(), setOf(t, hooks))
		}
		p.story(t, "vpn:stopping(removed) vpn:starting(while) vpn:started(while)")
		if s := p.only(t); s.Phase != Running {
			t.Errorf("%+v", s)
		}
	})
}

// TestR13Forgotten finds a service whose hook and whose journal are gone: nobody but us would ever stop it.
func TestR13Forgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.set(vpn, func(s *ServiceState) { s.Phase, s.Invocation = Running, "1" })
		p := buildWith(t, g, Options{})
		time.Sleep(time.Minute)
		synctest.Wait()
		g.did(t, "stop vpn")
		if all, err := p.runner.Services(t.Context()); err != nil || len(all) != 0 {
			t.Error(all, err)
		}
	})
}

// TestLateNews of a service that is gone, and that nobody remembers, begin nothing.
func TestLateNews(t *testing.T) {
	for _, late := range []Phase{Stopping, Starting, Running} {
		synctest.Test(t, func(t *testing.T) {
			p := build(t, "vpn: Type=service; On=user.go; StopOn=user.halt")
			p.submit(t, "user.go")
			p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
			p.submit(t, "user.halt")
			p.story(t, "vpn:stopping(user.halt) vpn:stopped(user.halt success)")
			p.rig.set(vpn, func(s *ServiceState) { s.Phase = late })
			synctest.Wait()
			p.rig.set(vpn, func(s *ServiceState) { s.Phase = Inactive })
			p.story(t, "")
			p.rig.did(t, "start vpn", "stop vpn")
		})
	}
}

// TestFirstStartFails and the supervisor starts it again, as it tells a moment later: nothing has ended for good.
func TestFirstStartFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.fails = errors.New("it exited with status 1")
		p := buildWith(t, g, Options{}, "vpn: Type=service; On=user.go; StopOn=user.halt")
		p.submit(t, "user.go")
		synctest.Wait()
		one := 1
		g.set(vpn, func(s *ServiceState) {
			s.Phase, s.Result, s.ExitStatus, s.Invocation = Restarting, "exit-code", &one, "1"
		})
		time.Sleep(time.Second)
		g.set(vpn, func(s *ServiceState) { s.Phase, s.Restarts, s.Invocation = Running, 1, "2" })
		p.story(t, "vpn:starting(user.go) vpn:failed(exit again exit-code) vpn:starting(restart 1) vpn:started(restart 1)")
		if s := p.only(t); s.Phase != Running || s.Missing != "" {
			t.Errorf("%+v", s)
		}
		p.submit(t, "user.halt")
		p.story(t, "vpn:stopping(user.halt 1) vpn:stopped(user.halt success 1)")
	})
}

// TestR11WishAfterAFailure is heard at once, whatever is still to be told of the failure.
func TestR11WishAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.fails = errors.New("no such luck")
		p := buildWith(t, g, Options{}, "vpn: Type=service; On=user.go; StopOn=user.halt")
		p.submit(t, "user.go")
		synctest.Wait()
		g.fails = nil
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		if s := p.only(t); s.Phase != Running {
			t.Errorf("%+v", s)
		}
	})
}

// TestStopAfterAFailedStart is carried out although nothing was told of the service: the supervisor may be starting it again.
func TestStopAfterAFailedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.fails = errors.New("it exited with status 1")
		p := buildWith(t, g, Options{}, "vpn: Type=service; On=user.go; StopOn=user.halt")
		p.submit(t, "user.go")
		synctest.Wait()
		g.mu.Lock()
		g.states[vpn] = ServiceState{ID: vpn, Phase: Running, Restarts: 1, Invocation: "2"} // which is not told yet
		g.mu.Unlock()
		p.submit(t, "user.halt")
		time.Sleep(time.Minute)
		synctest.Wait()
		if phase := g.phase(vpn); phase != Inactive {
			t.Errorf("it is %s", phase)
		}
	})
}
