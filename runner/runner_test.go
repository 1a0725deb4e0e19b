package runner

import (
	"context"
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

// script says what each hook does: how long it runs and how it ends.
type script map[string]act

type act struct {
	takes  time.Duration
	result Result
	times  int // after so many times it is done
	do     func(context.Context, Task)
}

// stage is an executor and observer that plays a script and writes down what happens.
type stage struct {
	script script

	mu     sync.Mutex
	log    []string
	at     []time.Time
	now    int
	most   int
	played map[string]int
	tasks  []string // hooks and their events
	keys   []string // runs and their hooks
	events []Arrival
	missed []string // why services do not run
	runs   []RunReport
}

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.at = append(s.log, fmt.Sprintf(format, args...)), append(s.at, time.Now())
}

func (s *stage) noted(line string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.log, line)
}

func (s *stage) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
}

func (s *stage) Execute(ctx context.Context, t Task) JobReport {
	s.note("+%s %s", t.Job.Hook.Name, t.Job.Instance)
	s.mu.Lock()
	s.keys = append(s.keys, t.Run+" "+t.Job.Hook.Name)
	s.tasks = append(s.tasks, t.Job.Hook.Name+" "+t.Event.String())
	s.mu.Unlock()
	s.count(1)
	defer s.count(-1)
	defer s.note("-%s %s", t.Job.Hook.Name, t.Job.Instance)
	act := s.script[t.Job.Hook.Name]
	if act.do != nil {
		act.do(ctx, t)
	}
	select {
	case <-time.After(act.takes):
	case <-ctx.Done():
		return JobReport{Result: Canceled, Reason: context.Cause(ctx).Error()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.played[t.Job.Hook.Name]++
	if act.result == "" || act.times > 0 && s.played[t.Job.Hook.Name] > act.times {
		act.result = Done
	}
	return JobReport{Result: act.result}
}

func (s *stage) Clear(_ context.Context, t Task) { s.note("!%s %s", t.Job.Hook.Name, t.Job.Instance) }

func (s *stage) Arrived(a Arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, a)
}
func (s *stage) JobEnded(_ events.Event, _ string, _ JobReport) {}
func (s *stage) Missed(id ServiceID, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed = append(s.missed, id.Hook+": "+why)
}
func (s *stage) RunEnded(r RunReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, r)
}

// theatre is a running runner over hooks written as "name: On=…; Key=value".
type theatre struct {
	*stage
	runner *Runner
	stop   func()
}

func open(t *testing.T, s script, follow bool, hooks ...string) *theatre {
	return openWith(t, s, Options{FollowUps: follow}, hooks...)
}

func openWith(t *testing.T, s script, opt Options, hooks ...string) *theatre {
	return openSet(t, s, opt, setOf(t, hooks))
}

func openSet(t *testing.T, s script, opt Options, set *hookspec.Set) *theatre {
	th := &theatre{stage: &stage{script: s, played: map[string]int{}}}
	th.runner = New(th.stage, th.stage, set, opt)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { th.runner.Run(ctx); close(ended) }()
	th.stop = func() { cancel(); <-ended }
	t.Cleanup(th.stop)
	return th
}

type noAccounts struct{}

func (noAccounts) User(string) (hookspec.Account, error) {
	return hookspec.Account{}, errors.New("none")
}
func (noAccounts) Group(string) (hookspec.Account, error) {
	return hookspec.Account{}, errors.New("none")
}

func setOf(t *testing.T, hooks []string) *hookspec.Set {
	t.Helper()
	var parsed []*hookspec.Hook
	for _, text := range hooks {
		name, keys, _ := strings.Cut(text, ": ")
		h, faults := hookspec.Parse(name, []hookspec.Source{{Path: name, Text: hookText(keys)}},
			hookspec.Options{Accounts: noAccounts{}})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		parsed = append(parsed, h)
	}
	return hookspec.NewSet(parsed)
}

func (th *theatre) submit(t *testing.T, words string) {
	t.Helper()
	if err := th.runner.Submit(t.Context(), eventOf(t, words)); err != nil {
		t.Fatal(err)
	}
}

