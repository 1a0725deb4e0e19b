package hookd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/control"
	"hookd/internal/nstest"
	"hookd/runner"
	"hookd/runner/history"
)

// lines are the lines that hooks have written into a file; none when it is not there.
func (h *host) lines(name string) []string {
	text, _ := os.ReadFile(h.path(name))
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// operState is the operational state of an interface in the word of ip(8).
func operState(name string) string {
	out, _ := exec.Command("ip", "-o", "link", "show", "dev", name).Output()
	_, after, _ := strings.Cut(string(out), " state ")
	word, _, _ := strings.Cut(after, " ")
	return word
}

// batch runs several commands of ip(8) at once.
func (h *host) batch(commands ...string) {
	h.t.Helper()
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("ip -batch: %v, %s", err, out)
	}
}

// runs are the runs of the history with a job of a hook, in the order of their events.
func (h *host) runs(hook string) []history.Entry {
	h.t.Helper()
	var out []history.Entry
	err := history.Read(h.path("state/"+historyName), history.Filter{Hook: hook}, func(e history.Entry) error {
		out = append(out, e)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.SortStableFunc(out, func(a, b history.Entry) int { return a.Event.Time.Compare(b.Event.Time) })
	return out
}

// R6: an address that is removed and comes back while it settles makes one change, and its interface was never down.
func TestNetnsR6AddressReplaced(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"state.hook": "[Hook]\nOn=interface.state interface=va\nSettle=3s\nExec=/bin/sh -c 'echo \"$EVENT_FROM $EVENT_TO\" >>DIR/states'\n",
		"addr.hook":  "[Hook]\nOn=address.* interface=va family=ipv4\nSettle=3s\nExec=/bin/sh -c 'echo \"$HOOK_EVENT $EVENT_ADDRESS $EVENT_LABEL\" >>DIR/addresses'\n",
	})
	h.veth("va", "vb")
	h.start()
	h.batch("link set dev vb up", "link set dev va up", "address add 192.0.2.1/24 dev va")
	h.eventually("the first state", func() bool { return len(h.lines("states")) == 1 && len(h.lines("addresses")) == 1 })
	h.batch("address del 192.0.2.1/24 dev va", "address add 192.0.2.1/24 dev va label va:new")
	h.eventually("the change", func() bool { return len(h.lines("addresses")) == 2 })
	h.batch("address del 192.0.2.1/24 dev va", "address add 192.0.2.1/24 dev va label va:new")
	h.batch("address change 192.0.2.1/24 dev va label va:new valid_lft 1000 preferred_lft 900")
	h.batch("address del 192.0.2.1/24 dev va")
	h.eventually("the end", func() bool { return len(h.lines("states")) == 2 && len(h.lines("addresses")) == 3 })
	if diff := cmp.Diff([]string{"missing routable", "routable carrier"}, h.lines("states")); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	want := []string{"address.added 192.0.2.1 va", "address.changed 192.0.2.1 va:new", "address.removed 192.0.2.1 va:new"}
	if diff := cmp.Diff(want, h.lines("addresses")); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

// R17: a hundred flaps run a hook that settles twice at the most, and it knows the last state.
func TestNetnsR17Flapping(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"both.hook": "[Hook]\nOn=link.up interface=va\nOn=link.down interface=va\nSettle=2s\nExec=/bin/sh -c 'echo $HOOK_EVENT >>DIR/both'\n",
		"many.hook": "[Hook]\nOn=link.up interface=va\nOn=link.down interface=va\nRateLimit=5/5s\nExec=/bin/sh -c 'echo $HOOK_EVENT >>DIR/many'\n",
	})
	h.veth("va", "vb")
	nstest.IP(t, "link", "set", "dev", "vb", "up")
	h.start()
	h.watch("link.*", "interface=va")
	var flaps []string
	for range 100 {
		flaps = append(flaps, "link set dev va up", "link set dev va down")
	}
	h.batch(append(flaps, "link set dev va up")...)
	h.eventually("the last state", func() bool { return slices.Equal(h.lines("both"), []string{"link.up"}) })
	h.batch("link set dev va down")
	h.eventually("the end", func() bool {
		many := h.lines("many")
		return len(h.lines("both")) == 2 && len(many) > 0 && many[len(many)-1] == "link.down"
	})
	if diff := cmp.Diff([]string{"link.up", "link.down"}, h.lines("both")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	seen := 0
	for _, r := range h.seen() {
		if r.Kind == "event" && r.Late == "" && (r.Event.Name == "link.up" || r.Event.Name == "link.down") {
			seen++
		}
	}
	if seen < 20 || len(h.lines("many")) > 15 {
		t.Errorf("%d events, %d runs of the hook with a rate limit", seen, len(h.lines("many")))
	}
}

