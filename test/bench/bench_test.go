package main

import (
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hookd/internal/nstest"
)

func upTo(n int) []time.Duration {
	var times []time.Duration
	for i := n; i > 0; i-- { // not sorted
		times = append(times, time.Duration(i)*time.Microsecond)
	}
	return times
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		times int
		q     float64
		want  time.Duration
	}{
		{1, 0.5, 1}, {1, 0.9, 1}, {2, 0.5, 1}, {2, 0.9, 2}, {3, 0.5, 2}, {10, 0.9, 9}, {200, 0.5, 100}, {200, 0.9, 180},
	} {
		if got := quantile(upTo(c.times), c.q); got != c.want*time.Microsecond {
			t.Errorf("%g of 1…%d: %s, want %d", c.q, c.times, got, c.want)
		}
	}
}

func TestRaceTable(t *testing.T) {
	var all []*contestant
	for i := range children() {
		all = append(all, &contestant{took: upTo(100 * (i + 1))}, &contestant{took: upTo(150 * (i + 1))})
	}
	var got []string
	for line := range strings.Lines(raceTable(all, 7)) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{"", "netlink message → first instruction (7 rounds each, in turn, 15ms apart) p50 µs p90 µs",
		"bare C, static child 50 90", "hookd, static child 75 135", "ratio 1.50 1.50",
		"bare C, dynamic child 100 180", "hookd, dynamic child 150 270", "ratio 1.50 1.50",
		"bare C, /bin/sh, static child 150 270", "hookd, /bin/sh, static child 225 405", "ratio 1.50 1.50"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestField(t *testing.T) {
	text := []byte("Name:\thookd\nVmRSS:\t    9292 kB\nVmRSSX:\t1 kB\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t3\n")
	for name, want := range map[string]int{"VmRSS": 9292, "voluntary_ctxt_switches": 17, "nonvoluntary_ctxt_switches": 3, "Vm": 0} {
		if got := field(text, name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	before := parseTimes("cpu  10 0 10 100 0 0 0 0 5 0\ncpu0 1 1 1 1\n")
	for text, want := range map[string]string{
		"cpu  20 0 20 170 5 1 2 2 9 0\n": "75 % idle, 2 % stolen",
		"cpu  60 0 60 100 0 0 0 0 9 0\n": "0 % idle, 0 % stolen; the times tell of other work, too",
	} {
		if got := parseTimes(text).since(before); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// What sets the interface up and down does so, and what the kernel refuses is an error.
func TestNetnsLink(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test, in the namespace that it made
	l, err := newLink()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, up := range []bool{true, false, true} {
		if err := l.ask(map[bool][]byte{true: l.up, false: l.down}[up]); err != nil {
			t.Fatal(err)
		}
		bench0, err := net.InterfaceByName("bench0")
		if err != nil || bench0.Flags&net.FlagUp != 0 != up {
			t.Errorf("asked for up %v: %v, %v", up, bench0, err)
		}
	}
	if err := l.ask(request(1<<20, unix.IFF_UP)); !errors.Is(err, unix.ENODEV) {
		t.Errorf("an interface that is not there: %v", err)
	}
}

// Every source that is compiled is embedded.
func TestSources(t *testing.T) {
	for _, name := range []string{"child", "dynamic", "listener"} {
		if _, err := sources.ReadFile("c/" + name + ".c"); err != nil {
			t.Error(err)
		}
	}
}
