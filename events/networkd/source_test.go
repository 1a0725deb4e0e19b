package networkd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hookd/events"
)

// world is a source with files of its own, looked at by hand.
type world struct {
	t   *testing.T
	s   *Source
	dir string
	now time.Time
}

func newWorld(t *testing.T, running bool) *world {
	w := &world{t: t, dir: t.TempDir(), now: time.Now()}
	if err := os.Mkdir(filepath.Join(w.dir, "links"), 0o700); err != nil {
		t.Fatal(err)
	}
	if running {
		w.write("state", "")
	}
	w.restart(nil)
	return w
}

func (w *world) restart(saved []events.Event) {
	w.s = New(saved, Options{Dir: w.dir, Told: filepath.Join(w.dir, "told")})
	w.s.Want(func(string) bool { return true })
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) admin(index int, state string) {
	w.write("links/"+strconv.Itoa(index), "# This is private data. Do not parse.\nADMIN_STATE="+state+"\nOPER_STATE=off\n")
}

func state(index int, name, from, to, source string) events.Event {
	e, err := events.New("interface.state", []events.Param{{Key: "interface", Value: name}, {Key: "index", Value: strconv.Itoa(index)},
		{Key: "type", Value: "ether"}, {Key: "from", Value: from}, {Key: "to", Value: to}})
	if err != nil {
		panic(err)
	}
	e.Source = source
	return e
}

func (w *world) hear(index int, name, from, to string) {
	w.s.Hear(state(index, name, from, to, events.SourceKernel))
}