// After a restart only the difference fires, to hooks that were there; a new hook hears of the state.
func TestNetnsRestart(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const note = "Exec=/bin/sh -c 'echo \"$HOOK_EVENT $EVENT_INTERFACE $HOOK_SOURCE\" >>DIR/$HOOK_NAME.txt'\n"
	h := newHost(t, map[string]string{"old.hook": "[Hook]\nOn=link.up\nOn=link.down\nOn=hookd.started\n" + note})
	h.veth("va", "vb")
	h.batch("link set dev lo up", "link set dev va up", "link set dev vb up")
	h.start()
	h.eventually("all interfaces", func() bool { return len(h.lines("old.txt")) == 4 })
	for _, end := range []func(){h.stop, h.kill} {
		os.Remove(h.path("old.txt"))
		end()
		h.batch("link set dev vb down", "link add name brx type bridge", "link set dev brx up")
		for deadline := time.Now().Add(patience); operState("va") == "UP" && time.Now().Before(deadline); { // the kernel takes its time
			time.Sleep(10 * time.Millisecond)
		}
		h.write("hooks/new.hook", "[Hook]\nOn=link.up\nOn=link.down\n"+note, 0o644)
		h.start()
		h.eventually("the difference", func() bool { return len(h.lines("old.txt")) == 4 })
		got := h.lines("old.txt")
		slices.Sort(got)
		if diff := cmp.Diff([]string{"hookd.started  hookd", "link.down va resync", "link.down vb resync", "link.up brx resync"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		h.eventually("the new hook", func() bool { return len(h.lines("new.txt")) == 6 })
		got = h.lines("new.txt") // what was before hookd found the difference, and that
		slices.Sort(got)
		if diff := cmp.Diff([]string{"link.down va resync", "link.down vb resync", "link.up brx resync", "link.up lo start", "link.up va start", "link.up vb start"}, got); diff != "" {
			t.Errorf("new hook (-want +got):\n%s", diff)
		}
		os.Remove(h.path("hooks/new.hook"))
		h.eventually("the end of the new hook", func() bool {
			var s control.Status
			return h.call(control.MethodReload, nil, nil) == nil && h.call(control.MethodStatus, nil, &s) == nil && s.Hooks == 1
		})
		os.Remove(h.path("new.txt"))
		h.batch("link set dev vb up", "link del dev brx")
		h.eventually("all as it was", func() bool { return len(h.lines("old.txt")) == 7 })
	}
}

// R13: hookd is killed 200 times at random moments while links flap. Nothing runs twice, what did not run is told as
// interrupted, every hook sees up and down in turn, and the last state.
func TestNetnsR13Kill(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const ifaces = 3
	h := newHost(t, map[string]string{
		"a.hook": "[Hook]\nOn=link.up interface=va*\nOn=link.down interface=va*\nRateLimit=infinity\nExec=/bin/sh -c 'echo \"$HOOK_RUN $HOOK_NAME\" >>DIR/ran'\n",
		"b.hook": "[Hook]\nOn=link.up interface=va*\nOn=link.down interface=va*\nRateLimit=infinity\nAfter=a\nExec=/bin/sh -c 'echo \"$HOOK_RUN $HOOK_NAME\" >>DIR/ran'\n",
	})
	for i := range ifaces {
		h.veth(fmt.Sprintf("va%d", i), fmt.Sprintf("vb%d", i))
		h.batch(fmt.Sprintf("link set dev vb%d up", i))
	}
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for range 200 {
		h.launch()
		until := time.Now().Add(time.Duration(random.IntN(80)) * time.Millisecond)
		for time.Now().Before(until) {
			h.batch(fmt.Sprintf("link set dev va%d %s", random.IntN(ifaces), []string{"up", "down"}[random.IntN(2)]))
		}
		h.kill()
	}
	h.start()
	states := func() (out []string) {
		for i := range ifaces {
			out = append(out, map[bool]string{true: "up", false: "down"}[operState(fmt.Sprintf("va%d", i)) == "UP"])
		}
		return out
	}
	h.eventually("peace", func() bool {
		var s control.Status
		return h.call(control.MethodStatus, nil, &s) == nil && s.Waiting == 0 && s.Running == 0
	})
	h.eventually("the last state", func() bool { return slices.Equal(h.lastStates(ifaces), states()) })
	h.checkKilled(ifaces)
}

// lastStates is what hook a has heard last of each interface.
func (h *host) lastStates(ifaces int) []string {
	out := make([]string, ifaces)
	for i := range out {
		out[i] = "down" // as they begin
	}
	for _, e := range h.runs("a") {
		out[e.Event.Subject[2]-'0'] = strings.TrimPrefix(e.Event.Name, "link.")
	}
	return out
}

func (h *host) checkKilled(ifaces int) {
	h.t.Helper()
	ran := map[string]int{}
	for _, line := range h.lines("ran") {
		ran[line]++
	}
	interrupted, limited := 0, 0
	last := map[string]string{}
	for _, e := range h.runs("a") {
		if before, there := last[e.Event.Subject]; there && before == e.Event.Name || !there && e.Event.Name == "link.down" {
			h.t.Errorf("%s came after %q (run %s)", e.Event, before, e.Run)
		}
		last[e.Event.Subject] = e.Event.Name
		for _, j := range e.Jobs {
			n := ran[e.Run+" "+j.Hook]
			delete(ran, e.Run+" "+j.Hook)
			switch {
			case j.Result == runner.Interrupted && n <= 1:
				interrupted++
			case j.Result == runner.Limited && n == 0: // on a host so slow that too much waits
				limited++
			case j.Result != runner.Done || n != 1:
				h.t.Errorf("run %s, %s: %s %s, ran %d times", e.Run, j.Hook, j.Result, j.Reason, n)
			}
		}
	}
	if len(ran) > 0 {
		h.t.Errorf("ran without a word in the history: %v", ran)
	}
	if n := len(h.runs("a")); n-limited < 50 {
		h.t.Errorf("too little to mean anything: %d runs, %d jobs interrupted, %d limited", n, interrupted, limited)
	}
}

// R16: what a thousand hooks write is all there, each line with its hook and its run.
func TestNetnsR16Output(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const n = 1000
	hooks := map[string]string{"flood.hook": "[Hook]\nOn=user.flood\nExec=/bin/sh -c 'head -c 1000000 /dev/zero | tr \"\\\\0\" x'\n"}
	for i := range n {
		hooks[fmt.Sprintf("h%03d.hook", i)] = "[Hook]\nOn=user.lines\nExec=/bin/sh -c 'echo $HOOK_NAME speaks'\n"
	}
	h := newHost(t, hooks)
	h.start()
	var reply control.EmitReply
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.lines", Wait: true}, &reply); err != nil {
		t.Fatal(err)
	}
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.flood", Wait: true}, nil); err != nil {
		t.Fatal(err)
	}
	h.kill()
	found := h.runs("h000")
	if len(found) != 1 || found[0].Run != reply.Ended.Run || len(found[0].Jobs) != n {
		t.Fatalf("%d runs", len(found))
	}
	for _, j := range found[0].Jobs {
		if string(j.Output) != j.Hook+" speaks\n" || j.Result != runner.Done {
			t.Errorf("%s: %q, %s", j.Hook, j.Output, j.Result)
		}
	}
	flood := h.runs("flood")
	if len(flood) != 1 || int64(len(flood[0].Jobs[0].Output))+flood[0].Jobs[0].Cut != 1000000 || flood[0].Jobs[0].Cut == 0 {
		t.Errorf("flood: %d bytes, %d cut", len(flood[0].Jobs[0].Output), flood[0].Jobs[0].Cut)
	}
}

