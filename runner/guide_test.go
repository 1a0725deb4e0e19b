package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/hookspec"
)

// shim is who reports an event and runs scripts between the hooks.
type shim struct {
	t     *testing.T
	th    *theatre
	run   string
	steps []hookspec.Step
	ended *RunReport
	err   error
	leave context.CancelFunc
	over  chan struct{}
}

// report hands an event over and returns when the run is known.
func (th *theatre) report(t *testing.T, words string, scripts ...string) *shim {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	s := &shim{t: t, th: th, leave: leave, over: make(chan struct{})}
	go func() {
		defer close(s.over)
		s.err = th.runner.SubmitReport(ctx, eventOf(t, words), scripts, func(p Progress) error {
			if p.Job == nil && p.Ended == nil {
				s.run, s.steps = p.Run, p.Steps
			}
			s.ended = p.Ended
			return nil
		})
	}()
	synctest.Wait()
	return s
}

// let has a step begin and tells how its hooks went.
func (s *shim) let(step int, stop string) string {
	out, err := s.th.runner.Proceed(s.t.Context(), s.run, step, stop)
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, j := range out.Jobs {
		words = append(words, j.Hook+" "+string(j.Result))
	}
	if out.Aborted != "" {
		words = append(words, "aborted by "+out.Aborted)
	}
	if len(out.Left) > 0 {
		words = append(words, fmt.Sprintf("left %v", out.Left))
	}
	return strings.Join(words, ", ")
}

// The hooks of a step begin when it is let, and who lets it hears when they are over.
func TestGuided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: time.Second}, "c": {takes: time.Second}, "r": {takes: time.Second, result: Failed, times: 1}}, false,
			"a: On=ifupdown.up; Before=legacy:b", "c: On=ifupdown.up", "d: On=ifupdown.up; After=c", "r: On=ifupdown.up; Retry=1; RetryDelay=5s", "s: On=ifupdown.up; Settle=1s")
		s := th.report(t, "ifupdown.up interface=eth0", "b", "m")
		time.Sleep(time.Minute)
		th.expect(t, "")
		if got := fmt.Sprint(s.steps); got != "[{ [a]} {b []} { [c d]} {m []} { [r]}]" {
			t.Fatal(got)
		}
		for step, want := range []string{"a done", "", "c done, d done", "", "r done"} {
			began := time.Now()
			if got := s.let(step, ""); got != want {
				t.Errorf("step %d: %s, want %s", step, got, want)
			}
			if took := time.Since(began); step == 4 && took != 7*time.Second {
				t.Errorf("what is tried again was waited for %s", took)
			}
		}
		<-s.over
		if s.err != nil || s.ended.Result != Done {
			t.Errorf("%v %+v", s.err, s.ended)
		}
		if synctest.Wait(); !th.noted("-s ifupdown/eth0") { // in a run of its own, which nobody waits for
			t.Error("the hook that settles does not run")
		}
		for step, want := range map[int]string{4: "r done", 2: "c done, d done", 5: "", -1: ""} {
			if want == "" {
				want = fmt.Sprintf("%s: step %d of %s", ErrNotGuided, step, s.run)
			}
			if got := s.let(step, ""); got != want { // the run is over
				t.Errorf("step %d: %s, want %s", step, got, want)
			}
		}
		if _, err := th.runner.Proceed(t.Context(), "none", 0, ""); !errors.Is(err, ErrNotGuided) {
			t.Error(err)
		}
	})
}

// Without scripts nobody has to let anything, and the run goes on when its caller goes.
func TestReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: time.Second}}, false, "a: On=ifupdown.up", "b: On=ifupdown.up; After=a")
		s := th.report(t, "ifupdown.up interface=eth0")
		s.leave()
		<-s.over
		time.Sleep(time.Minute)
		th.expect(t, "+a ifupdown/eth0 -a ifupdown/eth0 +b ifupdown/eth0 -b ifupdown/eth0")
		if got := fmt.Sprint(s.steps); got != "[{ [a b]}]" {
			t.Error(got)
		}
	})
}