func (th *theatre) wait(t *testing.T, words string) RunReport {
	t.Helper()
	r, err := th.await(t, words)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (th *theatre) await(t *testing.T, words string) (r RunReport, err error) {
	err = th.runner.SubmitWait(t.Context(), eventOf(t, words), func(p Progress) error {
		if p.Ended != nil {
			r = *p.Ended
		}
		return nil
	})
	return r, err
}

func eventOf(t *testing.T, words string) events.Event {
	t.Helper()
	f := strings.Fields(words)
	var params []events.Param
	for _, w := range f[1:] {
		k, v, _ := strings.Cut(w, "=")
		params = append(params, events.Param{Key: k, Value: v})
	}
	e, err := events.New(f[0], params)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (th *theatre) expect(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, strings.Join(th.log, " ")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func results(r RunReport) string {
	var out []string
	for _, j := range r.Jobs {
		out = append(out, j.Hook+" "+string(j.Result)+" "+j.Reason)
	}
	return strings.Join(out, "\n")
}

// Events of one subject come one after the other, different subjects side by side.
func TestSubjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: 2 * time.Second}, "b": {takes: time.Second}}, false, "a: On=link.up", "b: On=link.down")
		th.submit(t, "link.up interface=x")
		th.submit(t, "link.down interface=x")
		synctest.Wait()
		th.submit(t, "link.down interface=y")
		time.Sleep(10 * time.Second)
		th.expect(t, "+a x +b y -b y -a x +b x -b x")
	})
}

// A rename waits for the events of both names, and later events of both names wait for it.
func TestRename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: 2 * time.Second}, "r": {takes: 5 * time.Second}}, false, "a: On=link.up", "r: On=link.renamed")
		th.submit(t, "link.up interface=old")
		synctest.Wait()
		th.submit(t, "link.renamed interface=new old-interface=old")
		synctest.Wait()
		time.Sleep(time.Second)
		th.submit(t, "link.up interface=new")
		th.submit(t, "link.up interface=old")
		th.submit(t, "link.up interface=other")
		time.Sleep(time.Minute)
		synctest.Wait()
		got := strings.Join(th.log, " ")
		if !strings.HasPrefix(got, "+a old +a other -a old +r new -a other -r new") {
			t.Errorf("got %s", got)
		}
		if len(th.log) != 10 {
			t.Errorf("%d entries: %s", len(th.log), got)
		}
	})
}

func TestOrderAndSkips(t *testing.T) {
	for _, test := range []struct {
		name  string
		s     script
		hooks []string
		want  string
	}{
		{"requires", script{"a": {result: Failed}}, []string{"a: On=user.x", "b: On=user.x; Requires=a", "c: On=user.x; After=a", "d: On=user.x; Requires=b"},
			"a failed \nb skipped it requires a, whose result is failed\nc done \nd skipped it requires b, whose result is skipped"},
		{"abort", script{"a": {result: TimedOut}}, []string{"a: On=user.x; Failure=abort", "b: On=user.x; After=a", "c: On=user.x; After=b"},
			"a timeout \nb skipped the failure of a ended the run\nc skipped the failure of a ended the run"},
		{"beside an abort", script{"a": {result: Failed}, "b": {takes: time.Second}}, []string{"a: On=user.x; Failure=abort", "b: On=user.x"},
			"a failed \nb done "},
		{"all well", nil, []string{"a: On=user.x; After=b", "b: On=user.x"}, "b done \na done "},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				th := open(t, test.s, false, test.hooks...)
				if diff := cmp.Diff(test.want, results(th.wait(t, "user.x"))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Independent hooks of a run go side by side, but not more than perRun of them; all runs together not more than perRunner.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hooks := script{}, []string{}
		for i := range 20 {
			name := fmt.Sprintf("h%02d", i)
			s[name] = act{takes: time.Second}
			hooks = append(hooks, name+": On=link.up")
		}
		th := open(t, s, false, hooks...)
		th.wait(t, "link.up interface=x")
		synctest.Wait()
		if th.most != perRun {
			t.Errorf("%d jobs of one run side by side, want %d", th.most, perRun)
		}
		for i := range 20 {
			th.submit(t, fmt.Sprintf("link.up interface=x%d", i))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if th.most != perRunner || len(th.runs) != 21 {
			t.Errorf("%d jobs side by side, want %d; %d runs ended", th.most, perRunner, len(th.runs))
		}
	})
}

// Whoever waits for a place longest gets the next one: subjects with long queues do not keep a new one out.
func TestFairness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: time.Second}}, false, "a: On=link.up")
		for i := range perRunner {
			for range 10 {
				th.submit(t, fmt.Sprintf("link.up interface=x%d", i))
			}
		}
		th.submit(t, "link.up interface=late")
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if !th.noted("+a late") {
			t.Errorf("after the first jobs ended the late one has not begun")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(th.runs) != 10*perRunner+1 {
			t.Errorf("%d runs ended", len(th.runs))
		}
	})
}

