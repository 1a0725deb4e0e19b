package monitor

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/procs"
	"hookd/runner"
)

// R13: the next hookd finds the same process, and what became of it goes on being counted.
func TestR13NextSupervisorFindsTheService(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := shell("daemon", "echo begin; exec sleep 1000", restart("always", time.Millisecond)...)
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		first := h.awaitState(spec.ID, phase(runner.Running))
		until(t, "its output", func() bool { return h.output(spec.ID) == "begin\n" })
		unix.Kill(first.PID, unix.SIGKILL)
		before := h.awaitState(spec.ID, func(s runner.ServiceState) bool { return s.Phase == runner.Running && s.Restarts == 1 })
		h = h.again()
		after := h.now[spec.ID]
		if after.PID != before.PID || after.Restarts != 1 || after.Phase != runner.Running || after.Invocation != before.Invocation {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		if m := monitors(h.dir); len(m) != 1 || !alive(before.PID) {
			t.Errorf("monitors %v", m)
		}
		until(t, "both outputs", func() bool { return h.output(spec.ID) == "begin\nbegin\n" })
		h.halt(spec.ID)
		h.clean()
	})
}

// R13: hookd is killed with -9; its service lives on, and the next one owns it.
func TestR13KilledSupervisor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := killable(t, dir)
	before := newHost(t, dir, true)
	before.stop()
	before.gone = true
	id := runner.ServiceID{Hook: "daemon"}
	pid := before.now[id].PID
	cmd.Process.Kill()
	cmd.Wait()
	h := newHost(t, dir, true)
	if s := h.now[id]; s.PID != pid || s.Phase != runner.Running || !alive(pid) {
		t.Errorf("it was %d, now %+v", pid, s)
	}
	h.halt(id)
	h.clean()
}

// R13: what ended while there was no hookd is told by the next one, with its exit status and output.
func TestR13EndedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		spec := shell("mortal", "while ! test -e "+dir+"/go; do sleep 0.01; done; echo last words; exit 3")
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		pid := h.awaitState(spec.ID, phase(runner.Running)).PID
		h.stop()
		os.WriteFile(dir+"/go", nil, 0o644)
		until(t, "its end", func() bool { return !alive(pid) })
		h = h.again()
		s := h.awaitState(spec.ID, phase(runner.Broken))
		if s.ExitStatus == nil || *s.ExitStatus != 3 || s.Result != exitCode {
			t.Errorf("got %+v", s)
		}
		until(t, "its funeral", func() bool { return len(h.files()) == 0 })
		if text := h.output(spec.ID); text != "last words\n" {
			t.Errorf("its output is %q", text)
		}
		h = h.again()
		if len(h.all[0]) != 0 {
			t.Errorf("the one after that hears of it again: %s", phases(h.all[0]))
		}
	})
}

// R13: a monitor that no hookd comes back to goes after a while; how its service ended is told all the same.
func TestR13LonelyMonitor(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		dir := t.TempDir()
		h.sup.linger = 50 * time.Millisecond
		spec := shell("lonely", "while ! test -e "+dir+"/go; do sleep 0.01; done; exit 3")
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		watcher := parentOf(t, h.awaitState(spec.ID, phase(runner.Running)).PID)
		h.stop()
		os.WriteFile(dir+"/go", nil, 0o644)
		until(t, "the monitor to go", func() bool { return !alive(watcher) })
		h = h.again()
		s := h.awaitState(spec.ID, phase(runner.Broken))
		if s.ExitStatus == nil || *s.ExitStatus != 3 || s.Result != exitCode {
			t.Errorf("got %+v", s)
		}
		until(t, "its funeral", func() bool { return len(h.files()) == 0 })
	})
}

// parentOf is the process that watches over a service.
func parentOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var state string
	var parent int
	if _, err := fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &parent); err != nil {
		t.Fatal(err)
	}
	return parent
}