// The ways in which a guided run ends early.
func TestGuidedEnds(t *testing.T) {
	hooks := []string{"a: On=ifupdown.up; Failure=abort", "c: On=ifupdown.up", "e: On=ifupdown.up"}
	for _, test := range []struct {
		name string
		s    script
		do   func(*testing.T, *shim)
		want string
	}{
		{"the caller goes", script{"a": {takes: time.Second}}, func(t *testing.T, s *shim) {
			go s.let(0, "")
			synctest.Wait()
			s.leave()
			<-s.over
		}, "a done \nc canceled " + errGuide + "\ne canceled " + errGuide},
		{"the caller goes at once", nil, func(t *testing.T, s *shim) { s.leave() },
			"a canceled " + errGuide + "\nc canceled " + errGuide + "\ne canceled " + errGuide},
		{"it is stopped", nil, func(t *testing.T, s *shim) {
			s.let(0, "")
			if got := s.let(2, "b exited with 1"); got != "c canceled" {
				t.Error(got)
			}
		}, "a done \nc canceled b exited with 1\ne canceled b exited with 1"},
		{"a hook aborts it", script{"a": {result: Failed}}, func(t *testing.T, s *shim) {
			if got := s.let(0, ""); got != "a failed, aborted by a" {
				t.Error(got)
			}
			if got := s.let(4, ""); got != "e skipped, aborted by a" {
				t.Error(got)
			}
		}, "a failed \nc skipped the failure of a ended the run\ne skipped the failure of a ended the run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				th := open(t, test.s, false, hooks...)
				test.do(t, th.report(t, "ifupdown.up interface=eth0", "b", "d"))
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(th.runs) != 1 || results(th.runs[0]) != test.want {
					t.Errorf("%d runs, %s", len(th.runs), results(th.runs[0]))
				}
			})
		})
	}
}

// Runs that are over are kept for a while only.
func TestGuidedKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "a: On=ifupdown.up")
		waits := th.report(t, "ifupdown.up interface=slow", "b")
		first := th.report(t, "ifupdown.up interface=eth0", "b")
		first.let(0, "")
		for range guidedKept {
			th.report(t, "ifupdown.up interface=eth0", "b").let(0, "")
		}
		if got := first.let(0, ""); got != ErrNotGuided.Error()+": "+first.run {
			t.Error(got)
		}
		if got := waits.let(0, ""); got != "a done" {
			t.Error(got)
		}
	})
}

// A hookd that ends tells its guide what of a step is left, and the next one begins nothing of it (B1).
func TestGuidedStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		hooks := []string{"a: On=ifupdown.up", "c: On=ifupdown.up; After=a; After=legacy:b", "d: On=ifupdown.up; After=a; Before=legacy:b"}
		th := openWith(t, script{"a": {takes: time.Second}}, Options{Journal: p}, hooks...)
		s := th.report(t, "ifupdown.up interface=eth0", "b")
		let := make(chan string, 2)
		go func() { let <- s.let(0, "") }()
		synctest.Wait()
		go func() { let <- s.let(2, "") }()
		synctest.Wait()
		th.stop()
		<-s.over
		first, second := <-let, <-let
		if first != "a done, left [d]" {
			first, second = second, first
		}
		if !errors.Is(s.err, ErrStopped) || first != "a done, left [d]" || second != "left [c]" {
			t.Errorf("%v, %s, %s", s.err, first, second)
		}
		if got := s.let(2, ""); got != ErrNotGuided.Error()+": "+ErrStopped.Error() {
			t.Error(got)
		}
		next := openWith(t, nil, Options{Journal: &paper{}, Saved: Restore(p.read(t, len(p.lines)))}, hooks...)
		synctest.Wait()
		next.expect(t, "")
		if got := results(next.runs[0]); got != "a done \nc canceled "+errBetween+"\nd canceled "+errBetween {
			t.Error(got)
		}
	})
}

// hookd dies after any line of the journal of a guided run, or after one that was written
// anew. Nobody carries it on: what had begun is interrupted, Retry= or not, and the rest is canceled (B1).
func TestGuidedEveryLine(t *testing.T) {
	hooks := []string{"a: On=ifupdown.up; Retry=2", "c: On=ifupdown.up; Failure=abort", "e: On=ifupdown.up; Requires=c"}
	for _, rewritten := range []bool{false, true} {
		t.Run(fmt.Sprintf("rewritten %v", rewritten), func(t *testing.T) { guidedEveryLine(t, hooks, rewritten) })
	}
}

