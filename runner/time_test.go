package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/hookspec"
)

// kernel submits an event as a source does.
func (th *theatre) kernel(t *testing.T, words string) {
	t.Helper()
	e := eventOf(t, words)
	e.Source, e.Time = events.SourceKernel, time.Now()
	if err := th.runner.Submit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// ran lists what was executed: hooks and their events.
func (th *theatre) ran() []string {
	th.mu.Lock()
	defer th.mu.Unlock()
	return slices.Clone(th.tasks)
}

// Each step is a time in seconds after the one before, and an event.
func TestSettle(t *testing.T) {
	const up, down = "link.up interface=a index=4", "link.down interface=a index=4"
	type step struct {
		after float64
		event string
	}
	for _, test := range []struct {
		name  string
		hooks []string
		steps []step
		want  []string
	}{
		{"holds", []string{"h: On=link.*; Settle=5s"}, []step{{0, up}}, []string{"h " + up}},
		{"a flap costs nothing", []string{"h: On=link.*; Settle=5s"}, []step{{0, up}, {20, down}, {1, up}}, []string{"h " + up}},
		{"also for who hears of one side only", []string{"h: On=link.up; Settle=5s"}, []step{{0, up}, {20, down}, {1, up}}, []string{"h " + up}},
		{"what did not hold is not told", []string{"h: On=link.up; Settle=5s"}, []step{{0, up}, {4, down}}, nil},
		{"but again when it held long", []string{"h: On=link.up; Settle=5s"}, []step{{0, up}, {20, down}, {20, up}}, []string{"h " + up, "h " + up}},
		{"the last state wins", []string{"h: On=link.*; Settle=5s"}, []step{{0, up}, {20, down}, {1, up}, {1, down}}, []string{"h " + up, "h " + down}},
		{"told again it goes on holding", []string{"h: On=interface.state; Settle=5s"},
			[]step{{0, "interface.state interface=a index=4 from=off to=carrier"}, {4, "interface.state interface=a index=4 from=off to=carrier"}, {1, "interface.state interface=a index=4 from=carrier to=off"}},
			[]string{"h interface.state interface=a index=4 from=off to=carrier", "h interface.state interface=a index=4 from=carrier to=off"}},
		{"the net of several", []string{"h: On=interface.state from=off to=routable; Settle=5s"},
			[]step{{0, "interface.state interface=a index=4 from=off to=carrier"}, {1, "interface.state interface=a index=4 from=carrier to=routable"}},
			[]string{"h interface.state interface=a index=4 from=off to=routable"}},
		{"topics apart", []string{"h: On=address.added; Settle=5s"},
			[]step{{0, "address.added interface=a index=4 address=::1 prefix-length=64"}, {1, "address.added interface=a index=4 address=::2 prefix-length=64"}},
			[]string{"h address.added interface=a index=4 address=::1 prefix-length=64", "h address.added interface=a index=4 address=::2 prefix-length=64"}},
		{"in order, in one run", []string{"h: On=link.up; Settle=5s", "b: On=link.up; Settle=5s; After=h"}, []step{{0, up}}, []string{"h " + up, "b " + up}},
		{"not for other interfaces", []string{"h: On=link.up interface=b; Settle=5s"}, []step{{0, up}}, nil},
		{"renamed meanwhile", []string{"h: On=link.up; Settle=5s"}, []step{{0, up}, {1, "link.renamed interface=b old-interface=a index=4"}},
			[]string{"h link.up interface=b index=4"}},
		{"no state: the last one after a quiet time", []string{"h: On=user.x; Settle=5s"}, []step{{0, "user.x n=1"}, {4, "user.x n=2"}, {4, "user.x n=2"}}, []string{"h user.x n=2"}},
		{"another route took over", []string{"h: On=default-route.added interface=a; Settle=5s"},
			[]step{{0, "default-route.added family=ipv4 interface=a metric=1"}, {1, "default-route.changed family=ipv4 interface=b metric=1 old-interface=a old-metric=1"}}, nil},
		{"others do not wait", []string{"h: On=link.up; Settle=5s", "b: On=link.up"}, []step{{0, up}, {1, down}}, []string{"b " + up}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				th := open(t, nil, false, test.hooks...)
				for _, s := range test.steps {
					time.Sleep(time.Duration(s.after * float64(time.Second)))
					th.kernel(t, s.event)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if diff := gocmp.Diff(test.want, th.ran()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if c, _ := th.runner.Counts(t.Context()); c.Settling != 0 {
					t.Errorf("%d still settle", c.Settling)
				}
			})
		})
	}
}

