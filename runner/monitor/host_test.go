package monitor

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hookd/hookspec"
	"hookd/internal/procs"
	"hookd/runner"
)

const patience = 30 * time.Second

// The test binary is its own hookshim, and a service that can do what a shell cannot.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "monitor":
			os.Exit(Serve(os.Stderr))
		case "enter":
			os.Exit(Enter())
		case "notify":
			notifying(os.Args[2:])
		case "supervise": // until it is killed
			supervise(os.Args[2])
		case "cycle": // until it is killed
			cycle(os.Args[2], os.Args[3])
		}
	}
	os.Exit(m.Run())
}

// notifying says each word to the service manager; "sleep" stays, a number ends with that status.
func notifying(words []string) {
	for _, w := range words {
		if w == "sleep" {
			select {}
		}
		if status, err := strconv.Atoi(w); err == nil {
			os.Exit(status)
		}
		c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
		if err != nil {
			os.Exit(99)
		}
		c.Write([]byte(w))
	}
	os.Exit(0)
}

// host is a hookd for services, with a directory that may outlive it.
type host struct {
	t    *testing.T
	dir  string
	sup  *Supervisor
	stop func() // as if hookd ended

	gone bool // another one is in its place

	mu   sync.Mutex
	cond *sync.Cond
	log  []runner.ServiceState
	now  map[runner.ServiceID]runner.ServiceState
	all  [][]runner.ServiceState // whole lists
}

// each runs a test with each way of keeping processes together that this host allows.
func each(t *testing.T, test func(t *testing.T, h *host)) {
	t.Run("subreaper", func(t *testing.T) {
		t.Parallel()
		test(t, newHost(t, t.TempDir(), false))
	})
	t.Run("cgroup", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, t.TempDir(), true)
		if h.sup.groups == "" {
			t.Skip("no control groups can be made here")
		}
		test(t, h)
	})
}

func shimAt(path string) func() (string, error) {
	return func() (string, error) { return path, nil }
}

func newHost(t *testing.T, dir string, grouped bool) *host {
	t.Helper()
	self, _ := filepath.Abs(os.Args[0])
	sup, err := New(filepath.Join(dir, "services"), shimAt(self))
	if err != nil {
		t.Fatal(err)
	}
	if !grouped {
		sup.groups = ""
	}
	h := &host{t: t, dir: dir, sup: sup, now: map[runner.ServiceID]runner.ServiceState{}}
	h.cond = sync.NewCond(&h.mu)
	ctx, cancel := context.WithCancel(context.Background())
	var over sync.WaitGroup
	over.Go(func() { sup.Run(ctx, h.tell) })
	h.stop = sync.OnceFunc(func() { cancel(); over.Wait() })
	t.Cleanup(h.end)
	h.await("the whole list", func() bool { return len(h.all) > 0 })
	return h
}

// end stops what a test has left.
func (h *host) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if h.gone {
		return
	}
	h.mu.Lock()
	ids := slices.Collect(maps.Keys(h.now))
	h.mu.Unlock()
	for _, id := range ids {
		h.sup.Stop(ctx, id)
	}
	h.clean()
	h.stop()
	h.sup.Close()
}

// again is a hookd after one that is gone.
func (h *host) again() *host {
	h.stop()
	h.gone = true
	h.sup.Close()
	return newHost(h.t, h.dir, h.sup.groups != "")
}

func (h *host) tell(states []runner.ServiceState, whole bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range states {
		h.now[s.ID] = s
	}
	h.log = append(h.log, states...)
	if whole {
		h.all = append(h.all, states)
	}
	h.cond.Broadcast()
}

// await waits for a condition on what was told.
func (h *host) await(what string, is func() bool) {
	h.t.Helper()
	late := time.AfterFunc(patience, func() { h.mu.Lock(); h.cond.Broadcast(); h.mu.Unlock() })
	defer late.Stop()
	begin := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for !is() {
		if time.Since(begin) >= patience {
			h.t.Fatalf("%s: it did not come; told was %s", what, phases(h.log))
		}
		h.cond.Wait()
	}
}

func phases(log []runner.ServiceState) string {
	var b strings.Builder
	for _, s := range log {
		fmt.Fprintf(&b, "\n%s/%s %s %s %d %q", s.ID.Hook, s.ID.Instance, s.Phase, s.Result, s.Restarts, s.Reason)
	}
	return b.String()
}

// awaitState waits for a state of a service.
func (h *host) awaitState(id runner.ServiceID, is func(runner.ServiceState) bool) (found runner.ServiceState) {
	h.t.Helper()
	h.await("a state of "+id.Hook, func() bool {
		found = h.now[id]
		return is(found)
	})
	return found
}

