package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hookd/events"
	"hookd/hookspec"
)

// nest is a theatre whose hooks emit events and wait for them.
type nest struct {
	*theatre
	t *testing.T

	mu  sync.Mutex
	got []string // how the nested runs went, as they ended
}

// emits has a hook emit events, one after the other, when it has run for a second.
func (n *nest) emits(words ...string) act {
	return act{do: func(ctx context.Context, task Task) {
		time.Sleep(time.Second)
		for _, w := range words {
			n.emit(ctx, events.Cause{Run: task.Run, Hook: task.Job.Hook.Name}, strings.ReplaceAll(w, "SUBJECT", task.Event.Subject))
		}
	}}
}

// emit is what a process does that belongs to a job.
func (n *nest) emit(ctx context.Context, by events.Cause, words string) {
	chain, err := n.runner.Within(ctx, by)
	if ctx.Err() != nil {
		return // it was ended
	}
	if err != nil {
		n.t.Error(err)
	}
	e := eventOf(n.t, words)
	e.Cause = chain
	err = n.runner.SubmitWait(ctx, e, func(p Progress) error {
		if p.Ended != nil {
			line := e.Name + ":"
			for _, j := range p.Ended.Jobs {
				line += " " + j.Hook + " " + string(j.Result)
			}
			for _, f := range p.Ended.Refused {
				line += " !" + f.Hook + " " + f.Reason
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			n.got = append(n.got, line)
		}
		return nil
	})
	if err != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.got = append(n.got, e.Name+": "+err.Error())
	}
}

// R9: a hook waits for an event that it has caused. None waits for what waits for it.
func TestR9Nested(t *testing.T) {
	for _, test := range []struct {
		name   string
		hooks  []string
		emits  map[string][]string
		takes  map[string]time.Duration
		fails  string
		events []string
		want   []string
	}{
		{name: "its own event", hooks: []string{"a: On=link.up"}, emits: map[string][]string{"a": {"link.up interface=x"}},
			events: []string{"link.up interface=x"}, want: []string{"link.up: !a a job of this hook led to the event"}},
		{name: "its own event, and another hook", hooks: []string{"a: On=link.up", "b: On=link.up; After=a"}, emits: map[string][]string{"a": {"link.up interface=x"}},
			events: []string{"link.up interface=x"}, want: []string{"link.up: b done !a a job of this hook led to the event"}},
		{name: "another event of its subject", hooks: []string{"a: On=link.up", "b: On=link.down"}, emits: map[string][]string{"a": {"link.down interface=x"}},
			events: []string{"link.up interface=x"}, want: []string{"link.down: b done"}},
		{name: "a hook that waits in its own run", hooks: []string{"a: On=link.up", "b: On=link.up; On=user.x; After=a; Instance=all"},
			emits: map[string][]string{"a": {"user.x"}}, events: []string{"link.up interface=x"}, want: []string{"user.x: b done"}},
		{name: "a hook that waits in a run that waits for it", hooks: []string{"a: On=link.up; Instance=all", "b: On=link.*; On=user.x; Instance=all; After=a"},
			emits: map[string][]string{"a": {"user.x", "link.down interface=x"}}, events: []string{"link.up interface=x", "link.up interface=y", "link.down interface=x"},
			want: []string{"user.x: b done", "link.down: b done", "user.x: b done", "link.down: b done"}},
		{name: "a job that rests", hooks: []string{"a: On=link.up interface=x", "b: On=link.up interface=y; On=user.x; Instance=all; Retry=3; RetryDelay=1h"},
			emits: map[string][]string{"a": {"user.x"}}, fails: "b", events: []string{"link.up interface=y", "link.up interface=x"}, want: []string{"user.x: b done"}},
		{name: "three levels", hooks: []string{"a: On=user.a", "b: On=user.b", "c: On=user.c", "d: On=user.*"},
			emits: map[string][]string{"a": {"user.b"}, "b": {"user.c"}, "c": {"user.a", "user.d"}}, events: []string{"user.a"},
			want: []string{"user.a: d done !a a job of this hook led to the event", "user.d: d done", "user.c: c done d done", "user.b: b done d done"}},
		{name: "a job of its instance that runs", hooks: []string{"a: On=link.up interface=x", "b: On=link.up interface=y; On=user.b; Instance=all"},
			emits: map[string][]string{"a": {"user.b"}}, takes: map[string]time.Duration{"b": time.Minute}, events: []string{"link.up interface=x", "link.up interface=y"},
			want: []string{"user.b: b done"}},
		{name: "limited", hooks: []string{"a: On=link.up", "b: On=user.b; RateLimit=1/1h"}, emits: map[string][]string{"a": {"user.b", "user.b"}},
			events: []string{"link.up interface=x"}, want: []string{"user.b: b done", "user.b: b limited"}},
		{name: "settling", hooks: []string{"a: On=link.up", "b: On=user.b; Settle=1s"}, emits: map[string][]string{"a": {"user.b"}},
			events: []string{"link.up interface=x"}, want: []string{"user.b:"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &nest{t: t}
				s := script{}
				for hook, takes := range test.takes {
					s[hook] = act{takes: takes}
				}
				for hook, words := range test.emits {
					s[hook] = n.emits(words...)
				}
				if test.fails != "" {
					s[test.fails] = act{result: Failed, times: 1}
				}
				n.theatre = open(t, s, true, test.hooks...)
				for _, e := range test.events {
					n.submit(t, e)
				}
				time.Sleep(12 * time.Hour)
				synctest.Wait()
				if !slices.Equal(n.got, test.want) {
					t.Errorf("got  %q\nwant %q", n.got, test.want)
				}
				if counts, _ := n.runner.Counts(t.Context()); counts.Jobs+counts.Waiting+counts.Resting > 0 {
					t.Errorf("there is something left: %+v", counts)
				}
			})
		})
	}
}

