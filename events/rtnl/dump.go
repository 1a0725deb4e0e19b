package rtnl

import (
	"fmt"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// maxRetries is how often an interrupted dump is made again before it is taken without dropping what it did not show.
const maxRetries = 4

// maxDelay bounds how long after the end of a churn the state is wrong at the most.
const maxDelay = 2 * time.Second

// dump is a request for all objects of a kind.
type dump struct {
	request     uint16
	family      int
	table       uint32 // the only one whose routes are shown; 0 for all
	seq         uint32
	full        bool // one of those that together show everything
	opens       bool // one of those that show what is there at the begin of wanting a kind
	interrupted bool
	tries       int
	began       time.Time // the first try
	shown       int       // objects
}

func (s *Source) everything() []dump {
	opens := s.table.routes.opens()
	all := []dump{{request: unix.RTM_GETLINK, full: true}, {request: unix.RTM_GETADDR, full: true},
		{request: unix.RTM_GETROUTE, family: unix.AF_INET, full: true, opens: opens},
		{request: unix.RTM_GETROUTE, family: unix.AF_INET6, full: true, opens: opens}}
	if s.table.neighbors != nil {
		all = append(all, dump{request: unix.RTM_GETNEIGH, full: true, opens: s.table.neighbors.opens()})
	}
	return all
}

// dumpAll asks for the whole state, and holds events back until it is there. Other dumps that wait are part of it.
func (s *Source) dumpAll() {
	s.hold = true
	begun := 0
	if s.sent {
		begun = 1
	}
	s.dumps = append(s.dumps[:begun:begun], s.everything()...)
	for _, p := range s.pauses {
		p.asked = false
	}
}

// dumpRoutes asks for the routes of a family unless that dump is still to come anyway.
func (s *Source) dumpRoutes(family int) {
	begun := 0
	if s.sent {
		begun = 1
	}
	for _, d := range s.dumps[begun:] {
		if d.request == unix.RTM_GETROUTE && d.family == family {
			return
		}
	}
	s.dumps = append(s.dumps, dump{request: unix.RTM_GETROUTE, family: family})
}

// pause takes away dumps that have to wait for the end of a pause.
func (s *Source) pause() {
	for len(s.dumps) > 0 && !s.sent {
		d := s.dumps[0]
		if !d.again() || d.tries > 0 || !s.pauses[d.family].holds(time.Now()) {
			return
		}
		s.dumps = s.dumps[1:]
	}
}

// again says whether a dump only looks for what no message told: that can wait, and nothing is held back for it.
func (d dump) again() bool { return d.request == unix.RTM_GETROUTE && !d.full && !d.opens }

// dumpsAll says whether dumps of everything are under way.
func (s *Source) dumpsAll() bool {
	return slices.ContainsFunc(s.dumps, func(d dump) bool { return d.full })
}

// request sends the first dump that waits; a socket has one under way at a time.
func (s *Source) request() error {
	s.pause()
	if s.sent || len(s.dumps) == 0 {
		return nil
	}
	d := &s.dumps[0]
	if d.table = unix.RT_TABLE_UNSPEC; s.table.routes == nil {
		d.table = unix.RT_TABLE_MAIN
	}
	if d.tries == 0 {
		d.began = time.Now()
	}
	if d.request == unix.RTM_GETROUTE {
		if err := barrier(); err != nil {
			return err
		}
	}
	req := nl.NewNetlinkRequest(int(d.request), unix.NLM_F_DUMP)
	req.AddRawData(d.head())
	d.seq, d.interrupted = req.Seq, false
	s.table.hear()
	s.sent = true
	return send(s.sock.GetFd(), req)
}

// barrier waits until the change is complete that the kernel is about. It sends the message about an interface or an address
// before it takes the routes away that go with it (net/core/dev.c: __dev_notify_flags; net/ipv4/devinet.c: __inet_del_ifa),
// and a dump of routes does not wait for the lock that it holds meanwhile. A request for an interface does, while it is sent.
// Its answer nobody reads: in a queue that is nearly full it would leave no room for the dump.
func barrier() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	defer unix.Close(fd)
	req, head := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0), nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = 1
	req.AddData(head)
	return send(fd, req)
}

func send(fd int, req *nl.NetlinkRequest) error {
	// Not NetlinkSocket.Send: it sends to the groups as well, which only root may (netlink v1.3.1).
	if err := unix.Sendto(fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("cannot ask the kernel for its state: %w", err)
	}
	return nil
}

// head is what the request begins with. Where the kernel reads requests strictly it must be the one of its kind, and only
// the routes of the table are shown; older kernels show all of them.
func (d dump) head() []byte {
	switch d.request {
	case unix.RTM_GETADDR:
		return nl.NewIfAddrmsg(d.family).Serialize()
	case unix.RTM_GETROUTE:
		return (&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(d.family), Table: uint8(d.table)}}).Serialize()
	case unix.RTM_GETNEIGH:
		return make([]byte, unix.SizeofNdMsg) // of all families
	}
	return nl.NewIfInfomsg(d.family).Serialize()
}

// dumped ends the dump that is under way: what it did not show is gone, unless changes interrupted it, which asks for
// another one.
func (s *Source) dumped() {
	d := s.dumps[0]
	s.sent = false
	s.table.unhear()
	if d.interrupted && d.tries < maxRetries {
		s.dumps[0].tries++
		return
	}
	s.dumps = s.dumps[1:]
	s.sweep(d)
	if d.again() {
		s.pauses[d.family].ended(time.Now(), d.shown, time.Since(d.began))
	}
	if d.opens {
		s.opened(d.request)
	}
	if d.full && !s.dumpsAll() {
		s.complete()
	}
	s.tell()
}

// sweep drops what a dump did not show. Where the dump was interrupted that may still be there: it is looked up again when
// there is more peace.
func (s *Source) sweep(d dump) {
	if d.interrupted {
		s.delay = min(max(2*s.delay, 250*time.Millisecond), maxDelay)
		s.again = time.Now().Add(s.delay)
		return
	}
	for _, index := range s.table.sweep(d) {
		s.touched[index] = true
	}
}

// complete ends the dumps of everything. When none of them was interrupted an interface that an earlier hookd told of, and that
// they did not show, is gone.
func (s *Source) complete() {
	if s.again.IsZero() {
		s.delay = 0
		for index := range s.told {
			s.touched[index] = true
		}
	}
	if s.hold && !s.lost {
		s.release()
	}
}

// resync dumps everything again where messages were lost, or where the last dump could not be finished in peace, and routes
// whose pause is over.
func (s *Source) resync() {
	for family, p := range s.pauses {
		if p.over(time.Now()) {
			s.dumpRoutes(family)
		}
	}
	switch {
	case s.dumpsAll():
	case s.lost:
		s.lost, s.untold = false, s.begun
		if s.begun {
			s.origin = events.SourceResync
		}
		s.dumpAll()
	case !s.again.IsZero() && time.Now().After(s.again):
		s.again = time.Time{}
		s.dumps = append(s.dumps, s.everything()...)
	}
}

// release ends the time in which nothing was told.
func (s *Source) release() {
	s.hold = false
	if s.untold {
		s.untold = false
		s.push(events.Event{Name: "hookd.lost", Subject: "hookd/", Source: events.SourceHookd, Time: time.Now(),
			Params: []events.Param{{Key: "overruns", Value: fmt.Sprint(s.overruns.Load())}}})
	}
	s.tell()
	if !s.begun {
		s.begun = true
		close(s.ready)
	}
	s.origin = events.SourceKernel
}
