package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/runner"
)

// reports collects what a journal or a history reports: when trouble begins and when it ends.
type reports []error

func (r *reports) add(err error) {
	if was := len(*r) > 0 && (*r)[len(*r)-1] != nil; was != (err != nil) {
		*r = append(*r, err)
	}
}

func (r *reports) none(t *testing.T) {
	t.Helper()
	if len(*r) > 0 {
		t.Errorf("reported: %v", *r)
	}
}

func event(t *testing.T, name string, params ...events.Param) events.Event {
	t.Helper()
	e, err := events.New(name, params)
	if err != nil {
		t.Fatal(err)
	}
	e.Source, e.Time = events.SourceKernel, time.Unix(100, 5).UTC()
	return e
}

func run(t *testing.T, id, hook string, result runner.Result, output string) runner.RunReport {
	return runner.RunReport{Run: id, Event: event(t, "user.x", events.Param{Key: "n", Value: id}), Result: result,
		Jobs: []runner.JobReport{{Hook: hook, Instance: "user/x", Result: result, Output: events.Bytes(output)}}}
}

func ids(t *testing.T, dir string, f Filter) string {
	t.Helper()
	var out []string
	if err := Read(dir, f, func(e Entry) error { out = append(out, e.Run); return nil }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestFilter(t *testing.T) {
	dir := t.TempDir()
	var told reports
	h := Open(dir, told.add)
	began := time.Now()
	h.Add(run(t, "r1", "a", runner.Done, "one\n"))
	h.Add(run(t, "r2", "b", runner.Failed, "two\xff\n"))
	mixed := run(t, "r3", "a", runner.Done, "")
	mixed.Jobs = append(mixed.Jobs, runner.JobReport{Hook: "b", Result: runner.TimedOut})
	mixed.Result = runner.TimedOut
	h.Add(mixed)
	pattern, err := events.ParsePattern([]string{"user.x", "n=r[13]"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "r1 r2 r3"}, {Filter{Run: "r2"}, "r2"}, {Filter{Run: "r"}, ""}, {Filter{Hook: "a"}, "r1 r3"}, {Filter{Hook: "b"}, "r2 r3"},
		{Filter{Hook: "a", Result: runner.Done}, "r1 r3"}, {Filter{Result: runner.Done}, "r1 r3"}, {Filter{Result: runner.TimedOut}, "r3"},
		{Filter{Hook: "b", Result: runner.TimedOut}, "r3"}, {Filter{Hook: "a", Result: runner.TimedOut}, ""},
		{Filter{Event: &pattern}, "r1 r3"}, {Filter{Since: began}, "r1 r2 r3"}, {Filter{Since: time.Now().Add(time.Hour)}, ""},
	} {
		if got := ids(t, dir, test.f); got != test.want {
			t.Errorf("%+v: %q, want %q", test.f, got, test.want)
		}
	}
	Read(dir, Filter{Run: "r2"}, func(e Entry) error {
		if e.Jobs[0].Output != "two\xff\n" {
			t.Errorf("output %q", e.Jobs[0].Output)
		}
		return nil
	})
	told.none(t)
}

// What a crash has cut off is no run, and the next hookd goes on behind it.
func TestCutOff(t *testing.T) {
	dir := t.TempDir()
	var told reports
	first := Open(dir, told.add)
	first.Add(run(t, "r1", "a", runner.Done, ""))
	first.Add(run(t, "r2", "a", runner.Done, ""))
	path := parts(dir)[0]
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Index(string(text), "\n") + 1
	for n := whole; n < len(text); n++ {
		if err := os.WriteFile(path, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, dir, Filter{}); got != "r1" {
			t.Fatalf("%d bytes: %s", n, got)
		}
	}
	if err := os.WriteFile(path, text[:len(text)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	second := Open(dir, told.add)
	second.Add(run(t, "r3", "a", runner.Done, ""))
	for n := range 100 { // that restarts often does not push the history out
		h := Open(dir, told.add)
		h.Add(run(t, fmt.Sprintf("s%d", n), "a", runner.Done, ""))
		h.Close()
	}
	if got := ids(t, dir, Filter{}); !strings.HasPrefix(got, "r1 r3 s0 ") || len(parts(dir)) != 1 {
		t.Errorf("got %s", got)
	}
	told.none(t)
}

// The history is bounded, whatever hooks write, and what it keeps is the latest.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	var told reports
	h := Open(dir, told.add)
	const n = 400
	flood := strings.Repeat("\x01", 64<<10) // six bytes each in JSON
	for i := range n {
		h.Add(run(t, fmt.Sprintf("r%d", i), "a", runner.Done, flood))
	}
	size := int64(0)
	for _, p := range parts(dir) {
		fi, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		size += fi.Size()
	}
	if size > (keepParts+1)*partSize || len(parts(dir)) > keepParts {
		t.Errorf("%d bytes in %d parts", size, len(parts(dir)))
	}
	kept := strings.Fields(ids(t, dir, Filter{}))
	if len(kept) < 10 || kept[len(kept)-1] != fmt.Sprintf("r%d", n-1) || kept[0] != fmt.Sprintf("r%d", n-len(kept)) {
		t.Errorf("kept %d: %v", len(kept), kept)
	}
	many := run(t, "many", "a", runner.Done, flood)
	for range 20 {
		many.Jobs = append(many.Jobs, many.Jobs[0])
	}
	Read(dir, Filter{Run: "many"}, func(Entry) error { return errors.New("it was written before") })
	h.Add(many)
	Read(dir, Filter{Run: "many"}, func(e Entry) error {
		for _, j := range e.Jobs {
			if int64(len(j.Output))+j.Cut < 64<<10 || len(j.Output) > maxEntry/21 {
				t.Errorf("%d bytes of output, %d cut", len(j.Output), j.Cut)
			}
		}
		return nil
	})
	if many.Jobs[0].Cut != 0 {
		t.Error("the report itself was cut")
	}
	told.none(t)
}

// A directory that is gone, as a full disk, is told once, and once more when all is well again.
func TestBroken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	var told reports
	h := Open(dir, told.add)
	os.Remove(dir)
	h.Add(run(t, "r1", "a", runner.Done, ""))
	h.Add(run(t, "r2", "a", runner.Done, ""))
	os.Mkdir(dir, 0o700)
	h.Add(run(t, "r3", "a", runner.Done, ""))
	if len(told) != 2 || told[0] == nil || told[1] != nil || ids(t, dir, Filter{}) != "r3" {
		t.Errorf("told %v, kept %s", told, ids(t, dir, Filter{}))
	}
}

// A full disk takes nothing of what is there.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	var told reports
	h := Open(dir, told.add)
	h.Add(run(t, "r1", "a", runner.Done, ""))
	good := h.file
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	h.file = full
	for range 2 * keepParts {
		h.Add(run(t, "lost", "a", runner.Done, ""))
	}
	h.file = good
	h.Add(run(t, "r2", "a", runner.Done, ""))
	if got := ids(t, dir, Filter{}); got != "r1 r2" || len(parts(dir)) != 1 || len(told) != 2 {
		t.Errorf("kept %s in %d parts, told %v", got, len(parts(dir)), told)
	}
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	var told reports
	j, records, err := OpenJournal(dir, told.add)
	if err != nil || records != nil {
		t.Fatalf("%v, %v", records, err)
	}
	e := event(t, "link.renamed", events.Param{Key: "interface", Value: "b\xff"}, events.Param{Key: "old-interface", Value: "a"})
	want := []runner.Record{{Kind: "hooks", Hooks: []string{"h"}}, {Kind: "event", Event: &e, Run: "r", Hooks: []string{"h"}}, {Kind: "start", Run: "r", Hook: "h"}}
	if !j.Append(want[0]) {
		t.Fatal("a journal without a file asks for no rewriting")
	}
	j.Rewrite(want[:1])
	j.Append(want[1:]...)
	reread := func(cut int64) []runner.Record {
		t.Helper()
		path := filepath.Join(dir, "journal")
		if fi, err := os.Stat(path); err != nil || os.Truncate(path, fi.Size()-cut) != nil {
			t.Fatal(err)
		}
		_, records, err := OpenJournal(dir, told.add)
		if err != nil {
			t.Fatal(err)
		}
		return records
	}
	if diff := cmp.Diff(want, reread(0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := reread(1); len(got) != 2 {
		t.Errorf("a line without an end: %v", got)
	}
	os.WriteFile(filepath.Join(dir, "journal"), []byte("{\"hookd\":1,\"boot\":\"another\",\"net\":1}\n{\"kind\":\"hooks\"}\n"), 0o600)
	if got := reread(0); got != nil {
		t.Errorf("of another boot: %v", got)
	}
	os.WriteFile(filepath.Join(dir, "journal"), []byte("\x00\x00garbage"), 0o600)
	if got := reread(0); got != nil {
		t.Errorf("garbage: %v", got)
	}
	told.none(t)
}

// A journal that grows asks to be rewritten, and is short then.
func TestJournalGrows(t *testing.T) {
	var told reports
	j, _, err := OpenJournal(t.TempDir(), told.add)
	if err != nil {
		t.Fatal(err)
	}
	j.Rewrite(nil)
	e := event(t, "user.x", events.Param{Key: "n", Value: strings.Repeat("x", 10000)})
	for n := 1; !j.Append(runner.Record{Kind: "run", Event: &e}); n++ {
		if n > 1000 {
			t.Fatal("it never asks")
		}
	}
	j.Rewrite(nil)
	if j.size > 200 {
		t.Errorf("%d bytes", j.size)
	}
	told.none(t)
}

// What cannot be written is told, and the first rewriting that works has everything.
func TestJournalBroken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	os.Mkdir(dir, 0o700)
	var told reports
	j, _, err := OpenJournal(dir, told.add)
	if err != nil {
		t.Fatal(err)
	}
	j.Rewrite(nil)
	j.file.Close()
	if j.Append(runner.Record{Kind: "over"}) || len(told) != 1 {
		t.Errorf("told %v", told)
	}
	if _, err := os.Stat(filepath.Join(dir, "journal")); err == nil {
		t.Error("a journal that lags behind is there")
	}
	j.Append(runner.Record{Kind: "over"})
	os.Remove(dir)
	j.Rewrite(nil)
	os.Mkdir(dir, 0o700)
	j.Rewrite([]runner.Record{{Kind: "hooks"}})
	os.Chmod(dir, 0)
	os.Rename(dir, dir+".away")
	j.Rewrite(nil) // there is no room for another one; the one there is stays
	os.Rename(dir+".away", dir)
	os.Chmod(dir, 0o700)
	j.Append(runner.Record{Kind: "over"})
	_, records, err := OpenJournal(dir, told.add)
	if err != nil || len(records) != 2 || len(told) != 2 || told[1] != nil {
		t.Errorf("%v, %v, told %v", records, err, told)
	}
}
