package rtnl

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/nstest"
)

// slowSource makes a source with a small buffer, whose reader can be made to stand still, once.
func slowSource() (s *Source, hold, free func()) {
	var stuck atomic.Bool
	freed := make(chan struct{})
	s = New(nil)
	s.buffer = 4096
	s.stall = func() {
		if stuck.Load() {
			<-freed
		}
	}
	return s, func() { stuck.Store(true) }, func() { stuck.Store(false); close(freed) }
}

// R1: messages that the kernel had to drop leave the right state behind, told as a net difference after hookd.lost.
func TestNetnsR1Overrun(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	slow, hold, free := slowSource()
	k := listenTo(t, slow)
	k.veth("a", "b")
	k.veth("gone", "gone-peer")
	k.ip("link set dev b up")
	k.mark()
	hold() // the reader stands still while its buffer overflows
	for range 300 {
		k.ip("link set dev a down")
		k.ip("link set dev a up")
	}
	k.ip("link del dev gone")
	k.ip("link add name new type veth peer name new-peer")
	free()
	k.until("hookd.lost")
	k.until("link.removed gone")
	k.until("link.added new")
	k.mark()
	fresh := listen(t)
	fresh.number = 1
	fresh.mark()
	k.mark()
	if k.source.Overruns() == 0 {
		t.Error("no overrun was counted")
	}
	if diff := cmp.Diff(lastStates(fresh.seen), lastStates(k.seen)); diff != "" {
		t.Errorf("states after the overrun (-fresh +ours):\n%s", diff)
	}
}

// R2: while interfaces come and go, every dump is interrupted. What such dumps do not find out is found out afterwards.
func TestNetnsR2Churn(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	var add, del, churn strings.Builder
	for i := range 300 {
		fmt.Fprintf(&add, "link add name d%d type veth peer name e%d\n", i, i)
	}
	for i := range 20 {
		fmt.Fprintf(&del, "link del dev d%d\n", i)
	}
	for i := range 400 {
		fmt.Fprintf(&churn, "link add name c%d type veth peer name f%d\nlink del dev c%d\n", i, i, i)
	}
	batch(t, add.String())
	slow, hold, free := slowSource()
	k := listenTo(t, slow)
	hold()
	batch(t, del.String()) // nobody reads this, and the buffer overflows
	churned := make(chan struct{})
	go func() { defer close(churned); batch(t, churn.String()) }()
	time.AfterFunc(20*time.Millisecond, free)
	<-churned
	for i := range 20 {
		k.until(fmt.Sprintf("link.removed d%d", i))
	}
	k.mark()
	there := map[string]int{}
	for _, e := range k.seen {
		switch e.Name {
		case "link.added":
			there[e.Subject]++
		case "link.removed":
			there[e.Subject]--
		}
	}
	for name, n := range there {
		if gone := !strings.ContainsAny(name[:1], "del") || n != 1; gone && n != 0 {
			t.Errorf("%s: %d more times added than removed", name, n)
		}
	}
}

// lastStates is the last word told of each interface that is there.
func lastStates(seen []events.Event) map[string]string {
	out := map[string]string{}
	for _, e := range seen {
		if e.Name == "interface.state" {
			to, _ := e.Get("to")
			if out[e.Subject] = to; to == "missing" {
				delete(out, e.Subject)
			}
		}
	}
	return out
}

// R3: a socket that fails is replaced by a new one, which hears what the old one heard; what happened between is told.
func TestNetnsR3Socket(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	var broken atomic.Bool
	source := New(nil)
	source.stall = func() {
		if broken.CompareAndSwap(true, false) {
			source.sock.Close()
		}
	}
	source.Want(true, true)
	reports, goOn := make(chan error), make(chan bool)
	k := listenReporting(t, source, func(err error) { reports <- err; <-goOn })
	k.pair()
	for round := range 2 {
		k.mark()
		k.seen = nil
		broken.Store(true)
		k.ip(fmt.Sprintf("link add name n%d type veth peer name m%d", round, round))
		select {
		case err := <-reports:
			t.Logf("reported: %v", err)
		case <-time.After(patience):
			t.Fatal("the failure is never reported")
		}
		k.ip(fmt.Sprintf("route add 10.%d.0.0/16 via 192.0.2.2", round)) // nobody listens now
		k.ip(fmt.Sprintf("neighbor add 192.0.2.%d lladdr 02:00:00:00:00:02 nud permanent dev a", 3+round))
		goOn <- true
		k.until(fmt.Sprintf("link.added n%d", round))
		for _, want := range []string{fmt.Sprintf("route.added 10.%d.0.0/16 254 unicast boot a 192.0.2.2 -", round),
			fmt.Sprintf("neighbor.added 192.0.2.%d a 02:00:00:00:00:02 -", 3+round)} {
			if e := k.until(want); e.Source != events.SourceResync {
				t.Errorf("%s comes from %s", want, e.Source)
			}
		}
		k.ip(fmt.Sprintf("route del 10.%d.0.0/16", round)) // and the new socket hears of all kinds
		k.ip(fmt.Sprintf("neighbor del 192.0.2.%d dev a", 3+round))
		k.until(fmt.Sprintf("route.removed 10.%d.0.0/16 254 unicast boot a 192.0.2.2 -", round))
		k.until(fmt.Sprintf("neighbor.removed 192.0.2.%d a 02:00:00:00:00:02 -", 3+round))
	}
}

// S13: what does not come from the kernel is counted and not read, whoever may send it.
func TestNetnsS13Forged(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	k := listen(t)
	k.veth("a", "b")
	k.mark()
	k.seen = nil
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	index, err := strconv.Atoi(linkIndex(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	gone := nl.NewNetlinkRequest(unix.RTM_DELLINK, 0)
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = int32(index)
	gone.AddData(head)
	gone.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("a")))
	if err := unix.Sendto(fd, gone.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: k.source.pid}); err != nil {
		t.Fatalf("cannot forge a message: %v", err)
	}
	k.expect("", "a")
	eventually(t, "a foreign message is counted", func() bool { return k.source.Foreign() == 1 })
	k.ip("link del dev a")
	k.until("link.removed a")
}
