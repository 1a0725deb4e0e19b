package rtnl

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/nstest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// kernel is a source that reads in the namespace of the test.
type kernel struct {
	t      *testing.T
	source *Source
	ctx    context.Context
	seen   []events.Event
	number int // of the listener in its test
	marks  int
	stop   func() // ends the source and waits for its end
}

// listen starts a source and waits for its start.
func listen(t *testing.T) *kernel { return listenTo(t, New(nil)) }

func listenTo(t *testing.T, source *Source) *kernel {
	return listenReporting(t, source, func(err error) { t.Errorf("source: %v", err) })
}

func listenReporting(t *testing.T, source *Source, report func(error)) *kernel {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	k := &kernel{t: t, source: source, ctx: ctx, stop: func() { cancel(); <-ended }}
	go func() {
		defer close(ended)
		if err := k.source.Run(ctx, report); err != nil {
			t.Errorf("source: %v", err)
		}
	}()
	t.Cleanup(k.stop)
	select {
	case <-k.source.ready:
	case <-time.After(patience):
		t.Fatal("the source is never ready")
	}
	return k
}

func (k *kernel) ip(words string) {
	k.t.Helper()
	nstest.IP(k.t, strings.Fields(words)...)
}

// until reads on until an event of that text has come, and returns it.
func (k *kernel) until(want string) events.Event {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	defer cancel()
	for at := 0; ; {
		for ; at < len(k.seen); at++ {
			if show(k.seen[at]) == want {
				return k.seen[at]
			}
		}
		batch, err := k.source.Next(ctx)
		if err != nil {
			k.t.Fatalf("%q never came; there were\n%s", want, showAll(k.seen))
		}
		k.seen = append(k.seen, batch...)
	}
}

// mark makes an event that nothing else makes and reads up to it: what the kernel did before has been read then.
func (k *kernel) mark() {
	k.t.Helper()
	k.marks++
	mark := fmt.Sprintf("10.99.%d.%d/32", 8*k.number+k.marks/256, k.marks%256)
	k.ip("address add " + mark + " dev lo")
	k.until("address.added lo " + mark)
}

// about takes the events of the given subjects that came so far, without those of IPv6 link-local addresses, whose
// moment is not ours, and forgets all.
func (k *kernel) about(subjects ...string) string {
	k.mark()
	var out []events.Event
	for _, e := range k.seen {
		if a, _ := e.Get("address"); slices.Contains(subjects, e.Subject) && !strings.HasPrefix(a, "fe80:") {
			out = append(out, e)
		}
	}
	k.seen = nil
	return showAll(out)
}

func (k *kernel) expect(want string, subjects ...string) {
	k.t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), k.about(subjects...)); diff != "" {
		k.t.Errorf("events of %v (-want +got):\n%s", subjects, diff)
	}
}

// veth makes a pair without IPv6 link-local addresses.
func (k *kernel) veth(a, b string) {
	k.ip("link add name " + a + " type veth peer name " + b)
	for _, name := range []string{a, b} {
		k.ip("link set dev " + name + " addrgenmode none")
	}
}

// batch gives commands to ip(8).
func batch(t *testing.T, commands string) {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("ip -batch: %v\n%s", err, out)
	}
}
