package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/hookspec"
)

// rig is a supervisor whose services take a while to come and to go, and die when a test says so.
type rig struct {
	starts, stops time.Duration
	fails         error // of each start
	dies          error // of each start, once it was told that it began; how it ended is for the test to tell
	returns       error // of a start that has begun, and is begun again a moment later
	mute          bool  // that it stops is not told
	retries       error // of each start, which the supervisor tries again by itself

	mu       sync.Mutex
	tell     func([]ServiceState, bool)
	states   map[ServiceID]ServiceState
	count    int
	log      []string
	mostLive map[ServiceID]int
}

func newRig() *rig {
	return &rig{states: map[ServiceID]ServiceState{}, mostLive: map[ServiceID]int{}}
}

func (g *rig) Describe() string { return "a rig" }

func (g *rig) Run(ctx context.Context, tell func([]ServiceState, bool)) {
	g.mu.Lock()
	g.tell = tell
	var all []ServiceState
	for _, s := range g.states {
		all = append(all, s)
	}
	g.mu.Unlock()
	tell(all, true)
	<-ctx.Done()
	g.mu.Lock()
	g.tell = nil
	g.mu.Unlock()
}

// set changes the state of a service and tells it.
func (g *rig) set(id ServiceID, change func(*ServiceState)) {
	g.mu.Lock()
	s := g.states[id]
	s.ID = id
	change(&s)
	s.Since = time.Now()
	g.states[id] = s
	tell := g.tell
	g.mu.Unlock()
	if tell != nil {
		tell([]ServiceState{s}, false)
	}
}

func (g *rig) phase(id ServiceID) Phase {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.states[id].Phase
}

func (g *rig) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log = append(g.log, fmt.Sprintf(format, args...))
}

func (g *rig) Start(ctx context.Context, s ServiceSpec) error {
	if g.phase(s.ID).up() {
		return nil
	}
	g.note("start %s%s", s.ID.Hook, s.ID.Instance)
	if g.fails != nil {
		return g.fails
	}
	g.mu.Lock()
	g.count++
	n := g.count
	g.mu.Unlock()
	g.set(s.ID, func(t *ServiceState) {
		*t = ServiceState{ID: s.ID, Phase: Starting, Invocation: fmt.Sprint(n), PID: n}
	})
	if g.returns != nil {
		time.AfterFunc(time.Millisecond, func() { g.die(s.ID, true) })
		return g.returns
	}
	select {
	case <-time.After(g.starts):
	case <-ctx.Done():
		return ctx.Err()
	}
	if g.dies != nil {
		return g.dies
	}
	if g.retries != nil {
		g.set(s.ID, func(t *ServiceState) { t.Phase, t.Result = Restarting, "exit-code" })
		return g.retries
	}
	g.set(s.ID, func(t *ServiceState) { t.Phase = Running })
	return nil
}

func (g *rig) Stop(ctx context.Context, id ServiceID) error {
	if g.phase(id) == Broken {
		g.set(id, func(t *ServiceState) { t.Phase = Inactive })
		return nil
	}
	if g.phase(id) == Inactive {
		return nil
	}
	g.note("stop %s%s", id.Hook, id.Instance)
	if !g.mute {
		g.set(id, func(t *ServiceState) { t.Phase = Stopping })
	}
	select {
	case <-time.After(g.stops):
	case <-ctx.Done():
		return ctx.Err()
	}
	g.set(id, func(t *ServiceState) { t.Phase, t.Result = Inactive, "success" })
	return nil
}

func (g *rig) Follow(map[ServiceID]string)                       {}
func (g *rig) Output(context.Context, ServiceID) ([]byte, error) { return nil, nil }

