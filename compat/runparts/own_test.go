package runparts_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestParallel: four scripts that wait for each other run at once; what they write comes in order, more than is kept, too.
func TestParallel(t *testing.T) {
	t.Parallel()
	meet := "touch $(basename $0).here; until [ -e a.here -a -e b.here -a -e c.here -a -e d.here ]; do sleep 0.01; done; echo $0; echo err >&2; "
	at := scripts(t, map[string]string{"a": meet, "b": meet + "exit 3", "c": meet + "head -c 3000000 /dev/zero", "d": meet + "exit 4"})[0]
	got := ours(t, "5.23").run(t, call{dir: at, args: []string{"--report", "--parallel", "d"}})
	if want := "d/a:\nd/a\nd/b:\nd/b\nd/c:\nd/c\n" + strings.Repeat("\x00", 3000000) + "d/d:\nd/d\n"; got.stdout != want {
		t.Errorf("standard output is %.80q…, %d bytes, want %d", got.stdout, len(got.stdout), len(want))
	}
	if want := "err\nerr\nrun-parts: d/b exited with return code 3\nerr\nerr\nrun-parts: d/d exited with return code 4\n"; got.stderr != want || got.state != "exit status 4" {
		t.Errorf("%s, standard error %q", got.state, got.stderr)
	}
}

// TestParallelStops: after a failure no more scripts begin; what runs is waited for.
func TestParallelStops(t *testing.T) {
	t.Parallel()
	at := scripts(t, map[string]string{"a": "exit 3", "b": "echo b; exit 5", "c": "echo c"})[0]
	got := ours(t, "5.23").run(t, call{dir: at, args: []string{"--exit-on-error", "--parallel=1", "d"}})
	if got.state != "exit status 3" || got.stdout != "" {
		t.Errorf("%+v", got)
	}
	// With two at a time b has begun or has not, and c may have.
	if got = ours(t, "5.23").run(t, call{dir: at, args: []string{"--exit-on-error", "--parallel=2", "d"}}); got.state == "exit status 0" {
		t.Errorf("%+v", got)
	}
}

// TestParallelStdin: each script reads all of standard input, at its own pace.
func TestParallelStdin(t *testing.T) {
	t.Parallel()
	at := scripts(t, map[string]string{"a": "cat", "b": "cat", "c": "head -n 1"})[0]
	got := ours(t, "5.23").run(t, call{dir: at, args: []string{"--stdin", "--parallel", "d"}, stdin: "1\n2\n"})
	if got.stdout != "1\n2\n1\n2\n1\n" {
		t.Errorf("%+v", got)
	}
}

// TestTimeout: the whole session of a script ends, also what does not want to, and the next script runs.
func TestTimeout(t *testing.T) {
	t.Parallel()
	at := scripts(t, map[string]string{"a": "trap '' TERM; sleep 300 & echo $! >pid; (sleep 300); sleep 300", "b": "echo b"})[0]
	began := time.Now()
	got := ours(t, "5.23").run(t, call{dir: at, args: []string{"--timeout=300ms", "d"}})
	want := said{"b\n", "run-parts: d/a runs longer than 300ms\nrun-parts: d/a exited because of uncaught signal 9\n", "exit status 1"}
	if got != want {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	text, err := os.ReadFile(filepath.Join(at, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
	if err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("it left behind %s", stat)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	at := scripts(t, map[string]string{"a": "echo out; exit 3", "b": "kill -TERM $$"})[0]
	if err := writeScript(filepath.Join(at, "d", "c"), "no program", 0o755); err != nil {
		t.Fatal(err)
	}
	got := ours(t, "5.23").run(t, call{dir: at, args: []string{"--json", "d"}})
	var all []map[string]any
	for line := range strings.Lines(got.stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		delete(o, "seconds")
		all = append(all, o)
	}
	text, _ := json.Marshal(all)
	want := `[{"bytes":4,"path":"d/a","signal":null,"status":3},{"bytes":0,"path":"d/b","signal":15,"status":null},` +
		`{"bytes":49,"error":"Exec format error","path":"d/c","signal":null,"status":1}]`
	if string(text) != want || !strings.HasPrefix(got.stderr, "out\nrun-parts: d/a exited with return code 3\n") {
		t.Errorf("%s\nwant %s\nstandard error %q", text, want, got.stderr)
	}
}

// TestAround: --before and --after as debianutils 5.24 documents them; one that fails is not run again.
func TestAround(t *testing.T) {
	t.Parallel()
	at := scripts(t, map[string]string{"a": "echo a; exit 3", "b": "echo bb"})[0]
	for name, body := range map[string]string{"before": "#!/bin/sh\necho before $*\n", "after": "echo after $*\nexit $2\n"} {
		if err := writeScript(filepath.Join(at, name), body, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := ours(t, "5.23").run(t, call{dir: at, args: []string{"--report", "-B", "before", "--after=./after", "d"}, env: []string{"PATH=.:/usr/bin:/bin"}})
	want := said{"before d/a\nd/a:\na\nafter d/a 3 2\nbefore d/b\nd/b:\nbb\n",
		"run-parts: d/a exited with return code 3\nrun-parts: ./after d/a exited with return code 3\n", "exit status 3"}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestLeftBehind: with --report a process that keeps the pipes open is not waited for.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	at := scripts(t, map[string]string{"a": "sleep 300 & echo $! >pid; echo a"})[0]
	peer := ours(t, "5.23")
	got := peer.run(t, call{dir: at, args: []string{"--report", "d"}})
	if got.stdout != "d/a:\na\n" {
		t.Errorf("%+v", got)
	}
	text, _ := os.ReadFile(filepath.Join(at, "pid"))
	var pid int
	for _, c := range strings.TrimSpace(string(text)) {
		pid = pid*10 + int(c-'0')
	}
	if pid > 1 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
