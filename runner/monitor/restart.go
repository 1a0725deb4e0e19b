package monitor

import (
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"hookd/hookspec"
)

// ending is how the main process of a service ended, or why it was ended.
type ending struct {
	result string // in systemd's words
	status int    // exit status
	signal unix.Signal
	died   bool // by the signal
	exited bool // with the status
}

// The words of systemd that this supervisor has reason to say. "protocol" is said of a service that ended well before it
// was ready.
const (
	success   = "success"
	exitCode  = "exit-code"
	signaled  = "signal"
	coreDump  = "core-dump"
	timeout   = "timeout"
	protocol  = "protocol"
	limitHit  = "start-limit-hit"
	resources = "resources"
	unknown   = "unknown"
	watchdog  = "watchdog"
)

// restartRule is Restart= and its kin. Times are systemd's; RestartSteps= of 0 is a delay that does not grow.
type restartRule struct {
	When                    string
	Delay, MaxDelay         time.Duration
	Never                   bool // RestartSec=infinity
	Steps                   uint32
	Success, Prevent, Force hookspec.ExitStatuses
}

func restartWords() []string {
	return []string{"no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"}
}

// judge makes an ending of what wait4(2) says. ready tells whether the service ever was.
func (r restartRule) judge(w unix.WaitStatus, ready bool) ending {
	e := ending{exited: w.Exited(), died: w.Signaled()}
	if e.exited {
		e.status = w.ExitStatus()
	} else {
		e.signal = w.Signal()
	}
	clean := e.exited && e.status == 0 || e.in(r.Success) ||
		e.died && slices.Contains([]unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGPIPE}, e.signal)
	switch {
	case clean && !ready:
		e.result = protocol
	case clean:
		e.result = success
	case e.exited:
		e.result = exitCode
	case w.CoreDump():
		e.result = coreDump
	default:
		e.result = signaled
	}
	return e
}

// in says whether an ending is among those of an …ExitStatus= key.
func (e ending) in(set hookspec.ExitStatuses) bool {
	return e.exited && slices.Contains(set.Status, int32(e.status)) ||
		e.died && slices.Contains(set.Signals, int32(e.signal))
}

// again says whether a service is started once more after it ended (systemd.service(5), table 2).
func (r restartRule) again(e ending) bool {
	switch {
	case e.in(r.Prevent):
		return false
	case e.in(r.Force):
		return true
	}
	switch r.When {
	case "always":
		return true
	case "on-success":
		return e.result == success
	case "on-failure":
		return e.result != success
	case "on-abnormal":
		return e.result != success && e.result != exitCode
	case "on-abort":
		return e.result == signaled || e.result == coreDump
	case "on-watchdog":
		return e.result == watchdog
	}
	return false
}

// delay is how long to wait before the n-th restart, counted from 0. With RestartSteps= it grows from RestartSec= to
// RestartMaxDelaySec= by the same factor each time.
func (r restartRule) delay(n int) time.Duration {
	if r.Steps == 0 || r.Delay <= 0 || r.MaxDelay <= r.Delay {
		return r.Delay
	}
	if n >= int(r.Steps) {
		return r.MaxDelay
	}
	growth := float64(r.MaxDelay) / float64(r.Delay)
	return time.Duration(float64(r.Delay) * math.Pow(growth, float64(n)/float64(r.Steps)))
}

// startLimit is StartLimitIntervalSec= and StartLimitBurst=; either of them 0 is without limit.
type startLimit struct {
	Interval time.Duration
	Forever  bool // the interval is endless
	Burst    int

	began time.Time
	count int
}

// String says what is allowed: 5 times within 10s.
func (l *startLimit) String() string {
	if l.Forever {
		return fmt.Sprintf("%d times", l.Burst)
	}
	return fmt.Sprintf("%d times within %s", l.Burst, l.Interval)
}

// allow counts a start, and says whether it may be.
func (l *startLimit) allow(now time.Time) bool {
	if l.Burst == 0 || l.Interval == 0 && !l.Forever {
		return true
	}
	if l.count == 0 || !l.Forever && now.Sub(l.began) > l.Interval {
		l.began, l.count = now, 1
		return true
	}
	l.count++
	return l.count <= l.Burst
}