func guidedEveryLine(t *testing.T, hooks []string, rewritten bool) {
	first := &paper{}
	synctest.Test(t, func(t *testing.T) {
		th := openWith(t, nil, Options{Journal: first}, hooks...)
		first.long.Store(rewritten) // what is told next is told in a journal that begins anew
		s := th.report(t, "ifupdown.up interface=eth0", "b", "d")
		for _, step := range []int{0, 2, 4} {
			s.let(step, "")
		}
	})
	told := 0
	for n := 1; n <= len(first.lines); n++ {
		synctest.Test(t, func(t *testing.T) {
			records := first.read(t, n)
			th := openWith(t, nil, Options{Journal: &paper{}, Saved: Restore(records)}, hooks...)
			synctest.Wait()
			has := func(kind, hook string) bool {
				return slices.ContainsFunc(records, func(r Record) bool { return r.Kind == kind && (hook == "" || r.Hook == hook) })
			}
			if !has(recordRun, "") && !has(recordEvent, "") {
				return // it was never told
			}
			told++
			var want []string
			for _, hook := range []string{"a", "c", "e"} {
				switch {
				case has(recordEnd, hook):
					want = append(want, hook+" done ")
				case has(recordStart, hook):
					want = append(want, hook+" interrupted hookd was killed while it ran")
				default:
					want = append(want, hook+" canceled "+errBetween)
				}
				if th.noted("+" + hook + " ifupdown/eth0") {
					t.Errorf("after line %d %s runs", n, hook)
				}
			}
			if has(recordOver, "") {
				want = nil
			}
			var got []string
			for _, r := range th.runs {
				got = append(got, results(r))
			}
			if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
				t.Errorf("after line %d (-want +got):\n%s", n, diff)
			}
		})
	}
	if told < 5 {
		t.Errorf("only %d lines tell of the run", told)
	}
}

// A hook that is not let begin yet holds nothing up: the script before it may wait for the same hook at an event of the kernel. One
// whose file goes meanwhile does not run.
func TestGuidedHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, nil, false, "c: On=ifupdown.up; On=link.up; Instance=all", "d: On=ifupdown.up")
		s := th.report(t, "ifupdown.up interface=eth0", "b")
		th.wait(t, "link.up interface=eth0")
		if err := th.runner.Swap(t.Context(), setOf(t, []string{"c: On=ifupdown.up; On=link.up; Instance=all"})); err != nil {
			t.Fatal(err)
		}
		if got := s.let(1, ""); got != "c done, d skipped" {
			t.Error(got)
		}
		th.expect(t, "+c all -c all +c all -c all")
	})
}

// What is left of a guided run that has lost its hookd goes on elsewhere, in its own order: what another one has had does not run,
// and counts for what requires it; what nobody knows of ends nothing (B1).
func TestGuidedRest(t *testing.T) {
	hooks := []string{"a: On=ifupdown.up; Failure=abort", "c: On=ifupdown.up; Requires=a", "e: On=ifupdown.up; Requires=c", "g: On=ifupdown.up", "new: On=ifupdown.up"}
	steps := []hookspec.Step{{Hooks: []string{"a"}}, {Script: "b"}, {Hooks: []string{"e", "c"}}, {Script: "d"}, {Hooks: []string{"g", "gone"}}}
	for _, test := range []struct {
		past JobReport
		want []string
	}{
		{JobReport{Hook: "a", Result: Done}, []string{"c done, e done", "g done"}},
		{JobReport{Hook: "a", Result: Interrupted}, []string{"c skipped, e skipped", "g done"}},
		{JobReport{Hook: "a", Result: Failed}, []string{"c skipped, e skipped, aborted by a", "g skipped, aborted by a"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			th := open(t, nil, false, hooks...)
			s := &shim{t: t, th: th, over: make(chan struct{})}
			go func() {
				defer close(s.over)
				s.err = th.runner.SubmitRest(t.Context(), eventOf(t, "ifupdown.up interface=eth0"), steps, []JobReport{test.past}, func(p Progress) error {
					if s.ended = p.Ended; p.Job == nil && p.Ended == nil {
						s.run = p.Run
					}
					return nil
				})
			}()
			synctest.Wait()
			th.expect(t, "")
			for i, step := range []int{2, 4} {
				if got := s.let(step, ""); got != test.want[i] {
					t.Errorf("after %s, step %d: %s, want %s", test.past.Result, step, got, test.want[i])
				}
			}
			<-s.over
			if th.noted("+a ifupdown/eth0") || th.noted("+new ifupdown/eth0") || s.err != nil {
				t.Errorf("%v, %v", th.log, s.err)
			}
		})
	}
}