// die ends a service as if it had failed; it is started again at once, or not.
func (g *rig) die(id ServiceID, again bool) {
	three := 3
	g.set(id, func(t *ServiceState) {
		t.Phase, t.Result, t.ExitStatus = Broken, "exit-code", &three
		if again {
			t.Phase = Restarting
		}
	})
	if again {
		g.set(id, func(t *ServiceState) { t.Phase, t.Restarts = Starting, t.Restarts+1; t.Invocation += "r" })
		g.set(id, func(t *ServiceState) { t.Phase, t.Result, t.ExitStatus = Running, "", nil })
	}
}

// world is what conditions ask about.
type world struct {
	mu    sync.Mutex
	facts map[string]hookspec.Fact
	asked int
}

func (w *world) set(what string, f hookspec.Fact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts[what] = f
}

func (w *world) look(what string) hookspec.Fact {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	return w.facts[what]
}

func (w *world) Reachable(_ context.Context, host string) hookspec.Fact   { return w.look(host) }
func (w *world) PathExists(_ context.Context, path string) hookspec.Fact  { return w.look(path) }
func (w *world) UnitActive(_ context.Context, unit string) hookspec.Fact  { return w.look(unit) }
func (w *world) InterfaceUp(_ context.Context, name string) hookspec.Fact { return w.look(name) }

// did compares what the rig was asked for.
func (g *rig) did(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, g.log); diff != "" {
		t.Error(diff)
	}
}

// plant is a running runner with a rig.
type plant struct {
	*theatre
	*rig
	*world
	told int // events of services that were looked at
}

func build(t *testing.T, hooks ...string) *plant { return buildWith(t, newRig(), Options{}, hooks...) }

func buildWith(t *testing.T, g *rig, opt Options, hooks ...string) *plant {
	t.Helper()
	w := &world{facts: map[string]hookspec.Fact{}}
	opt.Supervisor, opt.Facts, opt.Trust, opt.FollowUps = g, w, hookspec.TrustOf(), true
	p := &plant{theatre: openWith(t, script{}, opt, hooks...), rig: g, world: w}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { g.Run(ctx, p.runner.Supervise(ctx)); close(ended) }()
	stop := p.theatre.stop
	p.theatre.stop = func() { cancel(); stop(); <-ended }
	t.Cleanup(p.theatre.stop)
	p.runner.Ready(ctx)
	synctest.Wait()
	return p
}

// happens hands an event of the kernel over.
func (p *plant) happens(t *testing.T, words string) {
	t.Helper()
	e := eventOf(t, words)
	e.Source, e.Time = events.SourceKernel, time.Now()
	if err := p.runner.Submit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// story is what has been told of services since it was asked for last.
func (p *plant) story(t *testing.T, want string) {
	t.Helper()
	time.Sleep(time.Minute) // of a clock that stands still while somebody works
	synctest.Wait()
	p.theatre.mu.Lock()
	defer p.theatre.mu.Unlock()
	var out []string
	for _, a := range p.events[p.told:] {
		if a.Event.Family() == "service" {
			out = append(out, shortly(a.Event))
		}
	}
	p.told = len(p.events)
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(before(a), before(b)) }) // services go side by side
	if diff := cmp.Diff(want, strings.Join(out, " ")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func before(line string) string { name, _, _ := strings.Cut(line, ":"); return name }

// shortly is an event of a service as a test writes it: NAME/INSTANCE:word(cause…).
func shortly(e events.Event) string {
	get := func(key string) string { v, _ := e.Get(key); return v }
	text := strings.TrimSuffix(get("service")+"/"+get("instance"), "/") + ":" + strings.TrimPrefix(e.Name, "service.") + "(" + get("cause")
	if get("restarting") == "yes" {
		text += " again"
	}
	if r := get("result"); r != "" {
		text += " " + r
	}
	if n := get("restarts"); n != "0" {
		text += " " + n
	}
	return text + ")"
}

func (p *plant) only(t *testing.T) ServiceReport {
	t.Helper()
	all, err := p.runner.Services(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0]
}

// manage has the one service of a hook started, restarted or stopped by hand.
func (p *plant) manage(t *testing.T, verb Verb, hook string, params ...string) {
	t.Helper()
	want := map[Verb]Phase{VerbStart: Running, VerbRestart: Running, VerbStop: Inactive}[verb]
	all, err := p.runner.Manage(t.Context(), verb, hook, paramsOf(strings.Join(params, " ")))
	if err != nil || len(all) != 1 || all[0].Phase != want {
		t.Errorf("%s %s: %+v, %v", verb, hook, all, err)
	}
}

const (
	routeComes  = "default-route.added family=ipv4 interface=a gateway=192.0.2.1 metric=1"
	routeBetter = "default-route.changed family=ipv4 interface=b gateway=192.0.2.9 metric=0 old-interface=a old-metric=1"
	routeGoes   = "default-route.removed family=ipv4 interface=b gateway=192.0.2.9 metric=0"
	route6Comes = "default-route.added family=ipv6 interface=a metric=1"
	route6Goes  = "default-route.removed family=ipv6 interface=a metric=1"
)

var vpn = ServiceID{Hook: "vpn"}

func TestServiceFollowsAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route")
		p.story(t, "")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.happens(t, route6Comes)
		p.happens(t, routeBetter)
		p.happens(t, route6Goes)
		p.story(t, "")
		p.happens(t, routeGoes)
		p.story(t, "vpn:stopping(while) vpn:stopped(while success)")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
	})
}

