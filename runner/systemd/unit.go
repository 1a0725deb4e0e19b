package systemd

import (
	"github.com/godbus/dbus/v5"

	"hookd/runner"
)

// unit is one that is watched. Its fields belong to Supervisor.mu.
type unit struct {
	name    string
	ours    bool
	id      runner.ServiceID   // of ours
	asked   []runner.ServiceID // services that it is watched for, though it is not ours
	v       view
	said    view          // that was told last
	next    view          // v with news of the interface Service, which come before those of Unit
	unitAt  dbus.Sequence // what is older than these is not news
	otherAt dbus.Sequence
	changed chan struct{} // closed and replaced whenever somebody who waits should look again

	users      int           // Starts and Stops that are at work; while there are any it is not forgotten
	turn       chan struct{} // capacity 1: one Start at a time
	stops      int           // that were asked for, ever
	stopping   int           // Stops at work: no Start begins meanwhile
	submitting bool          // a Start is asking PID 1: no Stop looks meanwhile
	cleaned    string        // the invocation that has ended by itself and was stopped for it
	verdict    string        // the result of its last job
}

func newUnit(name string) *unit {
	return &unit{name: name, v: view{active: "inactive"}, next: view{active: "inactive"},
		changed: make(chan struct{}), turn: make(chan struct{}, 1)}
}

// shout wakes everybody who waits for a change.
func (u *unit) shout() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// isLoaded says whether systemd knows the unit, as far as we have heard.
func (u *unit) isLoaded() bool { return u.v.isLoaded() }

// heard takes in a change of one interface and says whether there is something new, or that to be confirmed by reading.
// Changes of Service come right before those of Unit, and only together they are true. That a service has ended may be
// said on the way to its restart.
func (u *unit) heard(face string, at dbus.Sequence, p map[string]dbus.Variant) (news, confirm bool) {
	switch {
	case face == serviceFace && at > u.otherAt:
		u.next, u.otherAt = u.next.withService(p), at
	case face == unitFace && at > u.unitAt:
		u.next, u.unitAt = u.next.withUnit(p), at
		if !u.next.isLoaded() && u.next.active != "inactive" {
			u.next.load = "loaded" // which is not told
		}
		if u.next.down() && !u.v.down() {
			return false, true
		}
		u.v = u.next.after(u.v)
		return true, false
	}
	return false, false
}

// took takes in an answer; one that is older than what is known already changes nothing. It is false for one of ours that
// has gone: that is on its way to us, after how it ended, which only what comes before it tells.
func (u *unit) took(r reading) bool {
	if r.gone && u.ours && u.isLoaded() {
		return false
	}
	before := u.next
	if r.otherAt > u.otherAt {
		u.next, u.otherAt = u.next.withService(r.service), r.otherAt
	}
	if r.unitAt > u.unitAt {
		u.next, u.unitAt = u.next.withUnit(r.unit), r.unitAt
	}
	if !u.ours {
		get(r.unit, "LoadState", &u.next.load) // nothing else tells it, and reading a unit that rests ends with its removal
	}
	if r.gone {
		u.next = before.gone()
		u.next.load = "not-found"
	}
	if old := r.unitAt < u.unitAt; old && !r.gone && u.next.down() && !u.v.down() {
		return true // an end that only a newer answer confirms; one is asked for
	}
	u.v = u.next.after(u.v)
	return true
}

// forgotten says that systemd has no such unit any more. One of somebody else's may still have its file.
func (u *unit) forgotten() {
	u.next = u.next.gone()
	if u.ours {
		u.next.load = ""
	}
	u.v = u.next.after(u.v)
}