func TestMeets(t *testing.T) {
	for _, test := range []struct {
		whenBusy string
		old      state
		want     yield
	}{
		{hookspec.BusyQueue, pending, stay}, {hookspec.BusyQueue, started, stay}, {hookspec.BusyQueue, resting, stay},
		{hookspec.BusyMerge, pending, giveUp}, {hookspec.BusyMerge, started, stay}, {hookspec.BusyMerge, resting, stay},
		{hookspec.BusyReplace, pending, giveUp}, {hookspec.BusyReplace, started, ended}, {hookspec.BusyReplace, resting, giveUp},
		{hookspec.BusyParallel, pending, stay}, {hookspec.BusyParallel, started, stay},
		{hookspec.BusyReplace, over, stay}, {hookspec.BusyMerge, over, stay},
	} {
		if got := meets(test.whenBusy, test.old); got != test.want {
			t.Errorf("%s meets state %d: %d, want %d", test.whenBusy, test.old, got, test.want)
		}
	}
}

// Three events one second apart meet a hook that takes ten.
func TestWhenBusy(t *testing.T) {
	for _, test := range []struct{ whenBusy, instance, want string }{
		{"queue", "", "0 +h user/x, 10 -h user/x, 10 +h user/x, 20 -h user/x, 20 +h user/x, 30 -h user/x | h done  h done  h done "},
		{"parallel", "", "0 +h user/x, 1 +h user/x, 2 +h user/x, 10 -h user/x, 11 -h user/x, 12 -h user/x | h done  h done  h done "},
		{"merge", "", "0 +h user/x, 10 -h user/x, 10 +h user/x, 20 -h user/x | h skipped a later event takes its place (run R) h done  h done "},
		{"replace", "", "0 +h user/x, 1 -h user/x, 1 +h user/x, 2 -h user/x, 2 +h user/x, 12 -h user/x | h canceled a later event replaces it (run R) h canceled a later event replaces it (run R) h done "},
		{"queue", "%{n}", "0 +h 1, 10 -h 1, 10 +h 2, 20 -h 2, 20 +h 3, 30 -h 3 | h done  h done  h done "},
		{"merge", "%{n}", "0 +h 1, 10 -h 1, 10 +h 2, 20 -h 2, 20 +h 3, 30 -h 3 | h done  h done  h done "},
	} {
		t.Run(test.whenBusy+test.instance, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hook := "h: On=user.x; WhenBusy=" + test.whenBusy
				if test.instance != "" {
					hook += "; Instance=" + test.instance
				}
				th := open(t, script{"h": {takes: 10 * time.Second}}, false, hook)
				for n := range 3 {
					th.kernel(t, fmt.Sprintf("user.x n=%d", n+1))
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				var ends []string
				for _, r := range th.runs {
					ends = append(ends, anonymous(results(r)))
				}
				if got := th.times() + " | " + strings.Join(ends, " "); got != test.want {
					t.Errorf("\n got %s\nwant %s", got, test.want)
				}
			})
		})
	}
}

// anonymous takes the ids of runs out of a text.
func anonymous(s string) string {
	if before, after, found := strings.Cut(s, "(run "); found {
		_, after, _ = strings.Cut(after, ")")
		return before + "(run R)" + after
	}
	return s
}

// times is the log with the seconds since the first entry.
func (th *theatre) times() string {
	var out []string
	for i, line := range th.log {
		out = append(out, fmt.Sprintf("%d %s", th.at[i].Sub(th.at[0])/time.Second, line))
	}
	return strings.Join(out, ", ")
}

