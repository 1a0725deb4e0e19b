package rtnl

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listen makes the reader one that can be woken, deafen ends that.
func (s *Source) listen() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("cannot make an eventfd: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake = fd
	return nil
}

func (s *Source) deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	unix.Close(s.wake)
	s.wake = -1
}

// wait sleeps until there is something to read or to do, or somebody wakes the reader.
func (s *Source) wait() error {
	fds := []unix.PollFd{{Fd: int32(s.sock.GetFd()), Events: unix.POLLIN}, {Fd: int32(s.wake), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, s.patience())
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if fds[1].Revents != 0 {
			unix.Read(s.wake, make([]byte, 8)) // what there is to do is looked up after this
		}
		return err
	}
}

// patience is how long to wait for messages, in milliseconds as poll(2) has it.
func (s *Source) patience() int {
	next := s.again
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, p := range s.pauses {
		if p.asked {
			sooner(p.until)
		}
	}
	if s.beat.f != nil {
		sooner(s.beat.due)
	}
	if next.IsZero() {
		return -1
	}
	return int(max(0, time.Until(next)).Milliseconds()) + 1
}

// drain reads until the socket is empty or ctx ends.
func (s *Source) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		s.beat.now(time.Now())
		n, _, flags, from, err := unix.Recvmsg(s.sock.GetFd(), s.buf, nil, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN) && s.sent:
			// A dump leaves nothing to read only when it has ended: its end, or its refusal, found no room in the buffer.
			return s.answered(unix.EAGAIN)
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS):
			s.lose()
		case err != nil:
			return fmt.Errorf("cannot read from the netlink socket: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			s.lose()
		default:
			if err := s.datagram(s.buf[:n], from); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Source) datagram(b []byte, from unix.Sockaddr) error {
	s.datagrams.Add(1)
	if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
		s.foreign.Add(1)
		return nil
	}
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		s.lose()
		return nil
	}
	for _, m := range msgs {
		if err := s.message(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) message(m syscall.NetlinkMessage) error {
	ours := s.sent && m.Header.Pid == s.pid && m.Header.Seq == s.dumps[0].seq
	switch flags := m.Header.Flags; {
	case ours:
		s.dumps[0].shown++
		s.dumps[0].interrupted = s.dumps[0].interrupted || flags&unix.NLM_F_DUMP_INTR != 0
	case flags&unix.NLM_F_MULTI != 0:
		return nil // a part of a dump that was given up: it may be older than what has come since
	}
	if ours && (m.Header.Type == unix.NLMSG_ERROR || m.Header.Type == unix.NLMSG_DONE) {
		return s.answered(messageError(m))
	}
	if decoded, matters := decode(m, s.table.routes != nil); matters {
		decoded.dumped = ours
		s.take(decoded)
	}
	return nil
}

// take puts a message into the table and tells what changes.
func (s *Source) take(m message) {
	c := s.table.apply(m)
	for _, index := range c.ifaces {
		s.touched[index] = true
	}
	for _, family := range c.dump {
		s.dumpRoutes(family)
	}
	s.tell()
}

// answered ends the dump that is under way; one that the kernel broke off counts as interrupted.
func (s *Source) answered(err error) error {
	if errors.Is(err, unix.ENOENT) && s.dumps[0].request == unix.RTM_GETROUTE {
		err = nil // the table comes into being with its first route (net/ipv4/fib_frontend.c)
	}
	if err != nil && !transient(err) {
		return err
	}
	s.dumps[0].interrupted = s.dumps[0].interrupted || err != nil
	s.dumped()
	return s.request()
}

// lose notes that a message did not reach us.
func (s *Source) lose() {
	s.overruns.Add(1)
	s.lost = true
}