func phase(p runner.Phase) func(runner.ServiceState) bool {
	return func(s runner.ServiceState) bool { return s.Phase == p }
}

func (h *host) start(spec runner.ServiceSpec) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return h.sup.Start(ctx, spec)
}

func (h *host) halt(id runner.ServiceID) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.sup.Stop(ctx, id); err != nil {
		h.t.Errorf("stop %v: %v", id, err)
	}
}

func (h *host) output(id runner.ServiceID) string {
	h.t.Helper()
	text, err := h.sup.Output(context.Background(), id)
	if err != nil {
		h.t.Errorf("output: %v", err)
	}
	return string(text)
}

// shell is a service that runs a shell line.
func shell(name, line string, directives ...hookspec.Directive) runner.ServiceSpec {
	return runner.ServiceSpec{ID: runner.ServiceID{Hook: name}, Args: []string{"/bin/sh", "-c", line},
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Directives: directives}
}

func notifier(name string, words ...string) runner.ServiceSpec {
	self, _ := filepath.Abs(os.Args[0])
	return runner.ServiceSpec{ID: runner.ServiceID{Hook: name}, Args: append([]string{self, "notify"}, words...),
		Directives: []hookspec.Directive{set("Type", "Type", "notify")}}
}

func set(key, property string, value any) hookspec.Directive {
	return hookspec.Directive{Key: key, Property: property, Value: value}
}

func restart(when string, delay time.Duration) []hookspec.Directive {
	return []hookspec.Directive{set("Restart", "Restart", when), set("RestartSec", "RestartUSec", uint64(delay.Microseconds()))}
}

// until waits for a condition of the world.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not come", what)
		}
	}
}

func alive(pid int) bool {
	p, there := procs.Of(pid)
	return there && !p.Zombie
}

func pidIn(t *testing.T, file string) (pid int) {
	t.Helper()
	until(t, "a process id in "+file, func() bool {
		text, _ := os.ReadFile(file)
		var err error
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil && bytes.HasSuffix(text, []byte("\n"))
	})
	return pid
}

// monitors lists the monitor processes of a host, by the lock that they hold.
func monitors(dir string) []int {
	var out []int
	for pid := range procs.All() {
		if string(procs.Command(pid)) != "hookshim monitor" {
			continue
		}
		lock, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, serveLock))
		if strings.HasPrefix(lock, dir+"/") {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return out
}

// files lists what lies in the directory of services.
func (h *host) files() []string {
	entries, _ := os.ReadDir(filepath.Join(h.dir, "services"))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// clean makes sure that nothing is left of all services.
func (h *host) clean() {
	h.t.Helper()
	until(h.t, "an empty directory", func() bool { return len(h.files()) == 0 })
	until(h.t, "no monitor", func() bool { return len(monitors(h.dir)) == 0 })
	if h.sup.groups != "" {
		until(h.t, "no group", func() bool {
			_, err := os.Stat(string(h.sup.groups))
			return os.IsNotExist(err)
		})
	}
}

// supervise is a hookd that can be killed.
func supervise(dir string) {
	sup, err := New(filepath.Join(dir, "services"), shimAt("/proc/self/exe"))
	if err != nil {
		os.Exit(1)
	}
	if err := sup.Start(context.Background(), shell("daemon", "echo begin; exec sleep 1000", restart("always", time.Millisecond)...)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("started")
	sup.Run(context.Background(), func([]runner.ServiceState, bool) {})
}

// killable starts supervise in a process of its own, and returns when the service runs.
func killable(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "supervise", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 8)
	if n, _ := out.Read(text); string(text[:n]) != "started\n" {
		t.Fatalf("it did not start: %q", text[:n])
	}
	return cmd
}

// say1 sends one notice as this process.
func say1(t *testing.T, socket, text string) {
	t.Helper()
	c, err := net.Dial("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func cycling(seconds string) runner.ServiceSpec {
	return shell("cycle", "exec sleep "+seconds, restart("always", time.Millisecond)...)
}

// cycle is a hookd that starts and stops a service without end.
func cycle(dir, seconds string) {
	sup, err := New(filepath.Join(dir, "services"), shimAt("/proc/self/exe"))
	if err != nil {
		os.Exit(1)
	}
	go sup.Run(context.Background(), func([]runner.ServiceState, bool) {})
	for {
		sup.Start(context.Background(), cycling(seconds))
		sup.Stop(context.Background(), cycling(seconds).ID)
	}
}
