package runner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
)

// paper is a journal in memory. What is on it goes through JSON, as on disk.
type paper struct {
	lines      [][]byte
	long       atomic.Bool
	generation int // how often it was rewritten
	base       int // lines that the last rewriting has made
	marks      []mark
}

// mark is where a job was noted as begun, or an event as told.
type mark struct {
	key              string // run and hook; empty for an event
	generation, line int
}

func (p *paper) Append(records ...Record) bool {
	if p.generation == 0 { // there is no file yet, as on disk
		if slices.ContainsFunc(records, func(r Record) bool { return r.Kind == recordStart }) {
			panic("a job begins before there is a journal")
		}
		return true
	}
	for _, r := range records {
		text, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		switch r.Kind {
		case recordStart:
			p.marks = append(p.marks, mark{r.Run + " " + r.Hook, p.generation, len(p.lines)})
		case recordEvent:
			p.marks = append(p.marks, mark{"", p.generation, len(p.lines)})
		}
		p.lines = append(p.lines, text)
	}
	return p.long.Load()
}

func (p *paper) Rewrite(records []Record) {
	marks := p.marks
	p.lines = nil
	p.long.Store(false)
	p.generation++
	p.Append(records...)
	p.marks, p.base = marks, len(p.lines) // what it repeats did not happen now
}

// read is what the first n lines say.
func (p *paper) read(t *testing.T, n int) []Record {
	t.Helper()
	var out []Record
	for _, line := range p.lines[:n] {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// R13: hookd dies after any line of its journal. Nothing runs twice, and nothing that had not begun is forgotten; what
// had begun is interrupted, and tried again only with Retry=.
func TestR13EveryLine(t *testing.T) {
	hooks := []string{"a: On=link.*", "b: On=link.*; After=a", "c: On=link.*; Requires=a; Instance=all", "s: On=link.*; Settle=30s", "r: On=link.up; Retry=1"}
	steps := []string{"link.added interface=x index=1", "link.up interface=x index=1", "link.added interface=y index=2", "link.down interface=x index=1"}
	var first *paper
	synctest.Test(t, func(t *testing.T) {
		first = &paper{}
		th := openWith(t, script{"a": {takes: time.Second}, "b": {takes: time.Second}}, Options{Journal: first}, hooks...)
		for _, s := range steps {
			th.kernel(t, s)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	for n := 1; n <= len(first.lines); n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { diesAfter(t, first, n, hooks, steps) })
		})
	}
}

func diesAfter(t *testing.T, first *paper, n int, hooks, steps []string) {
	runs := map[string]int{} // by hook and event
	seen := 0
	events := map[string]string{} // by run
	for _, r := range first.read(t, n) {
		switch r.Kind {
		case recordEvent:
			seen++
			events[r.Run] = r.Event.String()
		case recordRun:
			events[r.Run] = r.Event.String()
		case recordStart:
			runs[r.Hook+" "+events[r.Run]]++
		}
	}
	second := &paper{}
	th := openWith(t, nil, Options{Journal: second, Saved: Restore(first.read(t, n))}, hooks...)
	synctest.Wait()
	for _, s := range steps[seen:] { // which is what the sources find
		th.kernel(t, s)
	}
	time.Sleep(time.Hour)
	synctest.Wait()
	for _, line := range th.ran() {
		if line[0] == 'r' && runs[line] == 1 {
			continue // with Retry=1 what was interrupted runs once more
		}
		runs[line]++
	}
	want := map[string]int{"r " + steps[1]: 1}
	for _, s := range steps {
		for _, h := range []string{"a ", "b ", "c "} {
			want[h+s] = 1
		}
	}
	for _, e := range []string{steps[0], steps[2]} { // x was up for less than Settle=
		want["s "+e] = 1
	}
	for line := range runs { // when hookd dies while x settles, the time begins anew; nobody is told of it twice
		if line == "s "+steps[1] || line == "s "+steps[3] {
			delete(runs, line)
		}
	}
	c := Restore(first.read(t, n))
	for _, r := range c.runs { // what required an interrupted job is told as skipped
		if r.begun["a"] > 0 && r.reports["a"] == nil {
			delete(want, "c "+r.event.String())
		}
	}
	if diff := cmp.Diff(want, runs); diff != "" {
		t.Errorf("after %s (-want +got):\n%s", first.lines[n-1], diff)
	}
	if left := Restore(second.read(t, len(second.lines))); len(left.runs)+len(left.held) > 0 {
		t.Errorf("%d runs, %d holds are left over", len(left.runs), len(left.held))
	}
}

// A journal that is rewritten says the same as the long one.
func TestRewrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := &paper{}
		hooks := []string{"a: On=link.*", "b: On=link.*; After=a", "s: On=link.*; Settle=30s", "l: On=user.x; RateLimit=1/60s"}
		th := openWith(t, script{"a": {takes: time.Hour}}, Options{Journal: long}, hooks...)
		for _, s := range []string{"link.added interface=x index=1", "link.up interface=x index=1", "link.added interface=y index=2", "link.removed interface=y index=2"} {
			th.kernel(t, s)
		}
		th.kernel(t, "user.x n=1")
		th.kernel(t, "user.x n=2")
		before := describe(Restore(long.read(t, len(long.lines))))
		long.long.Store(true)
		th.kernel(t, "user.y")
		th.kernel(t, "link.changed interface=x index=1 mtu=5")
		if len(long.lines) > 16 {
			t.Errorf("%d lines after rewriting", len(long.lines))
		}
		after := describe(Restore(long.read(t, len(long.lines))))
		want := append(slices.DeleteFunc(before, func(line string) bool { return strings.HasPrefix(line, "told") }),
			"told link.added interface=x index=1 mtu=5", "told link.up interface=x index=1 mtu=5",
			"run link.changed interface=x index=1 mtu=5 [a b]", "hold s link.changed interface=x index=1 mtu=5")
		want = slices.DeleteFunc(want, func(line string) bool { return line == "hold s link.added interface=x index=1" })
		if diff := cmp.Diff(want, after, unordered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func describe(s *Saved) []string {
	var out []string
	for _, e := range s.Told.List(time.Now()) {
		out = append(out, "told "+e.String())
	}
	for _, r := range s.runs {
		out = append(out, fmt.Sprintf("run %s %v", r.event, r.hooks))
		for _, h := range slices.Sorted(maps.Keys(r.begun)) {
			out = append(out, fmt.Sprintf("begun %s %s", r.event, h))
		}
	}
	for key, h := range s.held {
		out = append(out, "hold "+key.Hook+" "+h.last.String())
	}
	return out
}

// What waits at a clean end is carried on by the next hookd; who waited for a run has been told that it will not be.
func TestStopAndGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		hooks := []string{"a: On=link.up", "b: On=link.up; After=a", "w: On=user.x", "gone: On=link.up; After=a"}
		th := openWith(t, script{"a": {takes: time.Second}}, Options{Journal: p, FollowUps: true}, hooks...)
		th.kernel(t, "link.up interface=x index=1")
		th.kernel(t, "user.x n=0")
		th.stop()
		next := openWith(t, nil, Options{Journal: &paper{}, Saved: Restore(p.read(t, len(p.lines)))}, hooks[:3]...)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"b link.up interface=x index=1"}, next.ran()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff) // a ran in the first life
		}
		if got := results(next.runs[0]); got != "a done \nb done \ngone skipped the hook no longer asks for the event" {
			t.Errorf("got %s", got)
		}
		if n := len(next.log); n != 2 {
			t.Errorf("%d entries: %v", n, next.log)
		}
	})
}