// program says what an event would run now.
func (h *host) program() string {
	var reply control.EmitReply
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.x", DryRun: true}, &reply); err != nil || len(reply.Plan.Jobs) != 1 {
		return ""
	}
	return string(reply.Plan.Jobs[0].Args[1])
}

// R18: however the directory of the hooks is changed, the new ones come into force by themselves; half a file never does.
func TestNetnsR18Files(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	hook := func(word string) string { return "[Hook]\nOn=user.x\nExec=/bin/echo " + word + "\n" }
	h := newHost(t, map[string]string{"x.hook": hook("first")})
	if err := os.Rename(h.path("hooks"), h.path("real")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", h.path("hooks")); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.watch("hookd.*")
	check := func(what, want string) {
		t.Helper()
		h.eventually(what+" brings "+want, func() bool { return h.program() == want })
	}
	check("the start", "first")
	h.write("real/x.hook", hook("edited"), 0o644)
	check("an edit in place", "edited")
	h.write("real/.new", hook("renamed"), 0o644)
	os.Rename(h.path("real/.new"), h.path("real/x.hook"))
	check("a rename over it", "renamed")
	h.write("real/x.hook.d/change.conf", "[Hook]\nExec=/bin/echo dropin\n", 0o644)
	check("a drop-in", "dropin")
	os.RemoveAll(h.path("real/x.hook.d"))
	check("its end", "renamed")
	h.write("other/x.hook", hook("repointed"), 0o644)
	os.Remove(h.path("hooks"))
	os.Symlink("other", h.path("hooks"))
	check("a repointed link", "repointed")
	h.write("third/x.hook", hook("swapped"), 0o644)
	os.Rename(h.path("other"), h.path("away"))
	os.Rename(h.path("third"), h.path("other"))
	check("a swapped directory", "swapped")
	os.RemoveAll(h.path("other"))
	h.eventually("a removed directory brings nothing", func() bool { return h.program() == "" })
	h.write("other/x.hook", hook("again"), 0o644)
	check("a directory made anew", "again")

	f, err := os.OpenFile(h.path("other/x.hook"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "[Hook]\nOn=user.x\nExec=/bin/echo ha") // is a hook already
	h.eventually("half a file is told", func() bool { return strings.Contains(h.log.String(), "has it open for writing") })
	if got := h.program(); got != "again" {
		t.Errorf("half a file brings %s", got)
	}
	reloads := func() int { return strings.Count(h.log.String(), "msg=reloaded") }
	before, looks := reloads(), time.Now().Add(2*time.Second)
	h.eventually("some looks at a file that is being written", func() bool { return time.Now().After(looks) })
	if n := reloads() - before; n > 1 {
		t.Errorf("%d reloads while the file is being written", n)
	}
	fmt.Fprint(f, "lf\n")
	f.Close()
	check("the whole file", "half")
	h.write("other/x.hook", "[Hook]\nOn=user.x\nExec=/bin/echo broken\nTimout=1s\n", 0o644)
	h.eventually("the fault is told", func() bool { return strings.Contains(h.log.String(), "unknown key Timout=") })
	var s control.Status
	if err := h.call(control.MethodStatus, nil, &s); err != nil || !slices.Equal(s.Kept, []string{"x"}) || h.program() != "half" {
		t.Errorf("kept %v, program %s, %v", s.Kept, h.program(), err)
	}
	for i := range 300 { // each an event or more for the watcher
		h.write(fmt.Sprintf("other/.n%d", i), hook(fmt.Sprint(i)), 0o644)
		os.Rename(h.path(fmt.Sprintf("other/.n%d", i)), h.path("other/x.hook"))
	}
	check("the last of many", "299")
	h.eventually("a reload is told", func() bool {
		return slices.ContainsFunc(h.seen(), func(r control.Record) bool { return r.Event != nil && r.Event.Name == "hookd.reloaded" })
	})
}

// Two hundred reloads while events flow: each event meets one whole set.
func TestNetnsReloads(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	hooks := func(n int) map[string]string {
		return map[string]string{"a.hook": fmt.Sprintf("[Hook]\nOn=user.x\nRateLimit=infinity\nExec=/bin/echo %d\n", n),
			"b.hook": fmt.Sprintf("[Hook]\nOn=user.x\nAfter=a\nRateLimit=infinity\nExec=/bin/echo %d\n", n)}
	}
	h := newHost(t, hooks(0))
	h.start()
	reloaded := make(chan error, 1)
	go func() {
		for n := range 200 {
			for name, text := range hooks(n) {
				h.write("hooks/.tmp", text, 0o644)
				if err := os.Rename(h.path("hooks/.tmp"), h.path("hooks/"+name)); err != nil {
					reloaded <- err
					return
				}
			}
			if err := h.call(control.MethodReload, nil, nil); err != nil {
				reloaded <- err
				return
			}
		}
		reloaded <- nil
	}()
	for n := 0; ; n++ {
		var reply control.EmitReply
		if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.x", Wait: true}, &reply); err != nil {
			t.Fatal(err)
		}
		if r := reply.Ended; r.Result != runner.Done || len(r.Jobs) != 2 || len(r.Refused) > 0 {
			t.Fatalf("event %d: %+v", n, r)
		}
		select {
		case err := <-reloaded:
			if err != nil || n < 20 {
				t.Errorf("%d events, %v", n, err)
			}
			return
		default:
		}
	}
}

// A program that a hook leaves behind outlives hookd, whether that ends or is killed, and may write as much as it likes
// when the next one runs.
func TestNetnsLeftBehind(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"leave": "#!/bin/sh\n# [Hook]\n# On=user.x\nsetsid sh -c 'echo $$ >DIR/daemon; while :; do if head -c 300000 /dev/zero; then echo ok >>DIR/wrote; else echo full >>DIR/wrote; fi; sleep 0.1; done' &\nwhile ! test -s DIR/daemon; do sleep 0.01; done\n",
	})
	h.start()
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.x", Wait: true}, nil); err != nil {
		t.Fatal(err)
	}
	var daemon int
	fmt.Sscan(h.file("daemon"), &daemon)
	defer exec.Command("kill", "-KILL", fmt.Sprint(daemon)).Run()
	var s control.Status
	if err := h.call(control.MethodStatus, nil, &s); err != nil {
		t.Fatal(err)
	}
	ends := []func(){h.stop}
	if strings.Contains(s.Executor, "control groups") { // without them a full pipe makes it wait, as hookd(8) says
		ends = []func(){h.kill, h.stop}
	}
	for _, end := range ends {
		end()
		time.Sleep(time.Second) // time enough to fill the pipe
		h.start()
		n := len(h.lines("wrote"))
		h.eventually("it goes on", func() bool { return len(h.lines("wrote")) > n+8 || !lives(daemon) })
		if !lives(daemon) {
			t.Fatal("what was left behind is gone")
		}
	}
}