func TestServiceRestartsOverANewState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; WhenBusy=restart")
		p.happens(t, routeComes)
		p.happens(t, route6Comes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.happens(t, routeBetter)
		p.story(t, "vpn:stopping(while again) vpn:starting(while) vpn:started(while)")
		p.happens(t, routeGoes)
		p.story(t, "vpn:stopping(while again) vpn:starting(while) vpn:started(while)")
		p.happens(t, route6Goes)
		p.story(t, "vpn:stopping(while) vpn:stopped(while success)")
	})
}

func TestServiceStartedByAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; On=user.go; StopOn=user.halt")
		r := p.wait(t, "user.go")
		if got := results(r); got != "vpn done it is being started" {
			t.Error(got)
		}
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		if got := results(p.wait(t, "user.go")); got != "vpn done it runs already" {
			t.Error(got)
		}
		p.story(t, "")
		p.submit(t, "user.halt")
		p.story(t, "vpn:stopping(user.halt) vpn:stopped(user.halt success)")
		p.submit(t, "user.halt")
		p.story(t, "")
	})
}

// TestR10 has many ups at once make one process, and an up while it stops end in running.
func TestR10(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.starts, g.stops = 300*time.Millisecond, 5*time.Second
		p := buildWith(t, g, Options{}, "vpn: Type=service; On=user.go; StopOn=user.halt")
		for range 50 {
			go p.runner.Submit(t.Context(), eventOf(t, "user.go"))
		}
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		p.submit(t, "user.halt")
		time.Sleep(time.Second)
		p.submit(t, "user.go")
		p.story(t, "vpn:stopping(user.halt) vpn:starting(user.go) vpn:started(user.go)")
		g.did(t, "start vpn", "stop vpn", "start vpn")
	})
}

func TestServiceDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route", "rule: On=service.started service=vpn", "unrule: On=service.stopped")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.die(vpn, true)
		p.story(t, "vpn:failed(exit again exit-code) vpn:starting(restart 1) vpn:started(restart 1)")
		p.die(vpn, false)
		p.story(t, "vpn:failed(exit exit-code 1) vpn:stopped(exit exit-code 1)")
		if s := p.only(t); s.Phase != Broken || !s.Wanted || s.Missing != "it failed: exit-code, exit status 3" {
			t.Errorf("%+v", s)
		}
		p.happens(t, route6Comes) // is no new reason
		p.story(t, "")
		p.happens(t, route6Goes)
		p.happens(t, routeGoes)
		p.story(t, "")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		if diff := cmp.Diff([]string{"rule", "rule", "unrule", "rule"}, hooksOfRuns(p.theatre.keys)); diff != "" {
			t.Error(diff)
		}
	})
}