// R13: a monitor that is killed takes nothing along, but what it leaves behind is ended before anything is started anew.
func TestR13KilledMonitor(t *testing.T) {
	for _, again := range []bool{false, true} {
		each(t, func(t *testing.T, h *host) {
			dir := t.TempDir()
			line := "(setsid sh -c 'echo $$ >" + dir + "/child; sleep 1000; true' &) \n exec sleep 1000"
			spec := shell("orphan", line, restart("always", time.Millisecond)...)
			if err := h.start(spec); err != nil {
				t.Fatal(err)
			}
			child, main := pidIn(t, dir+"/child"), h.awaitState(spec.ID, phase(runner.Running)).PID
			if again {
				h.stop()
			}
			unix.Kill(monitors(h.dir)[0], unix.SIGKILL)
			if again {
				h = h.again()
			}
			s := h.awaitState(spec.ID, phase(runner.Broken))
			if alive(main) || alive(child) || s.Result != unknown || s.Reason == "" {
				t.Errorf("main lives: %v, child lives: %v, %+v", alive(main), alive(child), s)
			}
			if err := h.start(spec); err != nil {
				t.Fatal(err)
			}
			second := h.awaitState(spec.ID, phase(runner.Running))
			if !alive(second.PID) || len(monitors(h.dir)) != 1 {
				t.Errorf("%d lives: %v, monitors %v", second.PID, alive(second.PID), monitors(h.dir))
			}
			h.halt(spec.ID)
			h.clean()
		})
	}
}

// R13: the same when the start comes before anybody has noticed.
func TestR13StartAfterKilledMonitor(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := shell("orphan", "exec sleep 1000")
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			first := h.awaitState(spec.ID, phase(runner.Running))
			unix.Kill(monitors(h.dir)[0], unix.SIGKILL)
			until(t, "a start that works", func() bool { return h.start(spec) == nil && len(monitors(h.dir)) == 1 })
			h.awaitState(spec.ID, func(s runner.ServiceState) bool {
				return s.Phase == runner.Running && s.Invocation != first.Invocation
			})
			if alive(first.PID) {
				t.Error("the first one lives on")
			}
		}
	})
}

// R13: hookd is killed at random points of starts and stops: there is never more than one process, and in the end there is one.
func TestR13RandomKills(t *testing.T) {
	t.Parallel()
	dir, seconds := t.TempDir(), itoa(os.Getpid()+100000)
	services := func() (n int) {
		for pid := range procs.All() {
			if string(procs.Command(pid)) == "sleep "+seconds {
				n++
			}
		}
		return n
	}
	for i := range 40 {
		cmd := exec.Command(os.Args[0], "cycle", dir, seconds)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		if n := services(); n > 1 {
			t.Fatalf("after %d kills there are %d", i, n)
		}
	}
	h := newHost(t, dir, true)
	if err := h.start(cycling(seconds)); err != nil {
		t.Fatal(err)
	}
	until(t, "one service", func() bool { return services() == 1 })
	if m := monitors(dir); len(m) != 1 {
		t.Errorf("monitors %v", m)
	}
	h.awaitState(cycling(seconds).ID, phase(runner.Running))
	h.halt(cycling(seconds).ID)
	h.clean()
}

// S15: a record of a dead monitor names a process id that somebody else has by now: that one is not touched.
func TestS15InnocentProcess(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		innocent := shell("innocent", "exec sleep 1000")
		if err := h.start(innocent); err != nil {
			t.Fatal(err)
		}
		pid := h.awaitState(innocent.ID, phase(runner.Running)).PID
		p, _ := procs.Of(pid)
		h.stop()
		stale := record{Hook: "stale", Invocation: newInvocation(), Group: h.sup.groups.of("x"), Main: pid, Start: p.Start - 1, Signal: 15}
		id := runner.ServiceID{Hook: "stale"}
		lock, err := h.sup.dir.take(key(id))
		if err != nil {
			t.Fatal(err)
		}
		socket, err := h.sup.dir.listen(key(id))
		if err != nil {
			t.Fatal(err)
		}
		socket.Close()
		stale.write(lock)
		lock.Close()
		h = h.again()
		if s := h.awaitState(id, phase(runner.Broken)); s.Result != unknown {
			t.Errorf("got %+v", s)
		}
		if err := h.start(runner.ServiceSpec{ID: id, Args: []string{"/bin/sleep", "1000"}}); err != nil {
			t.Fatal(err)
		}
		h.halt(id)
		if !alive(pid) {
			t.Error("the innocent process was ended")
		}
	})
}