// What hookd was killed over is ended, and begun again only with Retry=.
func TestNetnsInterrupted(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const hangs = "Timeout=infinity\nKillAfter=100ms\nExec=/bin/sh -c 'trap \"\" TERM; echo $$ >>DIR/$HOOK_NAME.pids; while test $(wc -l <DIR/$HOOK_NAME.pids) = 1; do sleep 0.01; done'\n"
	h := newHost(t, map[string]string{
		"once.hook":  "[Hook]\nOn=user.x\n" + hangs,
		"again.hook": "[Hook]\nOn=user.x\nRetry=1\n" + hangs,
		"hears.hook": "[Hook]\nOn=hook.* result=interrupted\nExec=/bin/sh -c 'echo $EVENT_HOOK >>DIR/heard'\n",
	})
	h.start()
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.x"}, nil); err != nil {
		t.Fatal(err)
	}
	h.eventually("both run", func() bool { return len(h.lines("once.pids")) == 1 && len(h.lines("again.pids")) == 1 })
	h.kill()
	h.start()
	h.eventually("the run ends", func() bool { return len(h.runs("once")) == 1 })
	got := map[string]runner.Result{}
	for _, j := range h.runs("once")[0].Jobs {
		got[j.Hook] = j.Result
	}
	if diff := cmp.Diff(map[string]runner.Result{"once": runner.Interrupted, "again": runner.Done}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, name := range []string{"once.pids", "again.pids"} {
		var pid int
		if fmt.Sscan(h.lines(name)[0], &pid); lives(pid) {
			t.Errorf("%s: the process of the first hookd lives", name)
		}
	}
	if len(h.lines("once.pids")) != 1 || len(h.lines("again.pids")) != 2 {
		t.Errorf("once ran %d times, again %d", len(h.lines("once.pids")), len(h.lines("again.pids")))
	}
	h.eventually("the result is heard", func() bool { return slices.Equal(h.lines("heard"), []string{"once"}) })
}