func hooksOfRuns(keys []string) []string {
	var out []string
	for _, k := range keys {
		_, hook, _ := strings.Cut(k, " ")
		out = append(out, hook)
	}
	return out
}

func TestServiceCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.fails = errors.New("cannot run /bin/true: no such luck")
		p := buildWith(t, g, Options{}, "vpn: Type=service; On=user.go")
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:failed(exit start-failed) vpn:stopped(exit start-failed)")
		if _, err := p.runner.Manage(t.Context(), VerbStart, "vpn", nil); err == nil || err.Error() != g.fails.Error() {
			t.Error(err)
		}
		g.fails = nil
		p.manage(t, VerbStart, "vpn")
	})
}

func TestServiceWaitsForItsConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; ConditionReachable=gw")
		p.world.set("gw", hookspec.Fact{Why: "no route to gw"})
		p.happens(t, routeComes)
		p.story(t, "")
		asked := p.asked
		if s := p.only(t); !s.Wanted || s.Missing != "ConditionReachable=gw: no route to gw" || asked != 6 { // at once and after 1, 3, 7, 15 and 31 seconds
			t.Errorf("%+v, asked %d times", s, asked)
		}
		if diff := cmp.Diff([]string{"vpn: ConditionReachable=gw: no route to gw"}, p.missed); diff != "" {
			t.Error(diff)
		}
		p.world.set("gw", hookspec.Fact{True: true})
		p.happens(t, "address.added interface=a index=2 address=192.0.2.7 prefix-length=24 family=ipv4 scope=global")
		p.story(t, "vpn:starting(while) vpn:started(while)")
	})
}

// TestServiceNoticesWhatIsNotTold: a path that is there now, a route that no event tells of.
func TestServiceNoticesWhatIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; On=user.go; ConditionPathExists=/x")
		p.world.set("/x", hookspec.Fact{Why: "there is no /x"})
		p.submit(t, "user.go")
		p.story(t, "")
		p.world.set("/x", hookspec.Fact{True: true})
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
	})
}

func TestServiceAsksAgainAfterAResolverFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; ConditionReachable=gw")
		p.world.set("gw", hookspec.Fact{Again: true, Why: "cannot resolve gw"})
		p.happens(t, routeComes)
		p.story(t, "")
		if p.asked != 6 { // at once and after 1, 3, 7, 15 and 31 seconds
			t.Errorf("asked %d times within a minute", p.asked)
		}
		p.world.set("gw", hookspec.Fact{True: true})
		p.story(t, "vpn:starting(while) vpn:started(while)")
	})
}

func TestManage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; ConditionReachable=gw; Parameter=site; Environment=SITE=%{site}", "one: On=user.x")
		p.world.set("gw", hookspec.Fact{Why: "no route to gw"})
		for _, c := range []struct{ hook, params, want string }{
			{"vpn", "", "it needs the parameter site, which is not given; While=default-route does not hold"},
			{"vpn", "site=a", "ConditionReachable=gw: no route to gw; While=default-route does not hold"},
			{"one", "", "one is no service: it has no Type=service"},
			{"two", "", "there is no hook two in force"},
		} {
			_, err := p.runner.Manage(t.Context(), VerbStart, c.hook, paramsOf(c.params))
			if err == nil || err.Error() != c.want {
				t.Errorf("start %s %s: %v, want %s", c.hook, c.params, err, c.want)
			}
		}
		p.story(t, "")
		if s := p.only(t); s.Wanted {
			t.Errorf("who could not be served still wants it: %+v", s)
		}
		p.world.set("gw", hookspec.Fact{True: true})
		p.manage(t, VerbStart, "vpn", "site=a")
		p.story(t, "vpn:starting(hookctl) vpn:started(hookctl)")
		p.manage(t, VerbRestart, "vpn")
		p.story(t, "vpn:stopping(hookctl again) vpn:starting(hookctl) vpn:started(hookctl)")
		p.manage(t, VerbStop, "vpn")
		p.story(t, "vpn:stopping(hookctl) vpn:stopped(hookctl success)")
	})
}

