package hookd

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hookd/events"
	"hookd/hookspec"
	"hookd/internal/control"
	"hookd/internal/nstest"
	"hookd/runner"
)

// reporter is a shim's connection, on which it reports.
type reporter struct {
	h     *host
	first chan control.ReportReply
	over  chan error
	leave context.CancelFunc

	// to be read when over has told:
	jobs  []string
	ended *runner.RunReport
}

func (h *host) report(event string, scripts []string, params ...string) *reporter {
	ctx, leave := context.WithTimeout(context.Background(), patience)
	h.t.Cleanup(leave)
	p := &reporter{h: h, first: make(chan control.ReportReply, 1), over: make(chan error, 1), leave: leave}
	req := control.ReportRequest{Event: event}
	for _, s := range scripts {
		req.Scripts = append(req.Scripts, events.Bytes(s))
	}
	for _, param := range params {
		key, value, _ := strings.Cut(param, "=")
		req.Parameters = append(req.Parameters, control.EmitParam{Key: key, Value: events.Bytes(value)})
	}
	go func() {
		p.over <- control.Call(ctx, h.path("state/control.sock"), control.MethodReport, req, true, func(raw json.RawMessage) error {
			var r control.ReportReply
			err := json.Unmarshal(raw, &r)
			switch {
			case r.Job != nil:
				p.jobs = append(p.jobs, r.Job.Hook+" "+string(r.Job.Result))
			case r.Ended != nil:
				p.ended = r.Ended
			default:
				p.first <- r
			}
			return err
		})
	}()
	return p
}

// begun waits for the first answer.
func (p *reporter) begun() control.ReportReply {
	p.h.t.Helper()
	select {
	case r := <-p.first:
		return r
	case err := <-p.over:
		p.h.t.Fatalf("the report ended with %v", err)
	case <-time.After(patience):
		p.h.t.Fatal("no answer to a report")
	}
	return control.ReportReply{}
}

func (p *reporter) wait() error {
	p.h.t.Helper()
	select {
	case err := <-p.over:
		return err
	case <-time.After(patience):
		p.h.t.Fatal("the report does not end")
		return nil
	}
}

// What a shim says: it greets, reports, runs its scripts between the hooks, and hears of each.
func TestNetnsReport(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	say := "Exec=/bin/sh -c 'echo %{interface} $HOOK_NAME $HOOK_SOURCE $EVENT_IF_MTU >>DIR/said'\n"
	h := newHost(t, map[string]string{
		"b.hook":    "[Hook]\nOn=ifupdown.up\n" + say,
		"a.hook":    "[Hook]\nOn=ifupdown.up\nAfter=legacy:openvpn\n" + say,
		"bad.hook":  "[Hook]\nOn=ifupdown.pre-up\nFailure=abort\nExec=/bin/false\n",
		"good.hook": "[Hook]\nOn=ifupdown.pre-up\nAfter=bad\n" + say,
	})
	h.start()
	var hello control.Hello
	if err := h.call(control.MethodHello, nil, &hello); err != nil || hello.Version != Version {
		t.Fatalf("%v %+v", err, hello)
	}
	alone := h.report("ifupdown.up", nil, "interface=alone", "if-mtu=1400")
	if r := alone.begun(); r.Run == "" || len(r.Steps) != 1 || !slices.Equal(r.Steps[0].Hooks, []string{"a", "b"}) {
		t.Errorf("%+v", r)
	}
	if err := alone.wait(); err != nil || alone.ended.Result != runner.Done || len(alone.jobs) != 2 {
		t.Errorf("%v %v %+v", err, alone.jobs, alone.ended)
	}
	guided := h.report("ifupdown.up", []string{"bridge", "openvpn"}, "interface=guided", "if-mtu=1400")
	first := guided.begun()
	if want := []hookspec.Step{{Hooks: []string{"b"}}, {Script: "bridge"}, {Script: "openvpn"}, {Hooks: []string{"a"}}}; len(first.Steps) != 4 ||
		!slices.EqualFunc(first.Steps, want, func(a, b hookspec.Step) bool { return a.Script == b.Script && slices.Equal(a.Hooks, b.Hooks) }) {
		t.Fatalf("%+v", first.Steps)
	}
	for step, hook := range map[int]string{0: "b", 2: "", 3: "a"} {
		var out control.ProceedReply
		if err := h.call(control.MethodProceed, control.ProceedRequest{Run: first.Run, Step: step}, &out); err != nil || hook != "" && (len(out.Jobs) != 1 || out.Jobs[0].Hook != hook) {
			t.Errorf("step %d: %v %+v", step, err, out)
		}
	}
	if err := guided.wait(); err != nil || guided.ended.Result != runner.Done {
		t.Errorf("%v %+v", err, guided.ended)
	}
	if got := h.file("said"); strings.Count(got, "alone a shim 1400") != 1 || strings.Count(got, "guided a shim 1400") != 1 {
		t.Error(got)
	}
	veto := h.report("ifupdown.pre-up", []string{"c"}, "interface=veto")
	var out control.ProceedReply
	if err := h.call(control.MethodProceed, control.ProceedRequest{Run: veto.begun().Run}, &out); err != nil || out.Aborted != "bad" {
		t.Errorf("%v %+v", err, out)
	}
	if err := veto.wait(); err != nil || !veto.ended.Aborted {
		t.Errorf("%v %+v", err, veto.ended)
	}
}

// A shim that goes away takes along what has not begun between its scripts, and nothing else.
func TestNetnsReportLeft(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{
		"a.hook": "[Hook]\nOn=ifupdown.up\nExec=/bin/sh -c 'echo x >DIR/began; while ! test -e DIR/end; do sleep 0.01; done'\n",
		"c.hook": "[Hook]\nOn=ifupdown.up\nExec=/bin/true\n",
	})
	h.start()
	h.watch("ifupdown.up")
	p := h.report("ifupdown.up", []string{"b"}, "interface=eth0")
	go h.call(control.MethodProceed, control.ProceedRequest{Run: p.begun().Run}, nil)
	h.file("began")
	p.leave()
	p.wait()
	h.write("end", "", 0o644)
	h.eventually("its run ends", func() bool { return h.runOf("ifupdown.up", "ifupdown/eth0") != nil })
	if r := h.runOf("ifupdown.up", "ifupdown/eth0").Ended; r.Jobs[0].Result != runner.Done || r.Jobs[1].Result != runner.Canceled {
		t.Errorf("%+v", r.Jobs)
	}
}

// What is refused.
func TestNetnsReportRefused(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=ifupdown.up\nExec=/bin/true\n"})
	h.start()
	for _, test := range []struct {
		method string
		params any
		want   string
	}{
		{control.MethodReport, control.ReportRequest{Event: "ifupdown.upp"}, control.ErrRequest},
		{control.MethodReport, control.ReportRequest{Event: "ifupdown.up", Parameters: []control.EmitParam{{Key: "nonsense"}}}, control.ErrRequest},
		{control.MethodReport, control.ReportRequest{Event: "ifupdown.up", Scripts: []events.Bytes{"x"}}, control.ErrExpectedMore}, // it could let nothing begin
		{control.MethodProceed, control.ProceedRequest{Run: "x"}, control.ErrRequest},
	} {
		var remote *control.Error
		if err := h.call(test.method, test.params, nil); !errors.As(err, &remote) || remote.Name != test.want {
			t.Errorf("%s %+v: %v", test.method, test.params, err)
		}
	}
}
