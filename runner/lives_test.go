package runner

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"hookd/events"
)

// What requires a limited hook comes later together with it, and a hook that only comes later is no failure.
func TestLimitedWithRequires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "a: On=link.up; RateLimit=1/10s; Failure=abort", "b: On=link.up; Requires=a", "c: On=link.up; After=a", "d: On=link.up; Requires=b; RateLimit=1/10s")
		th.kernel(t, "link.up interface=x index=1 mtu=1")
		th.kernel(t, "link.up interface=x index=1 mtu=2")
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{"a 1", "b 1", "c 1", "d 1", "c 2", "a 2", "b 2", "d 2"}
		if diff := gocmp.Diff(want, th.mtus(), unordered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// mtus lists the hooks that were executed with the mtu of their events.
func (th *theatre) mtus() []string {
	var out []string
	for _, line := range th.ran() {
		hook, rest, _ := strings.Cut(line, " ")
		_, mtu, _ := strings.Cut(rest, "mtu=")
		out = append(out, hook+" "+mtu)
	}
	return out
}

// A hook that requires another one hears of what was there when it is new, and when only it was limited.
func TestLateWithRequires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "a: On=link.up", "b: On=link.up; Requires=a; RateLimit=1/10s")
		th.kernel(t, "link.up interface=x index=1 mtu=1")
		th.kernel(t, "link.up interface=x index=1 mtu=2")
		if err := th.runner.Swap(t.Context(), setOf(t, []string{"a: On=link.up", "b: On=link.up; Requires=a; RateLimit=1/10s", "n: On=link.up; Requires=a"})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := gocmp.Diff([]string{"a 1", "b 1", "a 2", "n 2", "b 2"}, th.mtus(), unordered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What settles is not overtaken when a reload takes Settle= away, and is dropped with its hook.
func TestSettleEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "h: On=link.*; Settle=60s", "gone: On=link.*; Settle=60s")
		th.kernel(t, "link.up interface=x index=1")
		if err := th.runner.Swap(t.Context(), setOf(t, []string{"h: On=link.*"})); err != nil {
			t.Fatal(err)
		}
		th.kernel(t, "link.down interface=x index=1")
		time.Sleep(time.Hour)
		synctest.Wait()
		if diff := gocmp.Diff([]string{"h link.up interface=x index=1", "h link.down interface=x index=1"}, th.ran()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What somebody emits does not change what settles, a start does not settle for who skips it, and a hold that is put off
// again and again is in the agenda once.
func TestSettleApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "h: On=link.up; Settle=60s", "s: On=interface.state; Settle=60s; OnStart=skip")
		th.kernel(t, "link.up interface=x index=1")
		th.submit(t, "link.down interface=x index=1")
		e := eventOf(t, "interface.state interface=x index=1 from=missing to=routable")
		e.Source = events.SourceStart
		th.runner.Submit(t.Context(), e)
		synctest.Wait()
		th.kernel(t, "interface.state interface=x index=1 from=routable to=carrier")
		for range 100 {
			th.kernel(t, "link.down interface=y index=2")
			th.kernel(t, "link.up interface=y index=2")
			th.kernel(t, "link.up interface=y index=2")
		}
		if n, _ := ask(t.Context(), th.runner, func() int { return len(th.runner.agenda.items) }); n > 4 {
			t.Errorf("%d items in the agenda", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []string{"h link.up interface=x index=1", "h link.up interface=y index=2", "s interface.state interface=x index=1 from=routable to=carrier"}
		if diff := gocmp.Diff(want, th.ran(), unordered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A job that has failed just before it is replaced is not tried again.
func TestReplaceFailed(t *testing.T) {
	j := job{state: started, tries: 1, replaced: replacedError{"r"}}
	j.Hook = setOf(t, []string{"h: On=user.x; Retry=9; WhenBusy=replace"}).Hooks[0]
	r := &Runner{observer: &stage{}, queues: map[string][]*run{}, busy: map[instance][]ref{}, running: 1}
	one := &run{jobs: []job{j}}
	r.jobEnded(finished{ref{one, 0}, JobReport{Result: Failed}})
	if got := one.jobs[0]; got.state != over || got.report.Result != Canceled {
		t.Errorf("state %d, %s", got.state, got.report.Result)
	}
}

// What was limited comes when there is room although its values have changed; of many no more than the queue takes.
func TestLimitedMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"h": {takes: time.Second}, "l": {}}, false, "h: On=address.added; RateLimit=100/60s", "l: On=link.added; RateLimit=1/10s")
		const n = 300
		for i := range n {
			th.kernel(t, fmt.Sprintf("address.added interface=x index=1 address=192.0.2.%d prefix-length=%d", i%256, 24+i/256))
			time.Sleep(500 * time.Millisecond)
		}
		th.kernel(t, "link.added interface=y index=2 mtu=1")
		th.kernel(t, "link.added interface=y index=2 mtu=1")
		th.kernel(t, "link.changed interface=y index=2 mtu=2")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		h, l := 0, 0
		for _, line := range th.ran() {
			if line[0] == 'h' {
				h++
			} else {
				l++
			}
		}
		if h != n || l != 2 {
			t.Errorf("h ran %d of %d times, l %d", h, n, l)
		}
	})
}