// WhenBusy=replace ends all that the running job has started, and says so.
func TestNetnsReplace(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"r": "#!/bin/sh\n# [Hook]\n# On=user.x\n# WhenBusy=replace\n# Timeout=infinity\n# KillAfter=100ms\ntest $EVENT_N = 2 && exit\n" +
			"trap '' TERM\nsetsid sh -c 'trap \"\" TERM; echo $$ >DIR/grandchild; sleep 1000' &\nsleep 1000\n",
	})
	h.start()
	emit := func(n string) {
		t.Helper()
		params := []control.EmitParam{{Key: "n", Value: events.Bytes(n)}}
		if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.x", Parameters: params}, nil); err != nil {
			t.Fatal(err)
		}
	}
	emit("1")
	var grandchild int
	fmt.Sscan(h.file("grandchild"), &grandchild)
	emit("2")
	h.eventually("both runs", func() bool { return len(h.runs("r")) == 2 })
	runs := h.runs("r")
	if runs[0].Result != runner.Canceled || !strings.HasPrefix(runs[0].Jobs[0].Reason, "a later event replaces it") || runs[1].Result != runner.Done || lives(grandchild) {
		t.Errorf("%s %s, %s; the grandchild lives: %v", runs[0].Result, runs[0].Jobs[0].Reason, runs[1].Result, lives(grandchild))
	}
}

