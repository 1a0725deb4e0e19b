package systemd

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hookd/hookspec"
	"hookd/runner"
)

// dumpTo makes the test binary a service that writes what it was given into a file.
const dumpTo = "HOOKD_TEST_DUMP"

type dump struct {
	Args, Env   [][]byte
	UID, GID    int
	Groups      []int
	Dir, Cgroup string
}

func TestMain(m *testing.M) {
	if file := os.Getenv(dumpTo); file != "" {
		writeDump(file)
		select {}
	}
	os.Exit(m.Run())
}

func writeDump(file string) {
	d := dump{UID: os.Getuid(), GID: os.Getgid()}
	d.Groups, _ = os.Getgroups()
	d.Dir, _ = os.Getwd()
	for _, a := range os.Args {
		d.Args = append(d.Args, []byte(a))
	}
	for _, e := range os.Environ() {
		d.Env = append(d.Env, []byte(e))
	}
	text, _ := json.Marshal(d)
	if err := os.WriteFile(file+".new", text, 0o644); err != nil {
		panic(err)
	}
	os.Rename(file+".new", file)
}

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// watched is a supervisor that runs, and what it has told.
type watched struct {
	*Supervisor
	t       *testing.T
	in, out atomic.Int64 // bytes on the wire
	dials   atomic.Int64

	mu      sync.Mutex
	states  map[runner.ServiceID]runner.ServiceState
	told    []runner.ServiceState
	wholes  int
	changed chan struct{}
}

type counted struct {
	net.Conn
	w *watched
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.w.in.Add(int64(n))
	return n, err
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.w.out.Add(int64(n))
	return n, err
}

// watch makes a supervisor and lets it run until the test ends, or stop is called.
func watch(t *testing.T) (w *watched, stop func()) {
	t.Helper()
	w = &watched{t: t, states: map[runner.ServiceID]runner.ServiceState{}, changed: make(chan struct{})}
	s, err := New("hookd-")
	if err != nil {
		t.Fatal(err)
	}
	dial := s.dial
	s.dial = func() (net.Conn, error) {
		w.dials.Add(1)
		c, err := dial()
		return counted{c, w}, err
	}
	w.Supervisor = s
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx, w.tell) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	w.until("the first list", func() bool { return w.wholes > 0 })
	return w, stop
}

func (w *watched) tell(states []runner.ServiceState, whole bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if whole {
		w.wholes++
		clear(w.states)
	}
	for _, s := range states {
		w.states[s.ID] = s
	}
	w.told = append(w.told, states...)
	close(w.changed)
	w.changed = make(chan struct{})
}

// until waits for a condition on what was told.
func (w *watched) until(what string, is func() bool) {
	w.t.Helper()
	late := time.After(patience)
	for {
		w.mu.Lock()
		ok, changed, states := is(), w.changed, fmt.Sprintf("%+v", w.states)
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late:
			w.t.Fatalf("%s did not come; told: %.4000s", what, states)
		}
	}
}

func (w *watched) phase(id runner.ServiceID, p runner.Phase) runner.ServiceState {
	w.t.Helper()
	w.until(fmt.Sprintf("%v %s", id, p), func() bool { return w.states[id].Phase == p })
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[id]
}

func (w *watched) start(spec runner.ServiceSpec) {
	w.t.Helper()
	if err := w.Start(w.context(), spec); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) stop(id runner.ServiceID) {
	w.t.Helper()
	if err := w.Stop(w.context(), id); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) context() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

// soon waits for a condition on anything else.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

func shell(name, script string, directives ...hookspec.Directive) runner.ServiceSpec {
	return runner.ServiceSpec{ID: runner.ServiceID{Hook: name}, Description: "test", Args: []string{"/bin/sh", "-c", script}, Directives: directives}
}

func restarts(how string) []hookspec.Directive {
	return []hookspec.Directive{{Property: "Restart", Value: how}, {Property: "RestartUSec", Value: uint64(1000)}}
}

func systemctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func show(t *testing.T, unit, property string) string {
	t.Helper()
	return systemctl(t, "show", "-P", property, "--", unit)
}

// noUnits checks that nothing of ours is left.
func noUnits(t *testing.T) {
	t.Helper()
	soon(t, "an end of all units", func() bool {
		return systemctl(t, "list-units", "--all", "--plain", "--no-legend", "hookd-*") == ""
	})
}