// S15: nobody else's directory, and none that others may write to.
func TestS15Directory(t *testing.T) {
	dir := t.TempDir()
	os.Mkdir(dir+"/open", 0o755)
	os.Chmod(dir+"/open", 0o755)
	os.Mkdir(dir+"/real", 0o700)
	os.Symlink("real", dir+"/link")
	for _, name := range []string{"open", "link", "missing/below"} {
		if s, err := New(filepath.Join(dir, name), shimAt(os.Args[0])); err == nil {
			s.Close()
			t.Errorf("%s was taken", name)
		}
	}
}

// S9: arguments and variables come as they are, and those that are no UTF-8 as from systemd.
func TestS9Literal(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		values := []string{"", "a\nb\r", "%n %% $HOME ${X} `id` $(id) \\ \" '", "\u00e4\x01", "caf\xe9", strings.Repeat("x", 8<<10)}
		spec := shell("literal", `printf '%s\0' "$@"; env -0`)
		spec.ID.Instance = "caf\xe9/../\n"
		spec.Args = append(append(spec.Args, "sh"), values...)
		var want strings.Builder
		for i, v := range values {
			want.WriteString(runner.Printable(v) + "\x00")
			spec.Env = append(spec.Env, "V"+string(rune('0'+i))+"="+v)
		}
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		h.awaitState(spec.ID, phase(runner.Inactive))
		until(t, "its funeral", func() bool { return len(h.files()) == 0 })
		got := h.output(spec.ID)
		if !strings.HasPrefix(got, want.String()) {
			t.Errorf("arguments are %.200q", got)
		}
		for i, v := range values {
			if !strings.Contains(got, "\x00V"+string(rune('0'+i))+"="+runner.Printable(v)+"\x00") {
				t.Errorf("variable %q is not there", v)
			}
		}
	})
}

// S8: nothing of hookd's environment, descriptors or command line goes to the monitor or the service.
func TestS8NothingLeaks(t *testing.T) {
	t.Setenv("LD_PRELOAD_X", "secret")
	h := newHost(t, t.TempDir(), true)
	spec := shell("leak", "env; ls -l /proc/$$/fd; grep -E 'SigIgn|SigBlk' /proc/$$/status; umask; pwd; echo files $(ulimit -Sn)")
	spec.Env = append(spec.Env, "PASSWORD=hunter2")
	spec.Args = append(spec.Args, "sh")
	if err := h.start(spec); err != nil {
		t.Fatal(err)
	}
	s := h.awaitState(spec.ID, phase(runner.Inactive))
	until(t, "its funeral", func() bool { return len(h.files()) == 0 })
	got := h.output(spec.ID)
	for _, no := range []string{"LD_PRELOAD_X", "HOOKD", "memfd", "socket:", ".lock", "NOTIFY"} {
		if strings.Contains(got, no) {
			t.Errorf("%s is in %s", no, got)
		}
	}
	for _, yes := range []string{"PASSWORD=hunter2", "INVOCATION_ID=" + s.Invocation, "SigIgn:\t0000000000001000\n", "0022\n/\n"} {
		if !strings.Contains(got, yes) {
			t.Errorf("%q is not in %s", yes, got)
		}
	}
	if mine, err := exec.Command("sh", "-c", "echo files $(ulimit -Sn)").Output(); err != nil || !strings.Contains(got, string(mine)) {
		t.Errorf("not %q, %v: %s", mine, err, got)
	}
	long := shell("visible", "exec sleep 1000")
	long.Env = append(long.Env, "PASSWORD=hunter2")
	if err := h.start(long); err != nil {
		t.Fatal(err)
	}
	for _, pid := range monitors(h.dir) {
		env, err := os.ReadFile("/proc/" + itoa(pid) + "/environ")
		if err != nil || len(env) > 0 || string(procs.Command(pid)) != "hookshim monitor" {
			t.Errorf("the monitor's environment is %q, %v, its command %q", env, err, procs.Command(pid))
		}
	}
}

