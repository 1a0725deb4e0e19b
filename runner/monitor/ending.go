package monitor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"hookd/runner"
)

// end ends the program, with a result that is fixed already when there is one.
func (s *service) end(result, why string) {
	if s.run.preset == "" {
		s.run.preset, s.run.why = result, why
	}
	if s.run.killing == nil || s.run.killing.silent && !s.run.killing.final {
		s.startKilling(newKilling(s.settings.Kill, s.settings.Group))
	}
}

// startKilling asks now, and kills after TimeoutStopSec=.
func (s *service) startKilling(k *killing) {
	s.run.killing = k
	s.timer.clear()
	if s.settings.StopTimeout > 0 {
		s.timer.set(s.settings.StopTimeout, func() {
			if r := s.run; r.preset == "" && (r.judged == nil || r.judged.result == success) { // the first failure counts
				r.preset, r.why = timeout, fmt.Sprintf("it did not end within %s", s.settings.StopTimeout)
			}
			s.kill()
			s.timer.set(s.settings.StopTimeout, s.destroy)
		})
	}
	s.enter(runner.Stopping)
	s.look()
}

func (s *service) kill() {
	s.run.killing.final, s.run.killing.look = true, firstLook
	s.look()
}

// destroy is for what outlives FinalKillSignal=, which may be one that can be ignored.
func (s *service) destroy() {
	if s.run.killing.rule.Final == int32(unix.SIGKILL) {
		s.despair()
		return
	}
	s.run.killing.rule.Final = int32(unix.SIGKILL)
	s.kill()
	s.timer.set(s.settings.StopTimeout, s.despair)
}

// despair tells who waits that not even SIGKILL ends the service, for which the kernel must have a reason. It is looked at
// further, and has ended when it has.
func (s *service) despair() {
	s.run.stuck = true
	s.now.Reason = fmt.Sprintf("processes of it do not end, not even by SIGKILL: %s", list(family(s.settings.Group)))
	s.publish()
	s.outcome(answer{Error: s.now.Reason})
	s.refuseStuck()
}

// refuseStuck answers those who wait for the end of a service that does not come.
func (s *service) refuseStuck() {
	if s.run != nil && s.run.stuck {
		answerAll(&s.stops, answer{Error: s.now.Reason})
		answerAll(&s.later, answer{Error: s.now.Reason})
	}
}

// list names a few processes.
func list(members map[int]uint64) string {
	pids := slices.Sorted(maps.Keys(members))
	if len(pids) == 0 {
		return "the kernel does not let go of them"
	}
	more := ""
	if len(pids) > 5 {
		pids, more = pids[:5], " …"
	}
	return strings.Trim(fmt.Sprint(pids), "[]") + more
}

// look asks or kills what is there by now.
func (s *service) look() {
	if s.run == nil || s.run.killing == nil {
		return
	}
	main := 0
	if s.run.exit == nil {
		main = s.run.pid
	}
	s.poll.set(s.run.killing.again(family(s.settings.Group), main), s.look)
}

// reap collects what has ended, and goes on when that was the program or the last of its processes.
func (s *service) reap() {
	for {
		var w unix.WaitStatus
		pid, err := unix.Wait4(-1, &w, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if pid <= 0 {
			s.advance()
			return
		}
		if s.run != nil && pid == s.run.pid {
			s.run.exit = &w
		}
	}
}

// childless says whether nothing that we started lives: what loses its parent becomes our child.
func childless() bool {
	var info unix.Siginfo
	return errors.Is(unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil), unix.ECHILD)
}

// advance goes on with an attempt whose program has ended: first everything that it has left behind is ended.
func (s *service) advance() {
	r := s.run
	if r == nil || r.exit == nil || !r.begun {
		return
	}
	if r.judged == nil {
		e := s.settings.Restart.judge(*r.exit, r.ready || r.killing != nil)
		r.judged = &e
	}
	switch {
	case childless():
		s.finish()
	case r.killing == nil:
		s.startKilling(newKilling(s.settings.Kill, s.settings.Group))
	case r.killing.rule.Mixed && !r.killing.final:
		s.kill()
	}
}

// finish closes an attempt of which nothing is left.
func (s *service) finish() {
	r, e := s.run, *s.run.judged
	s.timer.clear()
	s.poll.clear()
	r.pipe.drain()
	s.run = nil
	why := e.sentence(r.ready)
	switch {
	case r.trouble.Reason != "":
		why = r.trouble.Reason
	case r.preset != "":
		e.result, why = r.preset, r.why
	}
	s.now.ExitStatus, s.now.Signal = nil, ""
	if e.exited {
		s.now.ExitStatus = &e.status
	} else {
		s.now.Signal = unix.SignalName(e.signal)
	}
	s.ended(e, why)
}

// sentence says how a program ended, for people; nothing of a good end.
func (e ending) sentence(ready bool) string {
	when := ""
	if !ready {
		when = " before it was ready"
	}
	switch {
	case e.result == success:
		return ""
	case e.exited:
		return fmt.Sprintf("it exited with status %d%s", e.status, when)
	}
	return fmt.Sprintf("it was ended by %s%s", unix.SignalName(e.signal), when)
}
