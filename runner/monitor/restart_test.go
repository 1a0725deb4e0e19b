package monitor

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookd/hookspec"
)

// What wait4(2) says of an end.
func exited(status int) unix.WaitStatus        { return unix.WaitStatus(status << 8) }
func killedBy(s unix.Signal) unix.WaitStatus   { return unix.WaitStatus(s) }
func dumpedCore(s unix.Signal) unix.WaitStatus { return unix.WaitStatus(s) | 0x80 }

// The table of systemd.service(5): what each word of Restart= does about each cause of an end.
func TestRestartTable(t *testing.T) {
	rule := restartRule{}
	for _, row := range []struct {
		cause string
		e     ending
		words []string // that start it again
	}{
		{"clean exit", rule.judge(exited(0), true), []string{"always", "on-success"}},
		{"clean signal", rule.judge(killedBy(unix.SIGTERM), true), []string{"always", "on-success"}},
		{"clean signal", rule.judge(killedBy(unix.SIGHUP), true), []string{"always", "on-success"}},
		{"clean signal", rule.judge(killedBy(unix.SIGINT), true), []string{"always", "on-success"}},
		{"clean signal", rule.judge(killedBy(unix.SIGPIPE), true), []string{"always", "on-success"}},
		{"unclean exit", rule.judge(exited(1), true), []string{"always", "on-failure"}},
		{"unclean signal", rule.judge(killedBy(unix.SIGKILL), true), []string{"always", "on-failure", "on-abnormal", "on-abort"}},
		{"core dump", rule.judge(dumpedCore(unix.SIGSEGV), true), []string{"always", "on-failure", "on-abnormal", "on-abort"}},
		{"timeout", ending{result: timeout, exited: true}, []string{"always", "on-failure", "on-abnormal"}},
		{"not ready", rule.judge(exited(0), false), []string{"always", "on-failure", "on-abnormal"}},
		{"watchdog", ending{result: watchdog, died: true, signal: unix.SIGABRT}, []string{"always", "on-failure", "on-abnormal", "on-watchdog"}},
	} {
		for _, word := range restartWords() {
			want := slices.Contains(row.words, word)
			if got := (restartRule{When: word}).again(row.e); got != want {
				t.Errorf("Restart=%s after %s (%s): %v, want %v", word, row.cause, row.e.result, got, want)
			}
		}
	}
}

func TestRestartExitStatuses(t *testing.T) {
	set := func(status, signals []int32) hookspec.ExitStatuses {
		return hookspec.ExitStatuses{Status: status, Signals: signals}
	}
	rule := restartRule{When: "always", Success: set([]int32{3}, []int32{9}), Prevent: set([]int32{4}, []int32{6})}
	for _, test := range []struct {
		w      unix.WaitStatus
		result string
		again  bool
	}{
		{exited(3), success, true}, {killedBy(9), success, true}, {exited(9), exitCode, true},
		{exited(4), exitCode, false}, {killedBy(6), signaled, false}, {dumpedCore(6), coreDump, false}, {exited(6), exitCode, true},
	} {
		e := rule.judge(test.w, true)
		if e.result != test.result || rule.again(e) != test.again {
			t.Errorf("%x: %s %v, want %s %v", test.w, e.result, rule.again(e), test.result, test.again)
		}
	}
	force := restartRule{When: "no", Force: set([]int32{5}, nil)}
	if !force.again(force.judge(exited(5), true)) || force.again(force.judge(exited(6), true)) {
		t.Error("RestartForceExitStatus= is not heeded")
	}
	force.Prevent = force.Force
	if force.again(force.judge(exited(5), true)) {
		t.Error("RestartPreventExitStatus= does not win")
	}
}

func TestRestartDelay(t *testing.T) {
	plain := restartRule{Delay: time.Second}
	steps := restartRule{Delay: time.Second, MaxDelay: 16 * time.Second, Steps: 4}
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 16} {
		if got := steps.delay(n); got != want*time.Second {
			t.Errorf("restart %d after %s, want %ds", n, got, want)
		}
		if got := plain.delay(n); got != time.Second {
			t.Errorf("restart %d after %s", n, got)
		}
	}
}

func TestStartLimit(t *testing.T) {
	now := time.Now()
	l := startLimit{Interval: 10 * time.Second, Burst: 5}
	for i := range 7 {
		if got := l.allow(now.Add(time.Duration(i) * time.Second)); got != (i < 5) {
			t.Errorf("start %d: %v", i, got)
		}
	}
	if !l.allow(now.Add(11 * time.Second)) {
		t.Error("the limit does not end")
	}
	none := startLimit{Burst: 0, Interval: time.Second}
	forever := startLimit{Forever: true, Burst: 1}
	for i := range 3 {
		if !none.allow(now) || forever.allow(now.Add(time.Duration(i)*24*time.Hour)) != (i == 0) {
			t.Errorf("start %d without a limit or for ever", i)
		}
	}
}
