package monitor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/runner"
)

// Descriptors that a monitor inherits.
const (
	serveSpec   = 3
	serveLock   = 4
	serveListen = 5
)

// request is a question of a client. There is room for the answer.
type request struct {
	question
	reply chan answer
	watch chan state // of askWatch; holds the latest
}

func answerAll(list *[]request, a answer) {
	for _, r := range *list {
		r.reply <- a
	}
	*list = nil
}

// Serve is the life of a monitor process: it starts its service and watches over it until hookd knows how it ended. It
// returns the exit status.
func Serve(stderr io.Writer) int {
	debug.SetGCPercent(20) // it lives long and does little
	s, l, err := inherit()
	if err != nil {
		fmt.Fprintln(stderr, "hookshim:", err)
		return 2
	}
	requests, gone := make(chan request), make(chan request, maxClients)
	go accept(l, requests, gone) // ends with the process
	s.loop(requests, gone)
	return 0
}

// inherit takes what hookd hands over, and makes this process what a monitor has to be.
func inherit() (*service, *net.UnixListener, error) {
	if err := unix.CloseRange(serveSpec, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("cannot close inherited descriptors: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, nil, fmt.Errorf("cannot become a subreaper: %w", err)
	}
	syscall.Umask(0o022)
	spec := os.NewFile(serveSpec, "spec")
	defer spec.Close()
	s := &service{settings: &settings{}, lock: os.NewFile(serveLock, "lock"), watchers: map[chan state]bool{}}
	if err := json.NewDecoder(spec).Decode(s.settings); err != nil {
		return nil, nil, fmt.Errorf("cannot read what to run: %w", err)
	}
	file := os.NewFile(serveListen, "socket")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot listen: %w", err)
	}
	known := false
	if s.record, known = readRecord(s.lock); !known {
		return nil, nil, fmt.Errorf("there is no record of the service")
	}
	s.now = state{Hook: s.settings.Hook, Instance: s.settings.Instance}
	s.now.Phase = runner.Starting
	return s, l.(*net.UnixListener), nil
}

// loop owns the service.
func (s *service) loop(requests, gone <-chan request) {
	ended, stop, ignored := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD) // one that waits says all
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	signal.Notify(ignored, unix.SIGHUP) // and never read: a service would inherit it ignored
	notices := make(chan notice)
	if s.settings.Notify {
		c, _, err := listenNotices()
		if err != nil {
			s.ended(ending{result: resources}, err.Error())
		} else {
			s.notices = c
			go hear(c, notices) // ends with the process
		}
	}
	if !s.now.Over {
		s.begin()
	}
	killed := false
	for !(killed && s.now.Over) {
		select {
		case <-ended:
			s.reap()
		case <-stop: // the host goes down, or somebody means it
			killed = true
			s.stop()
		case t := <-s.entered():
			s.begun(t)
		case n := <-notices:
			s.heed(n)
		case <-s.timer.ready():
			s.timer.ring()
		case <-s.poll.ready():
			s.poll.ring()
			s.advance()
		case <-s.lonely():
			return
		case r := <-gone:
			s.forget(r)
		case r := <-requests:
			if s.answer(r) {
				for r != <-gone { // until it was written, or could not be
				}
				return
			}
		}
	}
}

// lonely ends a monitor whose service is over and that no hookd asks for long: how it ended is written down.
func (s *service) lonely() <-chan time.Time {
	switch idle := s.now.Over && len(s.watchers) == 0; {
	case idle && s.alone == nil:
		s.alone = time.NewTimer(s.settings.Linger)
	case !idle && s.alone != nil:
		s.alone.Stop()
		s.alone = nil
	}
	if s.alone == nil {
		return nil
	}
	return s.alone.C
}

func (s *service) entered() <-chan trouble {
	if s.run == nil || s.run.begun {
		return nil
	}
	return s.run.entered
}

// answer answers a question, now or later. It returns true when the monitor is released.
func (s *service) answer(r request) bool {
	switch r.Ask {
	case askWatch:
		s.watchers[r.watch] = true
		offer(r.watch, s.now)
	case askOutput:
		r.reply <- answer{Output: events.Bytes(s.output.bytes())}
	case askStart:
		s.start(r)
	case askStop:
		s.stops = append(s.stops, r)
		s.stop()
	case askRelease:
		return s.release(r)
	default:
		r.reply <- answer{Error: fmt.Sprintf("the monitor does not know %q", r.Ask)}
	}
	return false
}

func (s *service) start(r request) {
	switch {
	case r.First && s.first != nil:
		r.reply <- *s.first
	case s.now.Over:
		r.reply <- answer{Over: true}
	case s.now.Phase == runner.Running:
		r.reply <- answer{}
	case s.now.Phase == runner.Starting:
		s.waiting = append(s.waiting, r)
	case s.now.Phase == runner.Restarting:
		s.later = append(s.later, r)
		s.restartNow()
	default:
		s.later = append(s.later, r)
		s.refuseStuck()
	}
}

// stop ends the service, however often it is called.
func (s *service) stop() {
	s.outcome(answer{Error: "it was stopped before it was ready"})
	s.stopping = true
	switch {
	case s.now.Over:
		answerAll(&s.stops, answer{Over: true})
	case s.run == nil:
		s.over(runner.Inactive)
	default:
		s.end("", "")
		s.refuseStuck()
	}
}

// forget drops a client that has left.
func (s *service) forget(r request) {
	delete(s.watchers, r.watch)
	for _, list := range []*[]request{&s.waiting, &s.later, &s.stops} {
		*list = slices.DeleteFunc(*list, func(old request) bool { return old == r })
	}
}

func (s *service) release(r request) bool {
	if !s.now.Over {
		r.reply <- answer{Error: "the service has not ended"}
		return false
	}
	s.record.Told = true
	s.record.write(s.lock)
	r.reply <- answer{Over: true}
	return true
}

// accept serves clients, each in its own goroutine, up to maxClients; further ones are sent away.
func accept(l *net.UnixListener, requests chan<- request, gone chan<- request) {
	places := make(chan struct{}, maxClients)
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			time.Sleep(talkLimit / 100) // no descriptor is free
			continue
		}
		select {
		case places <- struct{}{}:
			go func() {
				talk(c, requests, gone)
				<-places
			}()
		default:
			c.Close()
		}
	}
}

// talk carries one question and its answer. A client that neither asks nor reads in time is dropped.
func talk(c *net.UnixConn, requests chan<- request, gone chan<- request) {
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(talkLimit))
	text, err := bufio.NewReaderSize(io.LimitReader(c, maxQuestion), maxQuestion).ReadBytes('\n')
	var q question
	if err != nil || !peerIsOwner(c) || json.Unmarshal(text, &q) != nil {
		return
	}
	c.SetReadDeadline(time.Time{})
	r := request{question: q, reply: make(chan answer, 1), watch: make(chan state, 1)}
	requests <- r
	left := make(chan struct{})
	go func() { // ends with the connection
		io.Copy(io.Discard, c)
		close(left)
	}()
	for more := true; more; {
		select {
		case <-left:
			more = false
		case a := <-r.reply:
			say(c, a)
			more = false
		case now := <-r.watch:
			more = say(c, answer{State: &now})
		}
	}
	gone <- r
}

func say(c *net.UnixConn, a answer) bool {
	c.SetWriteDeadline(time.Now().Add(talkLimit))
	_, err := c.Write(line(a))
	return err == nil
}