// What one subject has too many of is dropped, oldest first, and told; the newest state always comes through.
func TestQueueBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: time.Hour}}, false, "a: On=link.up")
		for i := range perQueue + 11 {
			th.submit(t, fmt.Sprintf("link.up interface=x mtu=%d", i))
		}
		synctest.Wait()
		var dropped []string
		for _, r := range th.runs {
			mtu, _ := r.Event.Get("mtu")
			dropped = append(dropped, mtu)
			if want := "a limited more than 64 events wait for x"; results(r) != want {
				t.Errorf("got %s", results(r))
			}
		}
		if want := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}; !slices.Equal(want, dropped) {
			t.Errorf("dropped %v, want %v", dropped, want)
		}
	})
}

// The result of a job is an event with its cause, and a chain of results ends when it comes back to a hook of it.
func TestFollowUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"b": {result: Failed}}, true, "a: On=user.x; On=hook.failed", "b: On=hook.finished hook=a", "c: On=hook.*")
		th.wait(t, "user.x")
		synctest.Wait()
		var got []string
		for _, a := range th.events {
			e := a.Event
			line := e.Name
			if h, there := e.Get("hook"); there {
				line += " " + h
			}
			for _, c := range e.Cause {
				line += " <" + c.Hook
			}
			got = append(got, line)
		}
		slices.Sort(got)
		want := []string{"hook.failed b <a <b", "hook.finished a <a", "hook.finished c <a <b <c", "hook.finished c <a <c", "user.x"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// At the end jobs get a moment to finish; what has not begun is told as canceled, and who waits hears of it.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"quick": {takes: time.Second}, "slow": {takes: time.Hour}}, false,
			"quick: On=link.up", "slow: On=link.up; After=quick", "later: On=link.down")
		reports := make(chan string, 2)
		for _, e := range []string{"link.up interface=x", "link.down interface=x"} {
			go func() {
				r, err := th.await(t, e)
				reports <- fmt.Sprint(results(r), err)
			}()
			synctest.Wait()
		}
		began := time.Now()
		th.stop()
		if took := time.Since(began); took != time.Second {
			t.Errorf("stopping took %v, want the second of the quick hook", took)
		}
		got := []string{<-reports, <-reports}
		slices.Sort(got)
		want := []string{"later canceled hookd is stopping<nil>", "quick done \nslow canceled hookd is stopping<nil>"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for range 100 {
			if err := th.runner.Submit(t.Context(), eventOf(t, "user.x")); !errors.Is(err, ErrStopped) {
				t.Fatalf("after the end: %v", err)
			}
		}
		if _, err := th.await(t, "user.x"); !errors.Is(err, ErrStopped) {
			t.Errorf("waiting after the end: %v", err)
		}
	})
}

func TestStopKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"slow": {takes: time.Hour}}, false, "slow: On=user.x")
		th.submit(t, "user.x")
		synctest.Wait()
		began := time.Now()
		th.stop()
		if took := time.Since(began); took != stopGrace {
			t.Errorf("stopping took %v, want %v", took, stopGrace)
		}
	})
}

// What waits of a hook that is taken away is given up.
func TestRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: time.Second}}, false, "a: On=user.x", "b: On=user.x; After=a")
		th.submit(t, "user.x")
		th.submit(t, "user.x")
		if err := th.runner.Swap(t.Context(), setOf(t, []string{"b: On=user.x"})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		th.expect(t, "+a user/x -a user/x +b user/x -b user/x +b user/x -b user/x")
		if got := results(th.runs[1]); got != "a skipped the hook is no longer there\nb done " {
			t.Errorf("got %s", got)
		}
	})
}

// A run keeps the plan that it was made with; the next event meets the new set.
func TestSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := open(t, script{"a": {takes: time.Second}}, false, "a: On=user.x")
		th.submit(t, "user.x")
		th.submit(t, "user.x")
		if err := th.runner.Swap(t.Context(), setOf(t, []string{"a: On=user.y", "b: On=user.x"})); err != nil {
			t.Fatal(err)
		}
		th.submit(t, "user.x")
		time.Sleep(time.Minute)
		th.expect(t, "+a user/x -a user/x +a user/x -a user/x +b user/x -b user/x")
	})
}

func hookText(keys string) string {
	if !strings.Contains(keys, "Unit=") {
		keys = "Exec=/bin/true; " + keys
	}
	return "[Hook]\n" + strings.ReplaceAll(keys, "; ", "\n")
}
