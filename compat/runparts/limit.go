package runparts

import (
	"syscall"
	"time"
)

// limit is that of --timeout for one script.
type limit struct {
	span time.Duration
	next time.Time // when something is to be done
	sent int       // how many signals
}

// grace is between asking a script to end and ending it.
const grace = time.Second

func newLimit(span time.Duration) *limit {
	l := &limit{span: span}
	if span > 0 {
		l.next = time.Now().Add(span)
	}
	return l
}

// left is how many milliseconds there are, -1 without a limit.
func (l *limit) left() int {
	if l.span == 0 {
		return -1
	}
	return int(max(0, (time.Until(l.next)+time.Millisecond-1)/time.Millisecond))
}

func (l *limit) over() bool { return l.span > 0 && !time.Now().Before(l.next) }

// end asks everything in the script's session to end, and makes it end when it is asked again.
func (l *limit) end(pid int, o *Outcome, to sink) {
	if l.sent == 0 {
		o.Timeout = true
		to.say(o.Path + " runs longer than " + l.span.String())
	}
	sig := syscall.SIGKILL
	if l.sent == 0 {
		sig = syscall.SIGTERM
	}
	l.sent++
	l.next = time.Now().Add(grace)
	signalTree(pid, sig)
}
