package runner

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
)

// TestServiceFailsAtFirst hears that a start has failed before it hears that the supervisor tries again.
func TestServiceFailsAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.returns = errors.New("it exited with status 3 before it was ready")
		p := buildWith(t, g, Options{}, "vpn: Type=service; While=default-route", "hand: Type=service")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:failed(exit again exit-code) vpn:starting(restart 1) vpn:started(restart 1)")
		p.happens(t, routeGoes)
		p.story(t, "vpn:stopping(while 1) vpn:stopped(while success 1)")
		if _, err := p.runner.Manage(t.Context(), VerbStart, "hand", nil); err == nil || err.Error() != g.returns.Error() {
			t.Error(err)
		}
		p.story(t, "hand:starting(hookctl) hand:failed(exit again exit-code) hand:starting(restart 1) hand:started(restart 1)")
	})
}

// TestR13RestartOnce has hookd die at every moment of a restart over a new state: the next one brings it to its end, and
// does not begin another one.
func TestR13RestartOnce(t *testing.T) {
	for died := time.Duration(0); died < 10*time.Second; died += 500 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			g, j := newRig(), &memory{}
			p := buildWith(t, g, Options{Journal: j}, "vpn: Type=service; While=default-route; WhenBusy=restart")
			p.happens(t, routeComes)
			p.story(t, "vpn:starting(while) vpn:started(while)")
			g.stops, g.starts = 3*time.Second+1, 3*time.Second+1
			p.happens(t, routeBetter)
			time.Sleep(died)
			synctest.Wait()
			saved, left := Restore(slices.Clone(j.records)), g.outlives()
			p.theatre.stop()
			p = buildWith(t, left, Options{Journal: j, Saved: saved}, "vpn: Type=service; While=default-route; WhenBusy=restart")
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := strings.Count(strings.Join(left.log, " "), "start vpn"); n != 2 || p.only(t).Phase != Running {
				t.Errorf("hookd died after %v: %v, and it is %+v", died, left.log, p.only(t))
			}
		})
	}
}

// TestR13Stopping has hookd die, or end, while it stops a service that is to run again: it was not said to stop, and is gone when
// the next one looks.
func TestR13Stopping(t *testing.T) {
	for hook, change := range map[string][]string{
		"vpn: Type=service; While=default-route; WhenBusy=restart": {routeBetter},
		"vpn: Type=service; While=default-route":                   {routeGoes, routeComes},
	} {
		dies := func(dies bool) func(t *testing.T) {
			return func(t *testing.T) {
				g, j := newRig(), &memory{}
				p := buildWith(t, g, Options{Journal: j}, hook)
				p.happens(t, routeComes)
				p.story(t, "vpn:starting(while) vpn:started(while)")
				g.stops, g.mute = time.Minute, true
				for _, e := range change {
					p.happens(t, e)
					synctest.Wait()
				}
				saved := slices.Clone(j.records)
				p.theatre.stop()
				if !dies {
					saved = j.records
				}
				p = buildWith(t, newRig(), Options{Journal: j, Saved: Restore(saved)}, hook)
				p.story(t, "vpn:stopping(while again) vpn:starting(while) vpn:started(while)")
			}
		}
		synctest.Test(t, dies(true))
		synctest.Test(t, dies(false))
	}
}

// outlives is the supervisor after hookd has died: what was being stopped or started has come to its end.
func (g *rig) outlives() *rig {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := newRig()
	out.log, out.count = slices.Clone(g.log), g.count
	for id, s := range g.states {
		switch s.Phase {
		case Starting:
			s.Phase = Running
		case Stopping:
			s.Phase, s.Result = Inactive, "success"
		}
		out.states[id] = s
	}
	return out
}

// TestR13Starting has hookd end while a service starts: it goes on as it is.
func TestR13Starting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := newRig(), &memory{}
		g.starts = time.Hour
		p := buildWith(t, g, Options{Journal: j}, "vpn: Type=service; While=default-route")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while)")
		p.theatre.stop()
		left := g.outlives()
		p = buildWith(t, left, Options{Journal: j, Saved: Restore(j.records)}, "vpn: Type=service; While=default-route")
		p.story(t, "vpn:started(while)")
		left.did(t, "start vpn")
	})
}