// A value that several subjects share keeps their jobs apart in time, in the order of the events.
func TestInstanceAcrossSubjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"h": {takes: 10 * time.Second}, "o": {takes: time.Second}}, false, "h: On=link.up; Instance=all", "o: On=link.up")
		for _, name := range []string{"a", "b", "c"} {
			th.kernel(t, "link.up interface="+name)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want := "0 +h all, 0 +o a, 0 +o b, 0 +o c, 1 -o a, 1 -o b, 1 -o c, 10 -h all, 10 +h all, 20 -h all, 20 +h all, 30 -h all"
		if got := th.sorted(); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}

// sorted is times with what happens at one moment in a fixed order: ends first.
func (th *theatre) sorted() string {
	lines := strings.Split(th.times(), ", ")
	moment := func(line string) (n int) { fmt.Sscan(line, &n); return n }
	slices.SortFunc(lines, func(a, b string) int {
		swap := strings.NewReplacer("+", "-", "-", "+")
		return cmp.Or(moment(a)-moment(b), strings.Compare(swap.Replace(a), swap.Replace(b)))
	})
	return strings.Join(lines, ", ")
}

// An instance that many subjects share does not gather jobs without end.
func TestInstanceBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"h": {takes: time.Hour}}, false, "h: On=link.up; Instance=all; RateLimit=infinity; Timeout=infinity")
		for i := range perQueue + 3 {
			th.kernel(t, fmt.Sprintf("link.up interface=x%d", i))
		}
		if len(th.runs) != 2 || th.runs[0].Event.Subject != "x1" || results(th.runs[0]) != "h limited more than 64 events wait for this instance" {
			t.Errorf("%d runs ended, %v", len(th.runs), th.runs)
		}
	})
}

func TestWindow(t *testing.T) {
	start := time.Unix(1000, 0)
	rate := hookspec.Rate{Count: 2, Per: 10 * time.Second}
	for _, test := range []struct {
		before []int // seconds
		now    int
		in     bool
		next   int
	}{
		{nil, 0, true, -1000},
		{[]int{0}, 1, true, 10},
		{[]int{0, 1}, 2, false, 10},
		{[]int{0, 1}, 9, false, 10},
		{[]int{0, 1}, 10, true, 11},
		{[]int{0, 1}, 30, true, -1000},
	} {
		var w window
		for _, s := range test.before {
			w = append(w, start.Add(time.Duration(s)*time.Second))
		}
		w, in := w.admit(start.Add(time.Duration(test.now)*time.Second), rate)
		next := w.next(rate)
		if in != test.in || test.next >= 0 != !next.IsZero() || !next.IsZero() && !next.Equal(start.Add(time.Duration(test.next)*time.Second)) {
			t.Errorf("%v at %d: %v, next %v", test.before, test.now, in, next)
		}
	}
	if w, in := (window{start}).admit(start, hookspec.Rate{}); !in || len(w) > 0 {
		t.Error("without a limit something is limited")
	}
}

// Beyond the rate events about one thing merge into the last one, which runs when there is room, if it still holds.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "h: On=link.*; RateLimit=2/10s", "o: On=link.up")
		for range 3 {
			th.kernel(t, "link.up interface=a index=4")
			th.kernel(t, "link.down interface=a index=4")
		}
		th.kernel(t, "link.changed interface=a index=4 mtu=1")
		th.kernel(t, "link.up interface=b index=5")
		if c, _ := th.runner.Counts(t.Context()); !slices.Equal(c.Limited, []string{"h"}) {
			t.Errorf("limited: %v", c.Limited)
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		early := len(th.ran())
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{"h link.up interface=a index=4", "o link.up interface=a index=4", "h link.down interface=a index=4", "o link.up interface=a index=4",
			"o link.up interface=a index=4", "h link.up interface=b index=5", "o link.up interface=b index=5",
			"h link.down interface=a index=4", "h link.changed interface=a index=4 mtu=1"}
		if diff := gocmp.Diff(want, th.ran(), unordered); diff != "" || early != 7 {
			t.Errorf("%d early (-want +got):\n%s", early, diff)
		}
	})
}