// A client that does not read holds nobody up.
func TestDeafClient(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := shell("busy", "exec sleep 1000", append(restart("always", 0), set("StartLimitBurst", "StartLimitBurst", uint32(0)))...)
		spec.ID.Instance = strings.Repeat("long", 4<<10) // a state fills the socket soon
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			c, err := h.sup.dir.put(context.Background(), key(spec.ID), question{Ask: askWatch})
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
		}
		for i := range 50 {
			s := h.awaitState(spec.ID, func(s runner.ServiceState) bool { return s.Phase == runner.Running && s.Restarts >= i })
			unix.Kill(s.PID, unix.SIGKILL)
		}
		h.awaitState(spec.ID, func(s runner.ServiceState) bool { return s.Phase == runner.Running && s.Restarts >= 50 })
	})
}

// The record is what counts when a longer one was there before.
func TestRecord(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	long, short := record{Hook: events.Bytes("caf\xe9 " + strings.Repeat("x", 1000)), Main: 1}, record{Hook: "b", Main: 2}
	long.write(f)
	f.WriteAt(line(short), 0) // killed before it was cut
	if r, known := readRecord(f); !known || r.Hook != "b" || r.Main != 2 {
		t.Errorf("got %+v", r)
	}
}

// A monitor that is asked to end, as when the host goes down, ends its service first and leaves word.
func TestTerminatedMonitor(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := shell("host", "exec sleep 1000", restart("always", 0)...)
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		pid := h.awaitState(spec.ID, phase(runner.Running)).PID
		h.stop()
		unix.Kill(monitors(h.dir)[0], unix.SIGTERM)
		until(t, "the end of both", func() bool { return !alive(pid) && len(monitors(h.dir)) == 0 })
		h = h.again()
		if s := h.awaitState(spec.ID, phase(runner.Inactive)); s.Result != success || s.Signal != "SIGTERM" {
			t.Errorf("got %+v", s)
		}
	})
}

// A monitor that cannot live is told of, and nothing stays.
func TestBrokenMonitor(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		for _, shim := range []string{"/bin/false", "/nonexistent"} {
			h.sup.shim = shimAt(shim)
			if err := h.start(shell("hopeless", "exec sleep 1000")); err == nil {
				t.Errorf("%s was a monitor", shim)
			}
			h.clean()
		}
	})
}

// With KillMode=mixed the first signal is for the main process, and the rest goes when that has ended.
func TestKillMode(t *testing.T) {
	for mode, child := range map[string]bool{"mixed": false, "control-group": true} {
		each(t, func(t *testing.T, h *host) {
			dir := t.TempDir()
			line := `sh -c 'trap "echo child; exit" USR1; echo >` + dir + `/child; while :; do sleep 0.01; done' &
trap 'sleep 0.2; echo main; exit' USR1; echo >` + dir + `/main; while :; do sleep 0.01; done`
			spec := shell("mode", line, set("KillMode", "KillMode", mode), set("KillSignal", "KillSignal", int32(unix.SIGUSR1)))
			if err := h.start(spec); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"/main", "/child"} {
				until(t, name, func() bool { _, err := os.Stat(dir + name); return err == nil })
			}
			h.halt(spec.ID)
			h.clean()
			if got := h.output(spec.ID); !strings.Contains(got, "main\n") || strings.Contains(got, "child\n") != child {
				t.Errorf("KillMode=%s: %q", mode, got)
			}
		})
	}
}
