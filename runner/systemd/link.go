package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// socket is where PID 1 speaks D-Bus without a bus. Only root may connect.
const socket = "/run/systemd/private"

const (
	service     = "org.freedesktop.systemd1"
	unitFace    = service + ".Unit"
	serviceFace = service + ".Service"
	unitRoot    = "/org/freedesktop/systemd1/unit/"
)

// link is one connection to PID 1. What it is sent there comes in one order: each signal and each answer has its number
// (dbus.Sequence), so that an answer is never undone by a signal that was sent before it.
//
// PID 1 takes no match rules on this socket; it sends every signal to every peer, and nothing while nothing changes.
type link struct {
	raw     *dbus.Conn
	sd      *sd.Conn
	signals chan *dbus.Signal // emptied by Run alone, which never waits; godbus keeps what does not fit, in order
	lost    <-chan struct{}   // closed when the connection ends
	unset   []string          // names of the variables that PID 1 gives to each service
}

func connect(dial func() (net.Conn, error)) (*link, error) {
	end, err := dial()
	if err != nil {
		return nil, err
	}
	_ = end.SetDeadline(time.Now().Add(openTimeout)) // a PID 1 that is just being executed again may never answer
	raw, err := dbus.NewConn(end, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		end.Close()
		return nil, err
	}
	l := &link{raw: raw, signals: make(chan *dbus.Signal, 256), lost: raw.Context().Done()}
	if err := l.open(); err != nil {
		raw.Close()
		return nil, err
	}
	return l, end.SetDeadline(time.Time{})
}

// openTimeout bounds what is said before a connection is of use.
const openTimeout = 30 * time.Second

// open gives go-systemd the one connection for both its purposes: with two of them PID 1 would send each signal twice.
func (l *link) open() (err error) {
	if err := l.raw.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
		return err
	}
	l.raw.Signal(l.signals)
	if l.sd, err = sd.NewConnection(func() (*dbus.Conn, error) { return l.raw, nil }); err != nil {
		return err
	}
	return l.readEnvironment()
}

func (l *link) readEnvironment() error {
	v, err := l.raw.Object(service, "/org/freedesktop/systemd1").GetProperty(service + ".Manager.Environment")
	if err != nil {
		return err
	}
	var all []string
	if err := v.Store(&all); err != nil {
		return err
	}
	for _, e := range all {
		if name, _, _ := strings.Cut(e, "="); name != "PATH" {
			l.unset = append(l.unset, name)
		}
	}
	return nil
}

func (l *link) close() { l.raw.Close() }

// isLost says whether the connection has ended, whatever a call on it says.
func (l *link) isLost() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

// reading is what PID 1 answers about a unit at one moment.
type reading struct {
	id              string // its own name, where the one asked for is an alias
	unit, service   map[string]dbus.Variant
	unitAt, otherAt dbus.Sequence
	gone            bool // systemd has no such unit
}

// read asks for the unit first: what it says of how a service ended is then at least as new as that it ended. Reading a
// unit that is not there makes PID 1 announce and forget it; nobody reads because of such an announcement.
//
// Of a unit that stands where it is known to stand nothing more is asked: a service has no news without a change of state.
func (l *link) read(ctx context.Context, path dbus.ObjectPath, known view) (r reading, err error) {
	if r.unit, r.unitAt, err = l.properties(ctx, path, unitFace); err != nil {
		return r, err
	}
	get(r.unit, "Id", &r.id)
	r.gone = isGone(r.unit)
	if r.gone || !strings.HasSuffix(r.id, suffix) || known.sameState(known.withUnit(r.unit)) {
		return r, nil
	}
	if r.service, r.otherAt, err = l.properties(ctx, path, serviceFace); err != nil {
		return r, err
	}
	var pid uint32
	if get(r.service, "ExecMainPID", &pid); pid == 0 { // it never had a process, or went between the two questions
		again, _, err := l.properties(ctx, path, unitFace)
		r.gone = isGone(again)
		return r, err
	}
	return r, nil
}

func isGone(unit map[string]dbus.Variant) bool {
	var load string
	get(unit, "LoadState", &load)
	return load == "not-found"
}

func (l *link) properties(ctx context.Context, path dbus.ObjectPath, face string) (map[string]dbus.Variant, dbus.Sequence, error) {
	call := l.raw.Object(service, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.GetAll", 0, face)
	var p map[string]dbus.Variant
	if err := call.Store(&p); err != nil {
		return nil, 0, fmt.Errorf("read the state of %s: %w", path, err)
	}
	return p, call.ResponseSequence, nil
}

func pathOf(unit string) dbus.ObjectPath {
	return dbus.ObjectPath(unitRoot + sd.PathBusEscape(unit))
}

// isError says whether PID 1 refused with one of its own errors.
func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == service+"."+name
}
