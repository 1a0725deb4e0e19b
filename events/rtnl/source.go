// Package rtnl makes events of what the kernel reports about interfaces, addresses and default routes (rtnetlink(7)), and
// about all routes and neighbors while somebody asks for them.
//
// One socket hears everything, because only then the kernel's order is known. A message is put into a table of the
// kernel's state; events are the difference between what hooks have been told and what the table says now. When the
// kernel had to drop messages (ENOBUFS) it drops further ones, silently, until the socket has been read empty; so the
// socket is read empty first and the state is dumped after that, on the same socket, which nearly keeps the order of a dump
// and the messages beside it (heard.go). Start-up is the same code with nothing told yet, or with what an earlier hookd told.
package rtnl

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// bufferSize is what is asked for as the socket's receive buffer; the kernel doubles it. It holds about 3600 messages
// about links, and costs memory only while they wait.
const bufferSize = 8 << 20

// Source is the kernel as a source of events.
type Source struct {
	mu     sync.Mutex
	queue  []events.Event // unbounded: the reader must never wait, and the runner behind it drops what nobody can serve
	wake   int            // an eventfd on which the reader waits, too; -1 while there is none
	wanted wants
	filled chan struct{} // holds one wake-up; another one would say the same

	overruns  atomic.Int64
	foreign   atomic.Int64
	datagrams atomic.Int64  // that were read
	ready     chan struct{} // closed when the events of the state found at start are in the queue

	// Owned by the goroutine of Run:
	sock   *nl.NetlinkSocket
	pid    uint32
	hears  wants
	buf    []byte
	table  *table
	told   map[int]view
	world  world
	past   past          // what an earlier hookd told of kinds that nobody has asked for yet
	hold   bool          // tell nothing: a dump of everything is under way
	origin string        // source of the events of that dump
	lost   bool          // messages were dropped and everything must be dumped
	untold bool          // hookd.lost is still to be told
	begun  bool          // the state found at start has been told
	again  time.Time     // when to look for what an interrupted dump may have left over; zero for never
	delay  time.Duration // until the time after that
	dumps  []dump        // the first one is under way
	sent   bool
	pauses map[int]*pause // by family
	beat   beat

	announced bool // that the state is known; Next owns it

	touched map[int]bool

	buffer int    // bytes asked for
	strict int    // 1: the kernel shall read requests strictly
	stall  func() // called before each reading; tests make the reader slow with it
}

// New makes a source. Nothing is opened before Run.
//
// Saved is what an earlier hookd of this boot has told hooks, as the events that tell it from nothing: of each interface
// link.added, link.up when it was up, address.added and interface.state, then route.added and neighbor.added, the default
// routes and network.online.
// What cannot be read counts as not told. The net difference is told first, with the source resync, and nothing where there
// is none. Without any (nil) everything that is there at the start is told, with the source start.
func New(saved []events.Event) *Source {
	p, origin := restore(saved), events.SourceResync
	if saved == nil {
		origin = events.SourceStart
	}
	return &Source{
		filled: make(chan struct{}, 1), ready: make(chan struct{}), wake: -1, buf: make([]byte, 64<<10), origin: origin,
		table: newTable(), told: p.views, world: p.world, past: past{routes: p.routes, neighbors: p.neighbors},
		touched: map[int]bool{}, pauses: map[int]*pause{unix.AF_INET: {}, unix.AF_INET6: {}},
		buffer: bufferSize, strict: 1, stall: func() {},
	}
}

// Ready is closed when the state found at start has been told.
func (s *Source) Ready() <-chan struct{} { return s.ready }

// Overruns counts how often the kernel had to drop messages.
func (s *Source) Overruns() int64 { return s.overruns.Load() }

// Foreign counts messages that did not come from the kernel; they are not read (failures: S13).
func (s *Source) Foreign() int64 { return s.foreign.Load() }

// Next waits for events and returns all that are there, in order. Once it returns none: then the state found at start has
// been returned. One goroutine may call it.
func (s *Source) Next(ctx context.Context) ([]events.Event, error) {
	ready := s.ready
	if s.announced {
		ready = nil
	}
	for {
		known := !s.announced && closed(ready)
		s.mu.Lock()
		batch := s.queue
		s.queue = nil
		s.mu.Unlock()
		if len(batch) > 0 {
			return batch, nil
		}
		if known {
			s.announced = true
			return nil, nil
		}
		select {
		case <-s.filled:
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Run reads until ctx ends. An error of the socket is survived with a new one: report is told, and what was missed is
// found by the dump that a new socket begins with. Without any socket at the start Run returns the error.
func (s *Source) Run(ctx context.Context, report func(error)) error {
	if err := s.listen(); err != nil {
		return err
	}
	defer s.deafen()
	stop := context.AfterFunc(ctx, func() { s.mu.Lock(); defer s.mu.Unlock(); s.rouse() })
	defer stop()
	for first := true; ; first = false {
		err := s.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if first && s.sock == nil {
			return err
		}
		report(err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
		if s.begun {
			s.origin = events.SourceResync
		}
	}
}

// open makes the socket ready.
func (s *Source) open() error {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_NEXTHOP)
	if err != nil {
		return fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	s.sock, s.dumps, s.sent, s.hears = sock, nil, false, wants{}
	if err := sock.SetReceiveBufferSize(s.buffer, true); err != nil {
		sock.SetReceiveBufferSize(s.buffer, false) // without CAP_NET_ADMIN as much as the host allows
	}
	// Before Linux 4.20 there is no such option; a dump of routes is longer then.
	unix.SetsockoptInt(sock.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, s.strict)
	if s.pid, err = sock.GetPid(); err == nil {
		err = s.filter(true)
	}
	if err != nil {
		sock.Close()
		return fmt.Errorf("cannot use a netlink socket: %w", err)
	}
	return nil
}

// session opens a socket, dumps everything and reads until an error or the end of ctx.
func (s *Source) session(ctx context.Context) error {
	if err := s.open(); err != nil {
		return err
	}
	defer s.sock.Close()
	if err := s.follow(); err != nil {
		return err
	}
	s.dumpAll()
	for {
		if err := s.follow(); err != nil {
			return err
		}
		if err := s.request(); err != nil {
			return err
		}
		if err := s.wait(); err != nil || ctx.Err() != nil {
			return err
		}
		s.stall()
		if err := s.drain(ctx); err != nil {
			return err
		}
		s.resync()
	}
}