// R9: hooks that run wait for each other in a circle, each of them for one instance. One gives in.
func TestR9Circle(t *testing.T) {
	for _, hooks := range []string{"ab", "abc", "abcdefgh"} {
		synctest.Test(t, func(t *testing.T) {
			n := &nest{t: t}
			s, texts := script{}, []string{}
			for i, hook := range hooks {
				s[string(hook)] = n.emits("user." + string(hooks[(i+1)%len(hooks)]))
				texts = append(texts, fmt.Sprintf("%c: On=link.up interface=%c; On=user.%c; Instance=all", hook, hook, hook))
			}
			n.theatre = open(t, s, true, texts...)
			for _, hook := range hooks {
				n.submit(t, "link.up interface="+string(hook))
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			first := 0 // runs of the kernel's events, all of which come to their end
			for _, r := range n.runs {
				if r.Event.Name == "link.up" && r.Result == Done {
					first++
				}
				for _, j := range r.Jobs {
					if j.Result == Skipped && !strings.Contains(j.Reason, "it would wait for its job of run") {
						t.Error(j.Reason)
					}
				}
			}
			if all := strings.Join(n.got, "; "); first != len(hooks) || !strings.Contains(all, "skipped") || !strings.Contains(all, "done") {
				t.Errorf("%d runs: %s", first, all)
			}
		})
	}
}

// R9: more jobs than have a place wait for nested ones, which need none.
func TestR9Beyond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nest{t: t}
		n.theatre = open(t, script{"a": n.emits("link.down interface=SUBJECT"), "b": n.emits("user.x"), "c": {takes: time.Second}}, false,
			"a: On=link.up", "b: On=link.down", "c: On=user.x; Instance=%{none}; Parameter=none=1; RateLimit=infinity")
		for i := range 100 {
			n.submit(t, fmt.Sprintf("link.up interface=x%d", i))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		done := map[string]int{}
		for _, line := range n.got {
			done[line]++
		}
		if done["link.down: b done"] != 100 || done["user.x: c done"] != 100 || n.most <= perRunner {
			t.Errorf("%v, at most %d at a time", done, n.most)
		}
		for i := 1; i < len(n.log); i++ { // one job of an instance at a time, nested or not
			if strings.HasPrefix(n.log[i], "+c") && strings.Count(strings.Join(n.log[:i], "\n"), "+c") != strings.Count(strings.Join(n.log[:i], "\n"), "-c") {
				t.Fatal("two jobs of one instance run side by side")
			}
		}
	})
}