func TestAgain(t *testing.T) {
	for _, test := range []struct {
		result       Result
		tries, retry int
		want         bool
	}{
		{Failed, 1, 0, false}, {Failed, 1, 1, true}, {Failed, 2, 1, false}, {TimedOut, 1, 1, true},
		{Done, 1, 5, false}, {Canceled, 1, 5, false}, {Skipped, 0, 5, false}, {Interrupted, 1, 5, false},
	} {
		if again(test.result, test.tries, test.retry) != test.want {
			t.Errorf("%s after %d of %d: want %v", test.result, test.tries, test.retry, test.want)
		}
	}
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"h": {takes: time.Second, result: Failed, times: 2}, "f": {result: Failed}}, true,
			"h: On=user.x; Retry=3; RetryDelay=5s", "n: On=user.x; After=h", "f: On=user.y; Retry=1", "e: On=hook.failed")
		r := th.wait(t, "user.x")
		if got := results(r); got != "h done \nn done " || r.Jobs[0].Tries != 3 {
			t.Errorf("got %s after %d tries", got, r.Jobs[0].Tries)
		}
		if got := th.times(); got != "0 +h user/x, 1 -h user/x, 6 +h user/x, 7 -h user/x, 12 +h user/x, 13 -h user/x, 13 +n user/x, 13 -n user/x" {
			t.Errorf("got %s", got)
		}
		if r := th.wait(t, "user.y"); results(r) != "f failed " || r.Jobs[0].Tries != 2 {
			t.Errorf("got %s after %d tries", results(r), r.Jobs[0].Tries)
		}
		synctest.Wait()
		if n := strings.Count(strings.Join(th.log, " "), "+e"); n != 1 {
			t.Errorf("hook.failed came %d times", n)
		}
	})
}

// While a job waits to be tried again a later event may replace it, and an end of hookd does not hang on it.
func TestRetryGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"h": {result: Failed, times: 1}, "r": {result: Failed}}, false,
			"h: On=user.x; Retry=1; RetryDelay=1h; WhenBusy=replace", "r: On=user.y; Retry=9; RetryDelay=1h")
		th.kernel(t, "user.x n=1")
		th.kernel(t, "user.x n=2")
		synctest.Wait()
		if len(th.runs) != 2 || anonymous(results(th.runs[0])) != "h canceled a later event replaces it (run R)" || results(th.runs[1]) != "h done " {
			t.Errorf("%v", th.runs)
		}
		th.kernel(t, "user.y")
		began := time.Now()
		th.stop()
		if time.Since(began) != 0 {
			t.Errorf("the end took %v", time.Since(began))
		}
	})
}

// A hook with Settle= and one without are planned apart; who only hears of changes skips what was there.
func TestOnStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "a: On=link.up", "b: On=link.up; OnStart=skip")
		e := eventOf(t, "link.up interface=x index=1")
		e.Source = events.SourceStart
		th.runner.Submit(t.Context(), e)
		th.kernel(t, "interface.state interface=x index=1 from=off to=carrier")
		th.kernel(t, "link.up interface=y index=2")
		hooks := []string{"a: On=link.up", "b: On=link.up; OnStart=skip", "c: On=link.up interface=x", "d: On=link.up; OnStart=skip", "e: On=interface.state to=carrier"}
		if err := th.runner.Swap(t.Context(), setOf(t, hooks)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		want := []string{"a link.up interface=x index=1", "a link.up interface=y index=2", "b link.up interface=y index=2",
			"c link.up interface=x index=1", "e interface.state interface=x index=1 from=missing to=carrier"}
		if diff := gocmp.Diff(want, th.ran(), unordered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// unordered compares lists as sets: what goes side by side has no order.
var unordered = gocmp.Transformer("sorted", func(s []string) []string { return slices.Sorted(slices.Values(s)) })
