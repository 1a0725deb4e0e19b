package rtnl

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// wants are the kinds of objects that come in floods, and are followed only while somebody asks for them.
type wants struct{ routes, neighbors bool }

// Want says whether hooks ask for route.* and for neighbor.*. Anybody may call it, before Run and while it runs.
//
// With the begin of wanting all objects of the kind are told, with the source start; where those are known that an earlier
// hookd told (New), the difference is, with the source resync. At the end of wanting they are forgotten in silence. Of calls
// in quick succession the last one counts.
func (s *Source) Want(routes, neighbors bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = wants{routes, neighbors}
	s.rouse()
}

// rouse wakes the reader if there is one. The caller holds the lock.
func (s *Source) rouse() {
	if s.wake >= 0 {
		unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // fails only when the reader has been woken quite often already
	}
}

// follow makes the socket hear what is wanted now, and the table keep it.
func (s *Source) follow() error {
	s.mu.Lock()
	wanted := s.wanted
	s.mu.Unlock()
	if s.hears.routes != wanted.routes {
		if err := s.filter(!wanted.routes); err != nil {
			return err
		}
	}
	if s.hears.neighbors != wanted.neighbors {
		if err := s.join(unix.RTNLGRP_NEIGH, wanted.neighbors); err != nil {
			return err
		}
	}
	s.hears = wanted
	s.followRoutes(wanted.routes)
	s.followNeighbors(wanted.neighbors)
	return nil
}

func (s *Source) join(group int, on bool) error {
	option := unix.NETLINK_ADD_MEMBERSHIP
	if !on {
		option = unix.NETLINK_DROP_MEMBERSHIP
	}
	if err := unix.SetsockoptInt(s.sock.GetFd(), unix.SOL_NETLINK, option, group); err != nil {
		return fmt.Errorf("cannot change the groups of a netlink socket: %w", err)
	}
	return nil
}

func (s *Source) followRoutes(on bool) {
	switch {
	case !on:
		s.table.routes = nil
	case s.table.routes == nil:
		s.table.routes, s.past.routes = begin(routes(), s.past.routes), nil
		s.dumps = append(s.dumps, dump{request: unix.RTM_GETROUTE, family: unix.AF_INET, opens: true},
			dump{request: unix.RTM_GETROUTE, family: unix.AF_INET6, opens: true})
	}
}

func (s *Source) followNeighbors(on bool) {
	switch {
	case !on:
		s.table.neighbors = nil
	case s.table.neighbors == nil:
		s.table.neighbors, s.past.neighbors = begin(neighbors(), s.past.neighbors), nil
		s.dumps = append(s.dumps, dump{request: unix.RTM_GETNEIGH, opens: true})
	}
}

// opened ends the time in which nothing is told of a kind, when all is known of what was there at its begin.
func (s *Source) opened(request uint16) {
	if slices.ContainsFunc(s.dumps, func(d dump) bool { return d.opens && d.request == request }) {
		return
	}
	if request == unix.RTM_GETROUTE && s.table.routes != nil {
		s.table.routes.opening = false
	}
	if request == unix.RTM_GETNEIGH && s.table.neighbors != nil {
		s.table.neighbors.opening = false
	}
}
