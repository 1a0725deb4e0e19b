package hookd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/internal/nstest"
	"hookd/runner"
	"hookd/runner/process"
)

// asEmit in the environment makes the test binary hookctl emit --wait: the path of a control socket. Each argument is an event
// with its parameters, and for each a line says how its run went.
const asEmit = "HOOKD_TEST_AS_EMIT"

func emitter(socket string) {
	for _, words := range os.Args[1:] {
		f := strings.Fields(words)
		req := control.EmitRequest{Event: f[0], Wait: true}
		for _, w := range f[1:] {
			key, value, _ := strings.Cut(w, "=")
			req.Parameters = append(req.Parameters, control.EmitParam{Key: key, Value: events.Bytes(value)})
		}
		err := control.Call(context.Background(), socket, control.MethodEmit, req, true, func(raw json.RawMessage) error {
			var r control.EmitReply
			if err := json.Unmarshal(raw, &r); err != nil || r.Ended == nil {
				return err
			}
			line := r.Ended.Event.Name
			for _, c := range r.Ended.Event.Cause {
				line += " <" + c.Hook
			}
			for _, j := range r.Ended.Jobs {
				line += " " + j.Hook + "=" + string(j.Result)
			}
			for _, r := range r.Ended.Refused {
				line += " !" + r.Hook
			}
			fmt.Println(line)
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	os.Exit(0)
}

// emit is a shell line that emits events and waits for each; what comes of it goes to the file that is named.
func emit(file string, words ...string) string {
	line := asEmit + "=DIR/state/control.sock " + os.Args[0]
	for _, w := range words {
		line += ` "` + w + `"`
	}
	return line + " >>DIR/" + file
}

// R9: what a hook emits and waits for, by whatever way, never waits for that hook.
func TestNetnsR9Emit(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"own.hook":    "[Hook]\nOn=user.own\nTimeout=infinity\nExec=/bin/sh -c '" + emit("own.out", "user.own") + "'\n",
		"same.hook":   "[Hook]\nOn=link.up interface=x\nTimeout=infinity\nExec=/bin/sh -c '" + emit("same.out", "link.down interface=x") + "'\n",
		"down.hook":   "[Hook]\nOn=link.down interface=x\nExec=/bin/true\n",
		"outer.hook":  "[Hook]\nOn=user.outer\nTimeout=infinity\nExec=/bin/sh -c '" + emit("outer.out", "user.inner") + "'\n",
		"shared.hook": "[Hook]\nOn=user.outer\nOn=user.inner\nAfter=outer\nInstance=all\nExec=/bin/true\n",
		"l1.hook":     "[Hook]\nOn=user.l1\nTimeout=infinity\nExec=/bin/sh -c '" + emit("l1.out", "user.l2") + "'\n",
		"l2.hook":     "[Hook]\nOn=user.l2\nTimeout=infinity\nExec=/bin/sh -c '" + emit("l2.out", "user.l3") + "'\n",
		"l3.hook":     "[Hook]\nOn=user.l3\nTimeout=infinity\nExec=/bin/sh -c '" + emit("l3.out", "user.l1", "user.l4") + "'\n",
		"l4.hook":     "[Hook]\nOn=user.l4\nExec=/bin/true\n",
		"bare.hook":   "[Hook]\nOn=user.bare\nTimeout=infinity\nExec=/usr/bin/env -i /bin/sh -c '" + emit("bare.out", "user.bare") + "'\n",
		"away.hook":   "[Hook]\nOn=user.away\nTimeout=infinity\nExec=/usr/bin/env -i /usr/bin/setsid -w /bin/sh -c '" + emit("away.out", "user.away") + "'\n",
	})
	h.start()
	for _, test := range []struct{ event, file, want string }{
		{"user.own", "own.out", "user.own <own !own"},
		{"link.up interface=x", "same.out", "link.down <same down=done"},
		{"user.outer", "outer.out", "user.inner <outer shared=done"},
		{"user.l1", "l1.out", "user.l2 <l1 l2=done"},
		{"user.bare", "bare.out", "user.bare <bare !bare"},
		{"user.away", "away.out", "user.away <away !away"},
	} {
		out := h.outside(test.event)
		if got := h.file(test.file); got != test.want || !strings.Contains(out, "=done") {
			t.Errorf("%s: %s, want %s; the outer run: %s", test.event, got, test.want, out)
		}
	}
	if got, want := h.file("l3.out"), "user.l1 <l1 <l2 <l3 !l1\nuser.l4 <l1 <l2 <l3 l4=done"; got != want {
		t.Errorf("level 3: %s, want %s", got, want)
	}
}

// outside emits and waits as who belongs to no job.
func (h *host) outside(words ...string) string {
	h.t.Helper()
	cmd := exec.Command(os.Args[0], words...)
	cmd.Env = append(os.Environ(), asEmit+"="+h.path("state/control.sock"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { cmd.Wait(); close(over) }()
	h.eventually("the end of "+strings.Join(words, ", "), func() bool { return ended(over) })
	return out.String()
}

// R9: as many hooks as have a place and more emit at once, and wait.
func TestNetnsR9Many(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"a.hook": "[Hook]\nOn=link.up kind=test\nTimeout=infinity\nExec=/bin/sh -c '" + emit("a.out", "link.down kind=test interface=$EVENT_INTERFACE") + "'\n",
		"b.hook": "[Hook]\nOn=link.down kind=test\nExec=/bin/true\n",
	})
	h.start()
	for i := range 100 {
		err := h.call(control.MethodEmit, control.EmitRequest{Event: "link.up", Parameters: []control.EmitParam{{Key: "kind", Value: "test"}, {Key: "interface", Value: events.Bytes("x" + strconv.Itoa(i))}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	h.eventually("all of them", func() bool { return strings.Count(h.file("a.out"), "\n") == 99 })
	if got := h.file("a.out"); strings.Count(got, "link.down <a b=done") != 100 {
		t.Error(got)
	}
}

// R9: a script that runs between the hooks of a run emits an event of the same interface.
func TestNetnsR9Script(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=ifupdown.up\nExec=/bin/true\n", "b.hook": "[Hook]\nOn=ifupdown.down\nExec=/bin/true\n"})
	h.start()
	p := h.report("ifupdown.up", []string{"s"}, "interface=eth0")
	run := p.begun().Run
	if got := h.outside("ifupdown.down interface=eth0"); strings.TrimSpace(got) != "ifupdown.down <legacy:* b=done" { // a child of this process, which guides
		t.Error(got)
	}
	h.call(control.MethodProceed, control.ProceedRequest{Run: run}, nil)
	if err := p.wait(); err != nil || p.ended.Result != runner.Done {
		t.Errorf("%v %+v", err, p.ended)
	}
}

// A process that only says it were part of a job that runs nothing is nobody's.
func TestNetnsR9Liar(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=user.a\nExec=/bin/sh -c 'echo $HOOK_RUN >DIR/run'\n"})
	h.start()
	if got := h.outside("user.a"); got != "user.a a=done\n" {
		t.Fatal(got)
	}
	t.Setenv("HOOK_RUN", h.file("run"))
	t.Setenv("HOOK_NAME", "a")
	if got := h.outside("user.a"); got != "user.a a=done\n" {
		t.Error(got)
	}
	var remote *control.Error
	if err := h.call(control.MethodProceed, control.ProceedRequest{Run: h.file("run")}, nil); !errors.As(err, &remote) {
		t.Error(err)
	}
}

// R9: a job that another process runs, as a hookshim without hookd does, is known by its lock. Its own event does not wait for it.
func TestNetnsR9Elsewhere(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=user.a\nTimeout=infinity\nExec=/bin/sh -c '" + emit("a.out", "user.a", "user.b") + "'\n",
		"b.hook": "[Hook]\nOn=user.b\nTimeout=infinity\nExec=/bin/sh -c '" + emit("b.out", "user.a") + "'\n"})
	h.start()
	locks, err := process.OpenLocks(h.path("state/" + process.LocksName))
	if err != nil {
		t.Fatal(err)
	}
	defer locks.Close()
	trust := hookspec.TrustOf()
	trust.UIDs = append(trust.UIDs, 65534)
	exec, err := process.New(trust, locks)
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Close()
	set := hookspec.Load(hookspec.Options{Hooks: []string{h.path("hooks")}, Trust: trust, Accounts: hookspec.Host{}}, nil)
	e, err := events.New("user.a", nil)
	if err != nil {
		t.Fatal(err)
	}
	plan := set.Plan(e)
	over := make(chan struct{})
	go func() {
		exec.Execute(t.Context(), runner.Task{Run: "local-1", Event: e, Job: plan.Jobs[0]})
		close(over)
	}()
	h.eventually("the job ends", func() bool { return ended(over) })
	if got, want := h.file("a.out"), "user.a <a !a\nuser.b <a b=done"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := h.file("b.out"), "user.a <a <b !a"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