// The history of a hook that fails tells all there is to know of it.
func TestNetnsHistory(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"fails.hook": "[Hook]\nOn=link.added interface=va\nRetry=1\nRetryDelay=10ms\nExec=/bin/sh -c 'echo broken >&2; exit 5' x %{interface}\n",
		"then.hook":  "[Hook]\nOn=hook.failed hook=fails\nExec=/bin/true\n",
	})
	h.start()
	h.veth("va", "vb")
	h.eventually("both runs", func() bool { return len(h.runs("then")) == 1 })
	fails, then := h.runs("fails")[0], h.runs("then")[0]
	j := fails.Jobs[0]
	if fails.Result != runner.Failed || j.Tries != 2 || *j.ExitStatus != 5 || j.Output != "broken\n" || string(j.Args[4]) != "va" || j.Instance != "va" ||
		j.Started.IsZero() || j.Ended.Before(j.Started) || fails.Event.Source != events.SourceKernel {
		t.Errorf("%+v", fails)
	}
	if len(then.Event.Cause) != 1 || then.Event.Cause[0] != (events.Cause{Run: fails.Run, Hook: "fails"}) {
		t.Errorf("cause: %v", then.Event.Cause)
	}
	if _, err := os.Stat(h.path("state/history/journal")); err != nil {
		t.Error(err)
	}
}
