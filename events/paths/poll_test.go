package paths

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"hookd/internal/nstest"
)

func TestPollingWithoutInotify(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{fmt.Errorf("couldn't start: %w", unix.EMFILE), "polling every 2s: too many open inotify instances"},
		{unix.ENOSYS, "polling every 2s: cannot use inotify: function not implemented"},
	}
	for _, test := range tests {
		t.Run(test.err.Error(), func(t *testing.T) {
			t.Parallel()
			o := prepare(t, "", "a/hooks")
			var works atomic.Bool
			o.watcher.watches.open = func() (*fsnotify.Watcher, error) {
				if works.Load() {
					return fsnotify.NewWatcher()
				}
				return nil, test.err
			}
			o.run().how(test.want)
			o.do("mkdir -p a/hooks; echo one >a/hooks/a")
			works.Store(true)
			o.how("inotify")
			o.do("echo two >a/hooks/a")
		})
	}
}

// Of a file system that the kernel fills nothing is reported.
func TestPollingWhereNothingIsReported(t *testing.T) {
	t.Parallel()
	o := prepare(t, "ln -s /proc/self/task hooks", "hooks").run()
	o.how(`polling every 2s: cannot watch /proc: its file system does not report all changes`)
}

// insideVariable is set in the environment of a test binary that was started in its namespaces.
const insideVariable = "HOOKD_PATHS_TEST"

// enter returns true in a user and a mount namespace, as a user of that number there. Elsewhere it runs the calling test
// again in such ones, takes over its outcome and returns false.
func enter(t *testing.T, uid int) bool {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() {
		return true
	}
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getegid(), Size: 1}},
	}
	try := exec.Command("true")
	try.SysProcAttr = attr
	if err := try.Run(); err != nil {
		if nstest.Required("netns") {
			t.Fatalf("level netns is required: no user namespace can be made: %v", err)
		}
		t.Skipf("no user namespace can be made: %v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideVariable+"="+t.Name())
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in its namespaces: %v\n%s", err, out)
	}
	return false
}

// limit sets a limit of the user namespace (user_namespaces(7), /proc/sys/user).
func limit(t *testing.T, name string, value int) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/user/"+name, fmt.Append(nil, value), 0); err != nil {
		t.Fatal(err)
	}
}

func TestPollingWithoutInstances(t *testing.T) {
	t.Parallel()
	if !enter(t, 0) {
		return
	}
	limit(t, "max_inotify_instances", 0)
	o := prepare(t, "mkdir hooks; echo one >hooks/a", "hooks").run()
	o.how("polling every 2s: too many open inotify instances (fs.inotify.max_user_instances)")
	o.do("echo two >hooks/a")
	limit(t, "max_inotify_instances", 1)
	o.how("inotify")
	o.do("echo three >hooks/a")
}

func TestPollingWithoutWatches(t *testing.T) {
	t.Parallel()
	if !enter(t, 0) {
		return
	}
	limit(t, "max_inotify_watches", 2)
	o := prepare(t, "mkdir hooks; echo one >hooks/a", "hooks").run()
	o.how("polling every 2s: too many inotify watches (fs.inotify.max_user_watches)")
	o.do("echo two >hooks/a")
	limit(t, "max_inotify_watches", 1000)
	o.how("inotify")
	o.do("echo three >hooks/a")
}

// A directory may be entered and not read.
func TestPollingWithoutPermission(t *testing.T) {
	t.Parallel()
	if !enter(t, 1000) {
		return
	}
	o := prepare(t, "mkdir -p x/hooks; echo one >x/hooks/a; chmod 311 x", "x/hooks").run()
	o.how("polling every 2s: cannot watch " + o.dir + "/x: permission denied")
	o.do("mv x/hooks x/old; mkdir x/hooks; echo two >x/hooks/a")
	o.do("chmod 711 x")
	o.how("inotify")
}

// inotify(7) has one watch for a directory, whatever paths lead there, and fsnotify reports the first one only.
func TestOneDirectoryUnderTwoPaths(t *testing.T) {
	if !enter(t, 0) {
		return
	}
	o := prepare(t, "mkdir -p one/x/hooks two; mount --bind one two", "one/x/hooks", "two/x/hooks", "two/y/hooks").run()
	o.do("echo one >two/x/hooks/a")
	o.do("mkdir -p two/y/hooks; echo two >two/y/hooks/a")
	o.do("echo three >one/y/hooks/a")
	o.sh("umount two")
}

// The directory that a file system is mounted on does not report what becomes of the one that covers it.
func TestMountedOnTheWay(t *testing.T) {
	if !enter(t, 0) {
		return
	}
	o := prepare(t, "mkdir x; mount -t tmpfs none x; mkdir x/hooks", "x/hooks").run()
	o.do("chmod 711 x")
	o.do("echo one >x/hooks/a")
	o.sh("umount -l x")
}
