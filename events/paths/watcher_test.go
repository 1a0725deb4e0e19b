package paths

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each directory on the way comes alone, and the watcher has moved on to it before the next one.
func TestRootStepByStep(t *testing.T) {
	o := prepare(t, "", "a/b/c").run()
	for i, step := range []string{"mkdir a", "mkdir a/b", "mkdir a/b/c"} {
		o.sh(step)
		o.eventually("a look after "+step, func() bool { return o.watcher.looks.Load() >= int64(i)+2 })
	}
	o.do("echo one >a/b/c/f")
}

func TestSeveralRoots(t *testing.T) {
	o := prepare(t, "mkdir etc etc/policy.d run", "etc", "run/hooks", "etc/policy.d", "etc").run()
	for _, step := range []string{"echo >etc/a", "mkdir run/hooks; echo >run/hooks/a", "echo >etc/policy.d/p", "rm -r run"} {
		o.do(step)
	}
}

// The directories keep their inodes and exchange their paths, and nothing happens to themselves.
func TestRootsExchanged(t *testing.T) {
	o := prepare(t, "mkdir -p x/hooks y/hooks; echo one >x/hooks/a", "x/hooks", "y/hooks").run()
	o.do("mv x z; mv y x; mv z y")
	o.do("echo two >x/hooks/a")
	o.do("echo three >y/hooks/a")
}

// Where nothing of a root is any more nobody listens.
func TestOldPlacesAreForgotten(t *testing.T) {
	o := prepare(t, "mkdir -p one/x two; echo >one/x/a; echo >two/a; ln -s ../one/x/a two/link; ln -s one/x hooks", "hooks")
	o.run()
	o.do("ln -sfn two hooks")
	o.do("rm two/link")
	o.eventually("an end of watching one/x", func() bool {
		list := o.watcher.watches.inotify.WatchList()
		return slices.Contains(list, o.dir+"/two") && !slices.Contains(list, o.dir+"/one/x")
	})
	o.eventually("an end of hearing of one/x", func() bool {
		return o.watcher.watches.matter(o.dir+"/two/b") && !o.watcher.watches.matter(o.dir+"/one/x/b")
	})
}

func TestRelativeRoot(t *testing.T) {
	o := prepare(t, "mkdir hooks", "hooks")
	t.Chdir(o.dir)
	o.watcher = New([]string{"hooks"})
	t.Chdir("/")
	o.run().do("echo one >hooks/a")
}

func TestChangeBetweenNewAndRun(t *testing.T) {
	o := prepare(t, "mkdir hooks; echo one >hooks/a", "hooks")
	o.sh("echo two >hooks/a")
	o.run().until("echo two")
}

func TestNothingChangedBetweenNewAndRun(t *testing.T) {
	o := prepare(t, "mkdir hooks; echo one >hooks/a", "hooks").run()
	select {
	case <-o.watcher.Changed():
		t.Error("a change was told")
	default:
	}
}

// What happens beside the way to a root is no hint: of all these events only the last one is heard.
func TestNoise(t *testing.T) {
	o := prepare(t, "mkdir -p x/hooks; echo >x/hook; echo one >x/new", "x/hooks").run()
	for i := range 1000 {
		for _, dir := range []string{o.dir, o.dir + "/x"} {
			name := fmt.Sprintf("%s/noise%d", dir, i)
			if err := os.WriteFile(name, []byte("noise"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.sh("chmod 755 x/hook; mkdir x/hooks.d; mv x/hook hooks")
	o.do("mv x/new x/hooks/a")
	o.eventually("a second look", func() bool { return o.watcher.looks.Load() == 2 })
	if n := o.watcher.watches.heard.Load(); n != 1 {
		t.Errorf("%d events were heard", n)
	}
	if len(o.watcher.Changed()) > 0 {
		t.Error("a change was told that was none")
	}
}

func TestThousandReplacements(t *testing.T) {
	o := prepare(t, "mkdir hooks; echo 0 >hooks/a", "hooks").run()
	for i := range 1000 {
		if err := os.WriteFile(o.dir+"/hooks/.new", fmt.Appendf(nil, "%04d", i), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(o.dir+"/hooks/.new", o.dir+"/hooks/a"); err != nil {
			t.Fatal(err)
		}
	}
	o.until("replacing a file a thousand times")
	if !strings.Contains(o.seen, "0999") {
		t.Error(o.seen)
	}
	if heard, looks := o.watcher.watches.heard.Load(), o.watcher.looks.Load(); looks > heard/100 {
		t.Errorf("%d looks after %d events", looks, heard)
	}
}

// Who never stops writing does not keep others from being heard.
func TestNoQuiet(t *testing.T) {
	o := prepare(t, "mkdir hooks", "hooks").run()
	o.eventually("a change", func() bool {
		for i := range 100 {
			if err := os.WriteFile(o.dir+"/hooks/a", fmt.Append(nil, i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return len(o.watcher.Changed()) > 0
	})
}

// What is changed after the queue is full makes no event; the word that it is full has to do.
func TestOverflow(t *testing.T) {
	o := prepare(t, "mkdir hooks; echo one >hooks/a; touch 0 1", "hooks")
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	var room int
	fmt.Sscan(string(text), &room)
	open := o.gate()
	o.run()
	for i := range room + 10_000 { // some are on their way out of the queue
		if err := os.Chmod(fmt.Sprintf("%s/%d", o.dir, i%2), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o.sh("echo two >hooks/b; mv hooks old; mkdir hooks; echo three >hooks/a")
	open()
	o.until("an overflow")
	if n := o.watcher.watches.overflows.Load(); n == 0 {
		t.Error("there was no overflow")
	}
	if n := o.watcher.watches.heard.Load(); n > 0 {
		t.Errorf("%d events found room, which were to be lost", n)
	}
	o.do("echo four >hooks/a")
}

// fsnotify meets an error while it holds its lock when a directory was moved and is gone before it reads of the move.
func TestMovedAndGone(t *testing.T) {
	o := prepare(t, "mkdir hooks; echo one >hooks/a", "hooks")
	open := o.gate()
	o.run().sh("echo two >hooks/a; mv hooks old; rm -r old; mkdir hooks; echo three >hooks/a")
	open()
	o.until("a move")
	o.do("echo four >hooks/a")
}

func TestGoroutinesEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("watching", func(t *testing.T) {
		for range 5 {
			o := prepare(t, "mkdir hooks", "hooks").run()
			o.sh("echo one >hooks/a") // some end in the middle of this
		}
	})
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, there were %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