// A script that the guide of a run has started is nested in it, without a job.
func TestR9Script(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nest{t: t}
		n.theatre = open(t, nil, false, "a: On=ifupdown.up", "c: On=ifupdown.*")
		s := n.report(t, "ifupdown.up interface=eth0", "b")
		s.let(0, "")
		n.emit(t.Context(), Script(s.run), "ifupdown.down interface=eth0")
		s.let(2, "")
		<-s.over
		if want := []string{"ifupdown.down: c done"}; !slices.Equal(n.got, want) || s.ended.Result != Done {
			t.Errorf("%q, %+v", n.got, s.ended)
		}
		if chain, err := n.runner.Within(t.Context(), Script(s.run)); chain != nil || err != nil {
			t.Error("the run is over", chain, err)
		}
	})
}

// Only a job that runs counts.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: time.Second}}, false, "a: On=user.x", "b: On=user.x; After=a")
		s := th.report(t, "user.x")
		for _, c := range []events.Cause{{Run: s.run, Hook: "b"}, {Run: s.run}, {Run: "none", Hook: "a"}, Script(s.run), {}} {
			if chain, err := th.runner.Within(t.Context(), c); chain != nil || err != nil {
				t.Errorf("%v: %v %v", c, chain, err)
			}
		}
		a := events.Cause{Run: s.run, Hook: "a"}
		if chain, err := th.runner.Within(t.Context(), a); err != nil || !slices.Equal(chain, []events.Cause{a}) {
			t.Error(chain, err)
		}
		<-s.over
		if chain, err := th.runner.Within(t.Context(), a); chain != nil || err != nil {
			t.Error(chain, err)
		}
	})
}

// R9: whatever hooks emit and wait for, all of it ends, and no two jobs of one instance run side by side.
func TestR9Random(t *testing.T) {
	for seed := range uint64(500) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			n := &nest{t: t}
			s, texts := script{}, []string{}
			one := map[string]*atomic.Int32{} // jobs that run, by instance
			for i := range 5 {
				hook := string(rune('a' + i))
				keys := fmt.Sprintf("On=link.up interface=%d; On=user.%s; On=ifupdown.up interface=%d; RateLimit=infinity", rnd.IntN(4), hook, rnd.IntN(4))
				for _, key := range []string{"Instance=all", "Retry=1; RetryDelay=3s", "After=*", "Failure=abort", "WhenBusy=" + []string{"merge", "replace", "parallel"}[rnd.IntN(3)]} {
					if rnd.IntN(3) == 0 && (key != "After=*" || i == 4) {
						keys += "; " + key
					}
				}
				var words []string
				for range rnd.IntN(2) + rnd.IntN(2)*rnd.IntN(2) {
					words = append(words, []string{"user." + string(rune('a'+rnd.IntN(5))), fmt.Sprintf("link.up interface=%d", rnd.IntN(4)), fmt.Sprintf("ifupdown.up interface=%d", rnd.IntN(4))}[rnd.IntN(3)])
				}
				do := n.emits(words...).do
				s[hook] = act{takes: time.Duration(rnd.IntN(3)) * time.Second, result: []Result{Done, Failed}[rnd.IntN(2)], times: 1,
					do: func(ctx context.Context, task Task) {
						key := hook + " " + task.Job.Instance
						n.mu.Lock()
						if one[key] == nil {
							one[key] = &atomic.Int32{}
						}
						count := one[key]
						n.mu.Unlock()
						if count.Add(1) > 1 && task.Job.Hook.WhenBusy != hookspec.BusyParallel {
							t.Errorf("seed %d: two jobs of %s side by side", seed, key)
						}
						do(ctx, task)
						count.Add(-1)
					}}
				texts = append(texts, hook+": "+keys)
			}
			n.theatre = open(t, s, true, texts...)
			for i := range 6 {
				n.submit(t, fmt.Sprintf("link.up interface=%d", i%4))
				n.submit(t, fmt.Sprintf("ifupdown.up interface=%d", i%4))
			}
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			if counts, _ := n.runner.Counts(t.Context()); counts.Jobs+counts.Waiting+counts.Resting > 0 {
				t.Fatalf("seed %d: there is something left: %+v\n%s", seed, counts, strings.Join(texts, "\n"))
			}
		})
	}
}
