package hookd

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/internal/control"
	"hookd/internal/nstest"
	"hookd/runner"
)

// exampleDir holds what hookd-examples(7) describes.
const exampleDir = "../../../examples/hooks"

// evil is the name of an interface that a careless hook would run, split or take for a glob or a directory.
const evil = "eth.$(id)*;"

// example is the test of a hook of examples/hooks.
type example struct {
	runs  int      // how often it is done at least
	needs []string // programs of the host
	test  func(h *host)
}

// TestNetnsExamples has the kernel do what each hook of examples/hooks waits for, and looks at what comes of it. The
// hooks are used as they stand, with drop-ins where an administrator writes them. Programs that need a daemon, a server
// or a device are stood in for.
func TestNetnsExamples(t *testing.T) {
	examples, files := exampleTests(), exampleFiles(t)
	maps.Copy(examples, serviceExamples())
	var all sync.WaitGroup
	for name, file := range files { // all at once: most of the time they wait for something to settle
		all.Go(func() { t.Run(name, func(t *testing.T) { examples[name].run(t, name, file) }) })
	}
	all.Wait()
	for name := range examples {
		if files[name] == "" {
			t.Errorf("%s is tested, and there is no such example", name)
		}
	}
}

// run is the test of one example, in a namespace of its own.
func (e example) run(t *testing.T, name, file string) {
	if e.test == nil {
		t.Fatal("the example has no test")
	}
	require(t, e.needs)
	if !nstest.Enter(t) {
		return
	}
	h := stage(t, file)
	e.test(h)
	h.done(name, e.runs)
}

// exampleFiles are the files of the examples, by the names of their hooks.
func exampleFiles(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(exampleDir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		files[strings.TrimSuffix(e.Name(), ".hook")] = e.Name()
	}
	return files
}

// require leaves the test out on a host without the programs.
func require(t *testing.T, programs []string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if nstest.Required("netns") {
			t.Fatalf("level netns is required, and there is no %s", p)
		}
		t.Skipf("level netns is left out: there is no %s", p)
	}
}

// stage is a host with an example. It has mounts of its own: in the PATH of hooks the directory bin of the test comes
// first.
func stage(t *testing.T, file string) *host {
	t.Helper()
	h := newHost(t, nil)
	h.use(file)
	if err := os.Mkdir(h.path("bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // to the end of the test: what it starts has the mounts of this thread
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatalf("cannot make a mount namespace: %v", err)
	}
	h.mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE)
	h.mount(h.path("bin"), "/usr/local/sbin", "", unix.MS_BIND)
	return h
}

func (h *host) mount(source, target, kind string, flags uintptr) {
	h.t.Helper()
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		h.t.Fatalf("cannot mount %s: %v", target, err)
	}
}

// use puts an example among the hooks, byte for byte.
func (h *host) use(file string) {
	h.t.Helper()
	path := filepath.Join(exampleDir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.MkdirAll(h.path("hooks"), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path("hooks/"+file), text, fi.Mode().Perm()); err != nil {
		h.t.Fatal(err)
	}
}

// parameters gives parameters of a hook other defaults, as an administrator does.
func (h *host) parameters(hook string, values ...string) {
	h.t.Helper()
	text := "[Hook]\nParameter=\nParameter=" + strings.Join(values, "\nParameter=") + "\n"
	h.write("hooks/"+hook+".hook.d/here.conf", text, 0o644)
}

// standIn makes a program that writes down how it is called and then runs more.
func (h *host) standIn(program, more string) {
	h.t.Helper()
	h.write("bin/"+program, "#!/bin/sh\necho \"${0##*/} $*\" >>DIR/calls\n"+more+"\n", 0o755)
}

// called waits until the stand-ins have been called like this, and like nothing else.
func (h *host) called(want ...string) {
	h.t.Helper()
	h.eventually(fmt.Sprintf("%d calls", len(want)), func() bool { return len(h.lines("calls")) >= len(want) })
	h.peace()
	if diff := cmp.Diff(want, h.lines("calls")); diff != "" {
		h.t.Fatalf("calls (-want +got):\n%s", diff)
	}
}

// syslog makes /dev/log lead to the test, and returns what is written to it.
func (h *host) syslog() *lines {
	h.t.Helper()
	said := manager(h) // whoever listens at h.path("notify")
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer null.Close()
	h.mount("tmpfs", "/dev", "tmpfs", 0)
	if err := os.WriteFile("/dev/null", nil, 0o666); err != nil {
		h.t.Fatal(err)
	}
	h.mount(fmt.Sprintf("/proc/thread-self/fd/%d", null.Fd()), "/dev/null", "", unix.MS_BIND)
	if err := os.Symlink(h.path("notify"), "/dev/log"); err != nil {
		h.t.Fatal(err)
	}
	return said
}

// logs waits until the n-th line of the system log is there, and wants a text in it.
func (h *host) logs(said *lines, n int, want string) {
	h.t.Helper()
	var all []string
	h.eventually(want, func() bool {
		all = strings.FieldsFunc(said.String(), func(r rune) bool { return r == '\n' })
		return len(all) >= n
	})
	if len(all) > n || !strings.Contains(all[n-1], want) {
		h.t.Fatalf("the system log has %q, want %q last", all, want)
	}
}

// uplink makes an interface that has a link, as long as its other end is up, and an address.
func (h *host) uplink(name, other, address string) {
	h.t.Helper()
	h.veth(name, other)
	h.batch("link set dev "+other+" up", "link set dev "+name+" up", "address add "+address+" dev "+name+" nodad")
}

// ip runs a command of ip(8) and returns what it prints.
func (h *host) ip(args ...string) string {
	h.t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("ip %s: %v, %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// tells waits until hookd has told of an event that begins with a text, and nothing of it settles any more.
func (h *host) tells(text string) {
	h.t.Helper()
	h.eventually("hookd tells of "+text, func() bool { return strings.Contains(h.log.String(), `event="`+text) })
	h.peace()
}

// peace waits until nothing runs, waits or settles.
func (h *host) peace() {
	h.t.Helper()
	h.eventually("peace", func() bool {
		var s control.Status
		return h.call(control.MethodStatus, nil, &s) == nil && s.Waiting+s.Running+s.Settling == 0
	})
}

// done waits until a hook has been done n times, and wants no other end of it but to be replaced by a later event before
// it begins. It returns the reports of those that are done.
func (h *host) done(hook string, n int) []runner.JobReport {
	h.t.Helper()
	var done []runner.JobReport
	h.eventually(fmt.Sprintf("%s is done %d times", hook, n), func() bool {
		done = nil
		for _, e := range h.runs(hook) {
			i := slices.IndexFunc(e.Jobs, func(j runner.JobReport) bool { return j.Hook == hook })
			switch j := e.Jobs[i]; j.Result {
			case runner.Done:
				done = append(done, j)
			case runner.Skipped:
			default:
				h.t.Fatalf("%s is %s for %s: %s\n%s", hook, j.Result, e.Event, j.Reason, j.Output)
			}
		}
		return len(done) >= n
	})
	return done
}