// Hooks that the last hookd did not know hear of the state that it had told, and the others do not.
func TestNewHookAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		th := openWith(t, nil, Options{Journal: p}, "a: On=link.up")
		th.kernel(t, "link.up interface=x index=1")
		th.stop()
		saved := Restore(p.read(t, len(p.lines)))
		if told := saved.Told.List(time.Now()); len(told) != 1 || told[0].Source != events.SourceStart {
			t.Errorf("told: %v", told)
		}
		next := openWith(t, nil, Options{Journal: &paper{}, Saved: saved}, "a: On=link.up", "b: On=link.up")
		time.Sleep(time.Minute)
		next.expect(t, "+b x -b x")
	})
}

// A journal may hold anything; what makes no sense is passed over.
func TestRestoreNonsense(t *testing.T) {
	e := eventOf(t, "user.x")
	s := Restore([]Record{{}, {Kind: recordHold}, {Kind: recordEnd, Run: "r"}, {Kind: recordOver, Run: "none"}, {Kind: recordEvent},
		{Kind: recordRun, Event: &e, Run: "r", Hooks: []string{"h"}}, {Kind: "of a later version"}})
	if len(s.runs) != 1 || s.runs[0].id != "r" || Restore(nil) != nil {
		t.Errorf("%+v", s)
	}
}