func paramsOf(words string) []events.Param {
	var params []events.Param
	for _, w := range strings.Fields(words) {
		k, v, _ := strings.Cut(w, "=")
		params = append(params, events.Param{Key: k, Value: v})
	}
	return params
}

func TestStoppedByHandWaitsForTheStateToComeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route")
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.runner.Manage(t.Context(), VerbStop, "vpn", nil)
		p.happens(t, route6Comes)
		p.story(t, "vpn:stopping(hookctl) vpn:stopped(hookctl success)")
		p.happens(t, route6Goes)
		p.happens(t, routeGoes)
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
	})
}

func TestInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "dhcp: Type=service; While=link-up interface=e*; Instance=%{interface}")
		p.happens(t, "link.up interface=e0 index=2 mtu=1")
		p.story(t, "dhcp/e0:starting(while) dhcp/e0:started(while)")
		p.happens(t, "link.up interface=e1 index=3 mtu=1")
		p.happens(t, "link.up interface=w0 index=4 mtu=1")
		time.Sleep(time.Second)
		synctest.Wait()
		p.happens(t, "link.down interface=e0 index=2 mtu=1")
		p.story(t, "dhcp/e0:stopping(while) dhcp/e0:stopped(while success) dhcp/e1:starting(while) dhcp/e1:started(while)")
	})
}

func TestStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		g.stops = time.Second
		p := buildWith(t, g, Options{}, "a: Type=service; While=default-route", "b: Type=service; While=default-route; After=a")
		p.happens(t, routeComes)
		time.Sleep(time.Second)
		p.happens(t, routeGoes)
		time.Sleep(time.Minute)
		synctest.Wait()
		g.did(t, "start a", "start b", "stop b", "stop a")
	})
}

func TestServiceSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; While=default-route; Settle=10s")
		p.happens(t, routeComes)
		time.Sleep(5 * time.Second)
		p.happens(t, routeGoes)
		p.story(t, "")
		p.happens(t, routeComes)
		time.Sleep(11 * time.Second)
		p.happens(t, routeGoes)
		time.Sleep(5 * time.Second)
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.happens(t, routeGoes)
		p.story(t, "vpn:stopping(while) vpn:stopped(while success)")
	})
}

func TestRequiresAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "vpn: Type=service; On=user.go; StopOn=user.halt", "rule: On=user.rule; Requires=vpn", "proxy: Type=service; On=user.proxy; Requires=vpn")
		if got := results(p.wait(t, "user.rule")); got != "rule skipped it requires vpn, which does not run" {
			t.Error(got)
		}
		p.submit(t, "user.proxy")
		p.story(t, "")
		p.submit(t, "user.go")
		p.story(t, "proxy:starting(user.proxy) proxy:started(user.proxy) vpn:starting(user.go) vpn:started(user.go)")
		if got := results(p.wait(t, "user.rule")); got != "rule done " {
			t.Error(got)
		}
	})
}

func TestChainOfServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, "a: Type=service; On=user.go; StopOn=user.halt", "b: Type=service; While=service service=a", "c: Type=service; While=service service=b")
		p.submit(t, "user.go")
		p.story(t, "a:starting(user.go) a:started(user.go) b:starting(while) b:started(while) c:starting(while) c:started(while)")
		p.submit(t, "user.halt")
		p.story(t, "a:stopping(user.halt) a:stopped(user.halt success) b:stopping(while) b:stopped(while success) c:stopping(while) c:stopped(while success)")
	})
}

