package monitor

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/procs"
	"hookd/runner"
)

// service is what a monitor watches over. All of it but the output belongs to the goroutine of loop.
type service struct {
	settings *settings
	lock     *os.File
	record   record
	output   tail
	now      state
	watchers map[chan state]bool
	alone    *time.Timer // since nobody watches what is over
	first    *answer     // what became of the first start
	waiting  []request   // starts that wait for the outcome of this one
	later    []request   // starts that came while the service was being ended
	stops    []request

	run      *attempt // nil between two
	notices  *net.UnixConn
	stopping bool // somebody asked for the end
	timer    clock
	poll     clock
}

// attempt is one start of the program and what became of it.
type attempt struct {
	spawned
	ready   bool
	entered chan trouble // one value
	begun   bool         // it was there
	trouble trouble
	exit    *unix.WaitStatus
	preset  string // the result whatever the exit status is
	why     string // sentence to that
	killing *killing
	judged  *ending
	stuck   bool // not even SIGKILL has ended it
}

// clock calls a function later; the zero value never does. A nil channel is never ready.
type clock struct {
	*time.Timer
	do func()
}

func (c *clock) set(d time.Duration, do func()) {
	c.clear()
	c.Timer, c.do = time.NewTimer(d), do
}

func (c *clock) clear() {
	if c.Timer != nil {
		c.Stop()
	}
	*c = clock{}
}

func (c *clock) ready() <-chan time.Time {
	if c.Timer == nil {
		return nil
	}
	return c.C
}

func (c *clock) ring() {
	do := c.do
	c.clear()
	do()
}

// publish tells watchers the present state; one that has not taken the last gets this in its place.
func (s *service) publish() {
	for w := range s.watchers {
		offer(w, s.now)
	}
}

func offer(w chan state, now state) {
	select {
	case <-w:
	default:
	}
	w <- now // there is room: nobody else sends
}

func (s *service) enter(p runner.Phase) {
	s.now.Phase, s.now.Since = p, time.Now()
	s.publish()
}

// begin starts the program, if the limit of starts allows.
func (s *service) begin() {
	if !s.settings.Limit.allow(time.Now()) {
		s.now.Result = limitHit
		s.now.Reason = "it was started " + s.settings.Limit.String()
		s.over(runner.Broken)
		return
	}
	s.now.Invocation = newInvocation()
	s.now.Reason, s.now.PID = "", 0
	if err := s.launch(); err != nil {
		s.ended(ending{result: resources}, err.Error())
		return
	}
	if s.settings.StartTimeout > 0 {
		s.timer.set(s.settings.StartTimeout, func() {
			s.end(timeout, fmt.Sprintf("it was not ready after %s", s.settings.StartTimeout))
		})
	}
	s.now.PID = s.run.pid
	s.enter(runner.Starting)
}

// launch writes down what will be started before it is: a process that nobody knows of would never be ended.
func (s *service) launch() error {
	s.record.Invocation, s.record.Main, s.record.Start = s.now.Invocation, 0, 0
	if err := s.record.write(s.lock); err != nil {
		return err
	}
	name := ""
	if s.notices != nil {
		name = s.notices.LocalAddr().String()
	}
	sp, err := spawn(s.settings, s.now.Invocation, name, &s.output)
	if err != nil {
		return err
	}
	r := &attempt{spawned: sp, entered: make(chan trouble, 1)}
	go func() { r.entered <- sp.entered() }() // ends with the exec, or with the process
	s.run = r
	p, _ := procs.Of(sp.pid)
	s.record.Main, s.record.Start = sp.pid, p.Start
	s.record.write(s.lock) // if this fails the mark and the group still tell
	return nil
}

// begun is called when the program runs or could not be run.
func (s *service) begun(t trouble) {
	s.run.begun, s.run.trouble = true, t
	if t.Reason == "" && !s.settings.Notify {
		s.ready()
	}
	s.advance()
}

func (s *service) ready() {
	if s.run == nil || s.run.ready || s.run.killing != nil {
		return
	}
	s.run.ready = true
	s.timer.clear()
	s.enter(runner.Running)
	s.outcome(answer{})
}

// heed takes a notice of one of the service's own processes.
func (s *service) heed(n notice) {
	if s.run == nil || !s.mayNotify(n.pid) {
		return
	}
	if n.says("READY=1") {
		s.ready()
	}
	if n.says("STOPPING=1") && s.run.killing == nil && s.run.exit == nil {
		s.startKilling(&killing{rule: s.settings.Kill, group: s.settings.Group, silent: true, look: lastLook})
	}
}

func (s *service) mayNotify(pid int) bool {
	switch s.settings.NotifyAccess {
	case "none":
		return false
	case "all":
		_, ours := family(s.settings.Group)[pid]
		return ours || pid == s.run.pid
	}
	return pid == s.run.pid
}

// ended decides what comes after an end.
func (s *service) ended(e ending, why string) {
	s.now.Result, s.now.Reason, s.now.PID = e.result, why, 0
	switch {
	case s.stopping:
		s.over(runner.Inactive)
	case s.settings.Restart.again(e):
		s.again()
	case e.result == success:
		s.over(runner.Inactive)
	default:
		s.over(runner.Broken)
	}
}

// outcome is what becomes of a start.
func (s *service) outcome(a answer) {
	if s.first == nil {
		s.first = &a
	}
	answerAll(&s.waiting, a)
}

func (s *service) again() {
	s.enter(runner.Restarting)
	s.outcome(answer{Error: s.now.Reason})
	if len(s.later) > 0 {
		s.restartNow()
		return
	}
	if !s.settings.Restart.Never {
		s.timer.set(s.settings.Restart.delay(s.now.Restarts), func() {
			s.now.Restarts++
			s.begin()
		})
	}
}

// restartNow is for who asks for a start while the next one is due: it counts as the first.
func (s *service) restartNow() {
	s.timer.clear()
	s.waiting, s.later = append(s.waiting, s.later...), nil
	s.now.Restarts, s.settings.Limit.count = 0, 0
	s.begin()
}

// over is the end for good: who asks for a start gets another monitor.
func (s *service) over(p runner.Phase) {
	s.timer.clear()
	s.now.Over = true
	s.enter(p)
	last := s.now
	s.record.Last = &last
	s.record.write(s.lock) // if this fails the next hookd knows less, if we are killed as well
	s.outcome(answer{Error: s.now.Reason})
	answerAll(&s.later, answer{Over: true})
	answerAll(&s.stops, answer{Over: true})
}
