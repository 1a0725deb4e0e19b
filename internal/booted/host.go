package booted

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Where the booted system sees what the host gives it.
const (
	guestDir    = "/run/hookd-test"
	guestBinary = guestDir + "/test"   // the running test binary
	guestTree   = guestDir + "/tree"   // the module, read-only
	guestShared = guestDir + "/shared" // Host.Shared
)

// Limits that only what hangs reaches.
const (
	bootLimit  = 3 * time.Minute
	untilLimit = 2 * time.Minute
)

// Options of a system to boot.
type Options struct {
	// World is what it has installed, Plain by default.
	World World
	// Setup is a shell script (sh -eu) run in the system before it is booted, in the directory that Shared gives.
	Setup string
	// Files are files of the host that are copied into that directory first.
	Files []string
	// Mixed gives the system control groups as the host mixes them, version 2 below a mount of its own. A host that does not
	// mix them leaves the test out.
	Mixed bool
}

// Host is a booted system. It ends with its test.
type Host struct {
	t      *testing.T
	suite  string
	dir    string   // of the host, thrown away after the test
	groups []string // control groups of its own; version 2 first
	work   string   // working directory in the system
	init   string   // its PID 1, as the host counts
	kill   func() error
	over   chan struct{} // closed when systemd-nspawn has ended
}

// Boot boots a system of the suite for this test alone and waits until it has started, with or without failed units. A
// host that cannot leaves the test out, or fails it where HOOKD_TEST_REQUIRE names the level booted. When the test has
// failed, the end of the system's journal is shown. HOOKD_TEST_SUITE names a suite that takes the place of every other.
func Boot(t *testing.T, suite string, o Options) *Host {
	t.Helper()
	Need(t)
	if other := os.Getenv("HOOKD_TEST_SUITE"); other != "" {
		suite = other
	}
	lower, err := base(suite, o.World.orPlain())
	if err != nil {
		t.Fatal(err)
	}
	root, below, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{t: t, suite: suite, dir: t.TempDir(), work: filepath.Join(guestTree, below), over: make(chan struct{})}
	h.share(o.Files)
	h.makeGroups(o.Mixed)
	h.start(lower, root, o)
	h.await()
	return h
}

// Shared is a directory of the host that the system sees as /run/hookd-test/shared.
func (h *Host) Shared() string { return filepath.Join(h.dir, "shared") }

func (h *Host) share(files []string) {
	h.t.Helper()
	if err := os.Mkdir(h.Shared(), 0o755); err != nil {
		h.t.Fatal(err)
	}
	for _, f := range files {
		h.Copy(f)
	}
}

// Copy copies a file of the host into the system and returns its path there.
func (h *Host) Copy(file string) string {
	h.t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(filepath.Join(h.Shared(), filepath.Base(file)), data, 0o755)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return filepath.Join(guestShared, filepath.Base(file))
}

// await waits until the system has started: everything its boot wants was tried.
func (h *Host) await() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), bootLimit)
	defer cancel()
	for said := ""; ; time.Sleep(10 * time.Millisecond) {
		if h.init = h.findInit(); h.init != "" {
			out, _ := h.command(ctx, nil, "systemctl", "is-system-running", "--wait").CombinedOutput()
			if said = strings.TrimSpace(string(out)); said == "running" || said == "degraded" {
				return
			}
		}
		select {
		case <-h.over:
			h.t.Fatal("the system ended while it was booted")
		case <-ctx.Done():
			h.t.Fatalf("the system has not started: %s", said)
		default:
		}
	}
}

// findInit is the first process of the system once it is systemd: it has moved into a group it made.
func (h *Host) findInit() string {
	pids, _ := os.ReadFile(filepath.Join(h.groups[0], "payload/init.scope/cgroup.procs"))
	for pid := range strings.FieldsSeq(string(pids)) {
		status, _ := os.ReadFile("/proc/" + pid + "/status")
		if _, rest, _ := strings.Cut(string(status), "NSpid:"); strings.HasSuffix(strings.SplitN(rest, "\n", 2)[0], "\t1") {
			return pid
		}
	}
	return ""
}

// enter becomes a program in the system. Its control group is beside those of systemd: it is no part of any unit.
const enter = `mkdir -p "$0" && echo $$ >"$0/cgroup.procs" && exec nsenter --all --target "$@"`

// command is a program in the system, as root, with an environment of its own.
func (h *Host) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	line := []string{"-c", enter, filepath.Join(h.groups[0], "payload/from-host"), h.init, "--",
		"env", "-i", "-C", h.work, "PATH=" + guestPath, "HOME=/root", "LC_ALL=C.UTF-8",
		"HOOKD_TEST_REQUIRE=" + os.Getenv("HOOKD_TEST_REQUIRE")}
	cmd := exec.CommandContext(ctx, "sh", append(append(line, env...), args...)...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Run runs a program in the system, as root, and returns what it wrote. That it fails fails the test.
func (h *Host) Run(args ...string) string {
	h.t.Helper()
	out, err := h.Try(args...)
	if err != nil {
		h.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Try is Run for a program that may fail.
func (h *Host) Try(args ...string) (string, error) {
	out, err := h.command(h.t.Context(), nil, args...).CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err
}

// Shell runs a line of sh -eu like Run.
func (h *Host) Shell(line string) string {
	h.t.Helper()
	return h.Run("sh", "-euc", line)
}

// Console is what the system wrote to its console so far. What systemd says before there is a journal stands only here.
func (h *Host) Console() string {
	h.t.Helper()
	out, err := os.ReadFile(h.console())
	if err != nil {
		h.t.Fatal(err)
	}
	return string(out)
}

// Install installs a package of the host with dpkg, nobody being asked.
func (h *Host) Install(deb string) string {
	h.t.Helper()
	return h.Run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--install", h.Copy(deb))
}

// Until waits until the line of sh succeeds, and fails the test with what it wrote last when it never does.
func (h *Host) Until(line string) string {
	h.t.Helper()
	for end := time.Now().Add(untilLimit); ; time.Sleep(20 * time.Millisecond) {
		out, err := h.Try("sh", "-euc", line)
		if err == nil {
			return out
		}
		if time.Now().After(end) {
			h.t.Fatalf("still not so: %s: %v\n%s", line, err, out)
		}
	}
}