// TestMonitorLost: who watched over a service was killed. The service is started anew if it was to be started again at all.
func TestMonitorLost(t *testing.T) {
	for restart, want := range map[string]string{
		"on-failure": "vpn:failed(exit again unknown) vpn:starting(while) vpn:started(while)",
		"no":         "vpn:failed(exit unknown) vpn:stopped(exit unknown)",
	} {
		synctest.Test(t, func(t *testing.T) {
			p := build(t, "vpn: Type=service; While=default-route; [Service]; Restart="+restart)
			p.happens(t, routeComes)
			p.story(t, "vpn:starting(while) vpn:started(while)")
			p.rig.set(vpn, func(s *ServiceState) { s.Phase, s.Result = Broken, "unknown" })
			p.story(t, want)
		})
	}
}

// TestR13BegunAndForgotten has hookd killed while a service begins that nobody wants any more when the next one looks: it is
// stopped, whoever has started it.
func TestR13BegunAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := newRig(), &memory{}
		g.starts = time.Hour
		hook := "vpn: Type=service; While=default-route"
		p := buildWith(t, g, Options{Journal: j}, hook)
		p.happens(t, routeComes)
		synctest.Wait()
		saved := Restore(append(slices.Clone(j.records), Record{Kind: recordEvent, Event: &events.Event{Name: "default-route.removed",
			Params: paramsOf("family=ipv4"), Source: events.SourceResync}}))
		left := g.outlives()
		p.theatre.stop()
		buildWith(t, left, Options{Saved: saved}, hook)
		time.Sleep(time.Minute)
		synctest.Wait()
		if phase := left.phase(vpn); phase != Inactive {
			t.Errorf("it is %s", phase)
		}
	})
}

// TestEndedUnseen tells of a service that came and went while nobody looked, and is begun again at once, that it went.
func TestEndedUnseen(t *testing.T) {
	got := []string{}
	for _, c := range story(ServiceState{Phase: Inactive, Invocation: "1"}, ServiceState{Phase: Inactive, Invocation: "2"}) {
		got = append(got, c.word)
	}
	if diff := cmp.Diff([]string{"starting", "started", "stopping"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestUnitIsOurs when it came up after we had started it, whatever its state says on the way: it was last changed long ago
// while its start only waits. One that ran already is not.
func TestUnitIsOurs(t *testing.T) {
	for ran, want := range map[time.Duration][]string{0: {"start vpn", "stop vpn"}, time.Hour: {"start vpn"}} {
		synctest.Test(t, func(t *testing.T) {
			p := build(t, "vpn: Type=service; While=default-route; Unit=foo.service")
			p.rig.starts = 2 * time.Second
			before := time.Now()
			time.Sleep(time.Minute)
			tell := p.runner.Supervise(t.Context())
			p.happens(t, routeComes)
			synctest.Wait()
			tell([]ServiceState{{ID: vpn, Phase: Starting, Since: before, Invocation: "1"}}, false)
			time.Sleep(time.Second)
			synctest.Wait()
			tell([]ServiceState{{ID: vpn, Phase: Running, Since: time.Now().Add(-ran), Invocation: "1"}}, false)
			time.Sleep(time.Minute)
			p.happens(t, routeGoes)
			time.Sleep(time.Minute)
			synctest.Wait()
			if ran > 0 {
				p.rig.set(vpn, func(s *ServiceState) { s.Phase = Inactive })
			}
			if diff := cmp.Diff(want, p.rig.log); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUnitThatRests costs nothing: the supervisor tells its state whenever it is asked for, and nobody remembers it.
func TestUnitThatRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; Unit=foo.service")
		p.runner.Supervise(t.Context())([]ServiceState{{ID: vpn, Phase: Inactive}}, false)
		synctest.Wait()
		n, err := ask(t.Context(), p.runner, func() int { return len(p.runner.services) })
		if n != 0 || err != nil {
			t.Errorf("%d services are remembered, %v", n, err)
		}
	})
}