// expect looks and compares, one event a line: INTERFACE STATE ADMINISTRATIVE/OPERATIONAL SOURCE.
func (w *world) expect(want ...string) {
	w.t.Helper()
	var got []string
	said, asked := w.s.look(w.now)
	for _, e := range w.s.events(w.t.Context(), said, asked, w.now) {
		get := func(key string) string { v, _ := e.Get(key); return v }
		if e.Name != "networkd."+get("state") || e.Subject != "networkd/"+get("interface") {
			w.t.Errorf("%s is about %s", e, e.Subject)
		}
		got = append(got, fmt.Sprintf("%s %s %s/%s %s", get("interface"), get("state"), get("administrative-state"), get("operational-state"), e.Source))
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("told\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The order is that in which networkd-dispatcher was seen to tell.
func TestLifeOfAnInterface(t *testing.T) {
	w := newWorld(t, true)
	w.hear(3, "eth0", "missing", "off")
	w.hear(3, "eth0", "off", "no-carrier")
	w.expect() // systemd-networkd has not spoken yet
	w.admin(3, "configuring")
	w.expect("eth0 off configuring/off kernel", "eth0 initialized initialized/off kernel", "eth0 configuring configuring/off kernel",
		"eth0 no-carrier configuring/no-carrier kernel")
	w.hear(3, "eth0", "no-carrier", "routable")
	w.expect("eth0 routable configuring/routable kernel")
	w.admin(3, "configured")
	w.expect("eth0 configured configured/routable networkd")
	w.expect()
	w.admin(3, "failed")
	w.hear(3, "eth0", "routable", "degraded")
	w.expect("eth0 failed failed/routable kernel", "eth0 degraded failed/degraded kernel")
	os.Remove(filepath.Join(w.dir, "links/3"))
	w.expect() // as when systemd-networkd is stopped
	w.hear(3, "eth0", "degraded", "missing")
	w.expect("eth0 off failed/off kernel", "eth0 linger linger/off kernel", "eth0 missing linger/missing kernel")
}

func TestStatesBetweenAreTold(t *testing.T) {
	w := newWorld(t, true)
	w.hear(3, "eth0", "missing", "routable")
	w.admin(3, "configured")
	w.expect("eth0 off configured/off kernel", "eth0 initialized initialized/off kernel", "eth0 configuring configuring/off kernel",
		"eth0 configured configured/off kernel", "eth0 routable configured/routable kernel")
	w.hear(4, "eth1", "missing", "carrier")
	w.hear(4, "eth1", "carrier", "missing")
	w.expect("eth1 off unmanaged/off kernel", "eth1 carrier unmanaged/carrier kernel", "eth1 off unmanaged/off kernel", "eth1 missing unmanaged/missing kernel")
}

// An interface of which systemd-networkd never speaks is told all the same, and so is everything without systemd-networkd.
func TestNoWord(t *testing.T) {
	w := newWorld(t, true)
	w.hear(3, "eth0", "missing", "off")
	w.expect()
	w.now = w.now.Add(2 * fileWait)
	w.expect("eth0 off unmanaged/off kernel")
	w = newWorld(t, false)
	w.hear(3, "eth0", "missing", "off")
	w.hear(3, "eth0", "off", "carrier")
	w.expect("eth0 off unmanaged/off kernel", "eth0 carrier unmanaged/carrier kernel")
	w.write("state", "")
	w.admin(3, "unmanaged")
	w.expect("eth0 unmanaged unmanaged/carrier networkd")
}

func TestStart(t *testing.T) {
	w := newWorld(t, true)
	w.admin(1, "unmanaged")
	w.s.Hear(state(1, "lo", "missing", "carrier", events.SourceStart))
	w.expect("lo unmanaged unmanaged/carrier start", "lo carrier unmanaged/carrier start")
}

func TestRestart(t *testing.T) {
	w := newWorld(t, true)
	w.admin(3, "configuring")
	w.admin(4, "unmanaged")
	saved := []events.Event{state(3, "eth0", "missing", "off", events.SourceStart), state(4, "eth1", "missing", "off", events.SourceStart)}
	w.s.Hear(saved[0])
	w.s.Hear(saved[1])
	w.expect("eth0 configuring configuring/off start", "eth0 off configuring/off start", "eth1 unmanaged unmanaged/off start", "eth1 off unmanaged/off start")
	w.admin(3, "configured")
	w.restart(saved)
	w.s.Hear(state(4, "eth1", "off", "carrier", events.SourceResync))
	w.expect("eth1 carrier unmanaged/carrier resync", "eth0 configured configured/off networkd")
	w.restart(saved)
	w.expect()

	w.s.Want(nil) // nobody hears of anything any more: what is there when somebody does again is no news
	w.expect()
	w.admin(4, "configured")
	w.restart(saved)
	w.expect()
	w.admin(4, "failed")
	w.expect("eth1 failed failed/off networkd")
}

func TestRename(t *testing.T) {
	w := newWorld(t, false)
	w.s.Hear(state(3, "eth0", "missing", "off", events.SourceStart))
	w.expect("eth0 off unmanaged/off start")
	e, _ := events.New("link.renamed", []events.Param{{Key: "interface", Value: "lan0"}, {Key: "index", Value: "3"}, {Key: "old-interface", Value: "eth0"}})
	w.s.Hear(e)
	w.admin(3, "configured")
	w.write("state", "")
	w.expect("lan0 configured configured/off networkd")
}

// TestS1 writes states that are none.
func TestS1(t *testing.T) {
	w := newWorld(t, true)
	w.s.Hear(state(3, "eth0", "missing", "off", events.SourceStart))
	w.expect("eth0 off unmanaged/off start")
	for _, word := range []string{"../../x", "a/b", ".", "", "configured\x00", " configured", "CONFIGURED", "routable", strings.Repeat("x", 64<<10)} {
		w.admin(3, word)
		w.expect()
	}
	os.Remove(filepath.Join(w.dir, "links/3"))
	os.Symlink("/etc/passwd", filepath.Join(w.dir, "links/3"))
	w.expect()
	w.write("links/../../x", "ADMIN_STATE=configured\n")
	w.write("links/-3", "ADMIN_STATE=configured\n")
	w.write("links/3.new", "ADMIN_STATE=configured\n")
	w.expect()
	w.s.Hear(events.Event{Name: "interface.state", Params: []events.Param{{Key: "index", Value: "3"}, {Key: "to", Value: "../x"}}})
	w.expect()
}

// TestRun has the source watch its files by itself, while somebody hears of it.
func TestRun(t *testing.T) {
	w := newWorld(t, true)
	w.admin(3, "configuring")
	ctx, stop := context.WithCancel(t.Context())
	got, over := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(over)
		w.s.Run(ctx, func(e events.Event) error { got <- e.Name; return nil })
	}()
	expect := func(want string) {
		t.Helper()
		select {
		case name := <-got:
			if name != want {
				t.Errorf("told is %s, not %s", name, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nothing is told")
		}
	}
	w.s.Hear(state(3, "eth0", "missing", "off", events.SourceStart))
	expect("networkd.configuring")
	expect("networkd.off")
	w.admin(3, "configured")
	expect("networkd.configured")
	w.hear(4, "eth1", "missing", "off") // nobody writes a file for it
	expect("networkd.off")
	stop()
	<-over
}
