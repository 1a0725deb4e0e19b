package systemd

import (
	"context"
	"maps"
	"strings"

	"github.com/godbus/dbus/v5"

	"hookd/runner"
)

// readUnread reads the state of the units that somebody has marked. What can not be read is not news; if the connection is
// lost, the next one begins with reading everything.
func (s *Supervisor) readUnread(ctx context.Context, l *link) {
	s.mu.Lock()
	unread := maps.Clone(s.unread)
	clear(s.unread)
	s.mu.Unlock()
	for path, name := range unread {
		if r, err := l.read(ctx, path, s.known(path)); err == nil {
			s.mu.Lock()
			s.took(path, name, r)
			s.mu.Unlock()
		} else if l.isLost() {
			return
		}
	}
}

// known is what was last told of a unit; nothing of one that is not watched.
func (s *Supervisor) known(path dbus.ObjectPath) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.units[path]; u != nil {
		return u.v
	}
	return view{}
}

// took takes in what was read of a unit. One that is not watched yet is from now on, if it is one of ours that somebody
// else has started, or one that somebody asks about.
//
// It is false if the unit has gone and the signals that tell so are still to be heard.
func (s *Supervisor) took(path dbus.ObjectPath, name string, r reading) bool {
	u := s.units[path]
	if u == nil {
		if u = s.adopt(name, r); u == nil {
			return true
		}
		s.units[path] = u
	}
	if own := pathOf(r.id); r.id != "" && s.units[own] == nil {
		s.units[own] = u // name is an alias; what changes is told under its own
	}
	if !u.took(r) {
		return false
	}
	s.note(u)
	return true
}

func (s *Supervisor) adopt(name string, r reading) *unit {
	if name == "" {
		name = r.id
	}
	u := newUnit(name)
	if strings.HasPrefix(name, s.prefix) {
		var marks [][]byte
		get(r.service, "LogExtraFields", &marks)
		u.id, u.ours = readID(marks)
	}
	s.ask(u)
	if !u.ours && len(u.asked) == 0 {
		return nil
	}
	return u
}

// ask looks up who asks about a unit.
func (s *Supervisor) ask(u *unit) {
	u.asked = u.asked[:0]
	for _, names := range []map[runner.ServiceID]string{s.begun, s.follow} {
		for id, name := range names {
			if name == u.name || s.units[pathOf(name)] == u {
				u.asked = append(u.asked, id)
			}
		}
	}
}

// note puts what has changed about a unit among the news, for each service that is about it, and wakes all who wait for
// that. One of ours that has ended by itself is cleaned up first, and told when it is gone: then it is forgotten.
func (s *Supervisor) note(u *unit) {
	u.shout()
	ended := u.ours && u.v.exited()
	if ended && u.cleaned != u.v.invocation {
		wakeUp(s.look)
	}
	if changed := u.v != u.said; changed && (!ended || s.whole) {
		s.tell(u)
	}
	s.lose(u)
	s.forget(u)
}

// lose forgets which services have started a unit of somebody else's once it is down and that was told: from then on it is
// watched for who follows it.
func (s *Supervisor) lose(u *unit) {
	if u.ours || u.users > 0 || u.v != u.said || !u.v.down() || u.v.job != 0 {
		return
	}
	before := len(s.begun)
	maps.DeleteFunc(s.begun, func(_ runner.ServiceID, name string) bool { return name == u.name || s.units[pathOf(name)] == u })
	if len(s.begun) < before {
		s.ask(u)
	}
}

func (s *Supervisor) tell(u *unit) {
	u.said = u.v
	if u.ours && (u.isLoaded() || u.v.invocation != "") {
		s.news[u.id] = u.v.state(u.id, u.name, true)
	}
	for _, id := range u.asked {
		s.news[id] = u.v.state(id, u.name, u.ours)
	}
	wakeUp(s.wake)
}

// forget drops a unit that is not there, if it is ours, or nobody asks about, and that nobody is at work on.
func (s *Supervisor) forget(u *unit) {
	if u.users > 0 || len(u.asked) > 0 || u.ours && u.isLoaded() {
		return
	}
	maps.DeleteFunc(s.units, func(_ dbus.ObjectPath, have *unit) bool { return have == u })
}

// clean stops our units whose process has ended by itself, now that their result is known. No Start begins meanwhile: it
// would be its process that is stopped.
func (s *Supervisor) clean(ctx context.Context, l *link) {
	for _, u := range s.takeEnded() {
		_, _ = l.sd.StopUnitContext(ctx, u.name, "replace", nil) // it has gone, or the connection has; both are seen
		s.mu.Lock()
		u.stopping--
		s.note(u)
		s.mu.Unlock()
	}
}

func (s *Supervisor) takeEnded() (ended []*unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.units {
		if u.ours && u.v.exited() && u.cleaned != u.v.invocation && !u.submitting {
			u.cleaned = u.v.invocation
			u.stopping++
			ended = append(ended, u)
		}
	}
	return ended
}

// Follow names the existing units to watch, in place of those named before. What is known of them is told at once.
func (s *Supervisor) Follow(units map[runner.ServiceID]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follow = maps.Clone(units)
	for _, u := range s.units {
		if s.ask(u); len(u.asked) > 0 {
			u.said = view{}
		}
		s.note(u)
	}
	for _, name := range units {
		if path := pathOf(name); s.units[path] == nil {
			s.unread[path] = name
			wakeUp(s.look)
		}
	}
}