// How often a job was begun is known after a crash: Retry= holds for all lives together.
func TestRetryAcrossCrashes(t *testing.T) {
	e := eventOf(t, "user.x")
	records := []Record{{Kind: recordHooks, Hooks: []string{"h"}}, {Kind: recordRun, Event: &e, Run: "r", Hooks: []string{"h"}}}
	for life := 1; life < 6; life++ {
		records = append(records, Record{Kind: recordStart, Run: "r", Hook: "h"})
		synctest.Test(t, func(t *testing.T) {
			p := &paper{}
			th := openWith(t, nil, Options{Journal: p, Saved: Restore(records)}, "h: On=user.x; Retry=2")
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := len(th.ran()); n != map[bool]int{true: 1, false: 0}[life <= 2] || len(th.runs) != 1 {
				t.Errorf("life %d: ran %d times", life, n)
			}
		})
	}
}

// What hookd was killed over is not given up for a later event: it is ended first, and told as interrupted.
func TestMergeAcrossCrash(t *testing.T) {
	for whenBusy, want := range map[string]string{"merge": "h interrupted hookd was killed while it ran", "replace": "h canceled a later event replaces it (run s)"} {
		one, two := eventOf(t, "user.x n=1"), eventOf(t, "user.x n=2")
		records := []Record{{Kind: recordHooks, Hooks: []string{"h"}}, {Kind: recordRun, Event: &one, Run: "r", Hooks: []string{"h"}},
			{Kind: recordStart, Run: "r", Hook: "h"}, {Kind: recordRun, Event: &two, Run: "s", Hooks: []string{"h"}}}
		synctest.Test(t, func(t *testing.T) {
			th := openWith(t, nil, Options{Saved: Restore(records)}, "h: On=user.x; WhenBusy="+whenBusy)
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(th.runs) != 2 || results(th.runs[0]) != want || th.runs[0].Jobs[0].Tries != 0 || strings.Join(th.log, " ") != "!h user/x +h user/x -h user/x" {
				t.Errorf("%s: %v, %v", whenBusy, th.log, th.runs)
			}
		})
	}
}

// A new hook that settles hears of what was there when it has held.
func TestReplaySettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "a: On=link.up")
		th.kernel(t, "link.up interface=x index=1")
		th.kernel(t, "link.up interface=y index=2")
		if err := th.runner.Swap(t.Context(), setOf(t, []string{"a: On=link.up", "s: On=link.up; Settle=9s"})); err != nil {
			t.Fatal(err)
		}
		th.kernel(t, "link.down interface=y index=2")
		time.Sleep(time.Minute)
		th.expect(t, "+a x -a x +a y -a y +s x -s x")
	})
}

