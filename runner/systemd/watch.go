package systemd

import (
	"context"
	"strings"

	"github.com/godbus/dbus/v5"

	sd "github.com/coreos/go-systemd/v22/dbus"

	"hookd/runner"
)

// find looks for our units, and has the state of all that are watched read.
func (s *Supervisor) find(ctx context.Context, l *link) error {
	found, err := l.sd.ListUnitsByPatternsContext(ctx, nil, []string{pattern(s.prefix)})
	if err != nil {
		return err
	}
	s.beginAnew(found)
	return nil
}

// pattern is a glob that all our units match.
func pattern(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(prefix) + "*" + suffix
}

// beginAnew marks all units to be read on a new connection, whose numbers begin again. Ours that are not found have gone
// meanwhile.
func (s *Supervisor) beginAnew(found []sd.UnitStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.unread)
	for _, f := range found {
		s.unread[pathOf(f.Name)] = f.Name
	}
	for path, u := range s.units {
		u.unitAt, u.otherAt, u.cleaned = 0, 0, ""
		if _, there := s.unread[path]; u.ours && !there {
			u.forgotten()
			s.note(u)
		}
	}
	s.markAll()
}

// markAll has the state of every unit read again that is watched.
func (s *Supervisor) markAll() {
	for path, u := range s.units {
		s.unread[path] = u.name
	}
	for _, names := range []map[runner.ServiceID]string{s.begun, s.follow} {
		for _, name := range names {
			s.unread[pathOf(name)] = name
		}
	}
	wakeUp(s.look)
}

// tellWhole puts everything among the news. Those who have gone are there already, and stay.
func (s *Supervisor) tellWhole() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole = true
	for _, u := range s.units {
		u.said = view{}
		s.note(u)
	}
	wakeUp(s.wake)
}

// listen hears what changes until the connection or ctx ends. It never waits for anything but PID 1.
func (s *Supervisor) listen(ctx context.Context, l *link) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.lost:
			return
		case sig, ok := <-l.signals:
			if !ok {
				return
			}
			s.hear(sig)
		case <-s.look:
			s.readUnread(ctx, l)
			s.clean(ctx, l)
		}
	}
}

func (s *Supervisor) hear(sig *dbus.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch sig.Name {
	case "org.freedesktop.DBus.Properties.PropertiesChanged":
		var face string
		var changed map[string]dbus.Variant
		if len(sig.Body) >= 2 && dbus.Store(sig.Body[:2], &face, &changed) == nil {
			s.hearChange(sig, face, changed)
		}
	case service + ".Manager.UnitRemoved":
		if u := s.removed(sig); u != nil && sig.Sequence > u.unitAt {
			u.unitAt, u.otherAt = sig.Sequence, sig.Sequence
			u.forgotten()
			s.note(u)
		}
	case service + ".Manager.JobRemoved":
		s.hearJob(sig)
	case service + ".Manager.Reloading":
		s.markAll()
	}
}

func (s *Supervisor) removed(sig *dbus.Signal) *unit {
	var name string
	var path dbus.ObjectPath
	if len(sig.Body) != 2 || dbus.Store(sig.Body, &name, &path) != nil {
		return nil
	}
	return s.units[path]
}

// hearChange takes in a change. A unit with a name of ours that we did not start is looked at once it does something.
func (s *Supervisor) hearChange(sig *dbus.Signal, face string, changed map[string]dbus.Variant) {
	if u := s.units[sig.Path]; u != nil {
		news, confirm := u.heard(face, sig.Sequence, changed)
		if news {
			s.note(u)
		}
		if confirm {
			s.unread[sig.Path] = u.name
			wakeUp(s.look)
		}
		return
	}
	if face != unitFace || !strings.HasPrefix(string(sig.Path), s.mine) {
		return
	}
	var active string
	if get(changed, "ActiveState", &active); active != "inactive" {
		s.unread[sig.Path] = ""
		wakeUp(s.look)
	}
}

// hearJob hears that a job has ended. PID 1 has told what that did to the unit before.
func (s *Supervisor) hearJob(sig *dbus.Signal) {
	var id uint32
	var path dbus.ObjectPath
	var name, result string
	if len(sig.Body) != 4 || dbus.Store(sig.Body, &id, &path, &name, &result) != nil {
		return
	}
	u := s.units[pathOf(name)]
	if u == nil {
		return
	}
	if u.verdict = result; u.v.job == id {
		u.v.job, u.next.job = 0, 0
		s.note(u)
	}
}