// TestServiceSurvivesHookd ends a runner and begins another with its journal: nothing is started twice, nothing is
// forgotten, and what happened meanwhile is told.
func TestServiceSurvivesHookd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := newRig(), &memory{}
		hooks := []string{"vpn: Type=service; While=default-route", "hand: Type=service; On=user.go"}
		next := func() *plant {
			return buildWith(t, g, Options{Journal: j, Saved: Restore(j.records)}, hooks...)
		}
		p := next()
		p.happens(t, routeComes)
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.submit(t, "user.go")
		p.story(t, "hand:starting(user.go) hand:started(user.go)")
		p.theatre.stop()

		p = next()
		p.story(t, "")
		p.theatre.stop()

		g.die(vpn, true)
		g.die(ServiceID{Hook: "hand"}, false)
		p = next()
		p.story(t, "hand:failed(exit exit-code) hand:stopped(exit exit-code) vpn:failed(exit again unknown 1) vpn:starting(restart 1) vpn:started(restart 1)")
		p.happens(t, routeGoes)
		p.story(t, "vpn:stopping(while 1) vpn:stopped(while success 1)")
		p.theatre.stop()

		hooks = hooks[:1]
		p = next()
		p.story(t, "")
		g.did(t, "start vpn", "start hand", "stop vpn")
	})
}

// TestServiceWithoutAFile is stopped, also when the file went while hookd was away.
func TestServiceWithoutAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := newRig(), &memory{}
		p := buildWith(t, g, Options{Journal: j}, "vpn: Type=service; On=user.go")
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		p.runner.Swap(t.Context(), setOf(t, nil))
		p.story(t, "vpn:stopping(removed) vpn:stopped(removed success)")
		p.runner.Swap(t.Context(), setOf(t, []string{"vpn: Type=service; On=user.go"}))
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		p.theatre.stop()
		p = buildWith(t, g, Options{Journal: j, Saved: Restore(j.records)})
		p.story(t, "vpn:stopping(removed) vpn:stopped(removed success)")
	})
}

// TestServiceWhoseFileHasFaults goes on, also when hookd is started anew and knows no earlier version.
func TestServiceWhoseFileHasFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := newRig(), &memory{}
		p := buildWith(t, g, Options{Journal: j}, "vpn: Type=service; On=user.go")
		p.submit(t, "user.go")
		p.story(t, "vpn:starting(user.go) vpn:started(user.go)")
		p.theatre.stop()
		broken := setOf(t, nil)
		broken.Entries = []hookspec.Entry{{Name: "vpn", State: hookspec.StateRefused}}
		q := &plant{theatre: openSet(t, script{}, Options{Journal: j, Saved: Restore(j.records), Supervisor: g, Trust: hookspec.TrustOf(), FollowUps: true}, broken), rig: g}
		go g.Run(t.Context(), q.runner.Supervise(t.Context()))
		q.runner.Ready(t.Context())
		q.story(t, "")
		q.runner.Swap(t.Context(), setOf(t, []string{"vpn: Type=service; On=user.go"}))
		q.story(t, "")
		q.runner.Manage(t.Context(), VerbStop, "vpn", nil)
		q.story(t, "vpn:stopping(hookctl) vpn:stopped(hookctl success)")
		q.theatre.stop()
	})
}

// TestRestartKeepsToItsState: a hookd that is started anew reads parameters in another order, and restarts nothing.
func TestRestartKeepsToItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, j := newRig(), &memory{}
		hooks := []string{"vpn: Type=service; While=default-route; WhenBusy=restart"}
		p := buildWith(t, g, Options{Journal: j}, hooks...)
		p.happens(t, "default-route.added metric=1 gateway=192.0.2.1 interface=a family=ipv4")
		p.story(t, "vpn:starting(while) vpn:started(while)")
		p.theatre.stop()
		text, err := json.Marshal(j.records)
		if err != nil {
			t.Fatal(err)
		}
		var again []Record
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		p = buildWith(t, g, Options{Journal: j, Saved: Restore(again)}, hooks...)
		p.story(t, "")
	})
}

// memory is a journal.
type memory struct{ records []Record }

func (m *memory) Append(records ...Record) bool {
	m.records = append(m.records, records...)
	return false
}
func (m *memory) Rewrite(records []Record) { m.records = slices.Clone(records) }