// A hook that is refused for a while hears nothing again; one whose file was gone does.
func TestFlicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		th := openWith(t, nil, Options{Journal: p}, "h: On=link.up", "o: On=user.x")
		th.kernel(t, "link.up interface=x index=1")
		swap := func(hooks ...string) {
			t.Helper()
			if err := th.runner.Swap(t.Context(), setOf(t, hooks)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		swap("o: On=user.x")
		swap("h: On=link.up", "o: On=user.x")
		if got := th.ran(); len(got) != 2 {
			t.Errorf("ran %v", got)
		}
		if saved := Restore(p.read(t, len(p.lines))); !slices.Equal(saved.Hooks, []string{"o", "h"}) {
			t.Errorf("known: %v", saved.Hooks)
		}
	})
}

// R13: hookd dies again and again after any line of its journal, which is rewritten now and then, with hooks of every
// kind. No job without Retry= runs twice, and nothing is left over at the end.
func TestR13Lives(t *testing.T) {
	hooks := []string{"a: On=link.*", "b: On=link.*; After=a; Requires=a", "i: On=link.*; Instance=all", "m: On=link.*; WhenBusy=merge", "p: On=link.*; WhenBusy=parallel",
		"r: On=link.*; WhenBusy=replace", "l: On=link.*; RateLimit=1/20s", "s: On=link.*; Settle=5s", "f: On=hook.finished hook=a", "t: On=link.*; Retry=1", "x: On=link.*; Failure=abort"}
	slow := script{"a": {takes: time.Second}, "i": {takes: 3 * time.Second}, "m": {takes: 2 * time.Second}, "r": {takes: 4 * time.Second},
		"p": {takes: 5 * time.Second}, "t": {takes: time.Second, result: Failed, times: 3}, "x": {result: Failed, times: 2}}
	steps := []string{"link.added interface=x index=1", "link.up interface=x index=1", "link.added interface=y index=2", "link.down interface=x index=1",
		"link.renamed interface=z old-interface=x index=1", "link.up interface=z index=1", "link.up interface=y index=2", "link.removed interface=y index=2"}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 13))
		ran := map[string]int{} // by run and hook
		var saved []Record
		for life, seen := 0, 0; life < 5; life++ {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Duration(life) * time.Hour) // clocks begin anew, the names of runs do not
				p := &paper{}
				th := openWith(t, slow, Options{Journal: p, Saved: Restore(saved), FollowUps: true}, hooks...)
				for _, s := range steps[seen:] {
					th.kernel(t, s)
					time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
					synctest.Wait()
					p.long.Store(random.IntN(4) == 0)
				}
				if life == 4 {
					time.Sleep(time.Hour)
				}
				synctest.Wait()
				cut := len(p.lines)
				if life < 4 {
					cut = p.base + random.IntN(cut-p.base+1)
				}
				saved = p.read(t, cut)
				for _, m := range p.marks {
					if m.generation == p.generation && m.line >= cut {
						continue // it died before
					}
					if m.key == "" {
						seen++
					} else if th.executed(m.key) {
						ran[m.key]++
					}
				}
			})
		}
		for key, n := range ran {
			if n > 1 && !strings.HasSuffix(key, " t") {
				t.Errorf("seed %d: %s ran %d times", seed, key, n)
			}
		}
		if left := Restore(saved); len(left.runs)+len(left.held) > 0 || len(ran) < 15 {
			t.Errorf("seed %d: %d runs, %d holds are left over; %d jobs", seed, len(left.runs), len(left.held), len(ran))
		}
	}
}

// executed says whether the job was executed in this life.
func (th *theatre) executed(key string) bool {
	th.mu.Lock()
	defer th.mu.Unlock()
	return slices.Contains(th.keys, key)
}
