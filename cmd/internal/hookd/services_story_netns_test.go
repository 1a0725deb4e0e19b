package hookd

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/runner"
)

// Both executors tell the same story, event by event.

func TestNetnsStories(t *testing.T)  { supervised(t, testStories) }
func TestBootedStories(t *testing.T) { onSystemd(t, testStories) }

// goldenStories are the events of each service in testStories, with what they say of its end.
var goldenStories = map[string][]string{
	"killed": {
		"starting cause=user.go restarts=0",
		"started cause=user.go restarts=0",
		"failed cause=exit restarts=0 result=signal signal=SIGKILL restarting=yes",
		"starting cause=restart restarts=1",
		"started cause=restart restarts=1",
		"stopping cause=hookctl restarts=1 restarting=yes",
		"starting cause=hookctl restarts=0",
		"started cause=hookctl restarts=0",
		"stopping cause=hookctl restarts=0 restarting=no",
		"stopped cause=hookctl restarts=0 result=success signal=SIGTERM",
	},
	"exits": {
		"starting cause=user.go restarts=0",
		"started cause=user.go restarts=0",
		"failed cause=exit restarts=0 result=exit-code exit-status=3 restarting=no",
		"stopped cause=exit restarts=0 result=exit-code exit-status=3",
	},
	"leaves": {
		"starting cause=user.go restarts=0",
		"started cause=user.go restarts=0",
		"stopping cause=exit restarts=0 restarting=no",
		"failed cause=exit restarts=0 result=signal signal=SIGKILL restarting=no",
		"stopped cause=exit restarts=0 result=signal signal=SIGKILL",
	},
	"returns": { // as leaves, and is started again
		"starting cause=user.go restarts=0",
		"started cause=user.go restarts=0",
		"stopping cause=exit restarts=0 restarting=no",
		"failed cause=exit restarts=0 result=signal signal=SIGKILL restarting=yes",
		"starting cause=restart restarts=1",
		"started cause=restart restarts=1",
		"stopping cause=hookctl restarts=1 restarting=no",
		"stopped cause=hookctl restarts=1 result=success signal=SIGTERM",
	},
	"unready": {
		"starting cause=user.go restarts=0",
		"failed cause=exit restarts=0 result=exit-code exit-status=4 restarting=yes",
		"starting cause=restart restarts=1",
		"stopping cause=hookctl restarts=1 restarting=no",
		"stopped cause=hookctl restarts=1 result=success signal=SIGTERM",
	},
	"weak": { // only the end: what is seen before depends on how fast it dies
		"failed cause=exit restarts=20 result=start-limit-hit exit-status=1 restarting=no",
		"stopped cause=exit restarts=20 result=start-limit-hit exit-status=1",
	},
}

// testStories has services live, die and be stopped in all ways, side by side.
func testStories(t *testing.T, executor string) {
	const head = "#!/bin/sh\n# [Hook]\n# Type=service\n# On=user.go\n# [Service]\n"
	h := newServiceHost(t, executor, map[string]string{
		"killed": head + "# Restart=on-failure\n# RestartSec=500ms\nexec sleep 100000\n",
		"exits":  head + "while ! test -e DIR/end; do sleep 0.01; done\nexit 3\n",
		"leaves": head + "# TimeoutStopSec=500ms\n(trap '' TERM; echo >DIR/left; while :; do sleep 1000; done) &\n" +
			"while ! test -e DIR/left -a -e DIR/end; do sleep 0.01; done\nkill -9 $$\n",
		"returns": head + "# Restart=on-failure\n# RestartSec=500ms\n# TimeoutStopSec=500ms\n" +
			"test -e DIR/back && exec sleep 100000\n(trap '' TERM; echo >DIR/back; while :; do sleep 1000; done) &\n" +
			"while ! test -e DIR/back -a -e DIR/end; do sleep 0.01; done\nkill -9 $$\n",
		"unready": head + "# Type=notify\n# Restart=on-failure\n# RestartSec=500ms\n" +
			"test -e DIR/again || { touch DIR/again; exit 4; }\nexec sleep 100000\n",
		"weak": head + "# Restart=always\n# RestartSec=1ms\n# StartLimitBurst=20\n# StartLimitIntervalSec=10min\nexit 1\n",
	})
	h.start()
	h.watch()
	h.emit(true, "user.go")
	for _, name := range []string{"killed", "exits", "leaves", "returns"} {
		h.phase(name, runner.Running)
	}
	syscall.Kill(h.phase("killed", runner.Running).PID, syscall.SIGKILL)
	h.storyOf("killed", 5)
	if err := h.manage("restart", "killed"); err != nil {
		t.Errorf("restart: %v", err)
	}
	h.storyOf("killed", 8)
	h.write("end", "", 0o644)
	h.storyOf("unready", 3)
	h.storyOf("returns", 6)
	for _, name := range []string{"killed", "unready", "returns"} {
		if err := h.manage("stop", name); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	for name, want := range goldenStories {
		h.eventually("the end of "+name, func() bool {
			told := h.storyOf(name, 1)
			return strings.HasPrefix(told[len(told)-1], "stopped ")
		})
		got := h.storyOf(name, 1)
		if name == "weak" {
			got = got[max(0, len(got)-2):]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
	h.stop()
}

// storyOf waits for so many events of a service, and returns all there are by then.
func (h *host) storyOf(service string, n int) []string {
	h.t.Helper()
	var out []string
	h.eventually("events of "+service, func() bool {
		out = nil
		for _, r := range h.seen() {
			if r.Kind == "event" && r.Event.Family() == "service" && r.Late == "" {
				if s, _ := r.Event.Get("service"); s == service {
					out = append(out, line(*r.Event))
				}
			}
		}
		return len(out) >= n
	})
	return out
}

// line is an event of a service with what it says.
func line(e events.Event) string {
	words := []string{strings.TrimPrefix(e.Name, "service.")}
	for _, key := range []string{"cause", "restarts", "result", "exit-status", "signal", "restarting"} {
		if v, there := e.Get(key); there {
			words = append(words, key+"="+v)
		}
	}
	return strings.Join(words, " ")
}
