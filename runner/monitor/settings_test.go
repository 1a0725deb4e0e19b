package monitor

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"hookd/hookspec"
	"hookd/runner"
)

var _ runner.Supervisor = (*Supervisor)(nil)

func settingsWith(t *testing.T, d ...hookspec.Directive) *settings {
	t.Helper()
	s, err := settingsOf(runner.ServiceSpec{Args: []string{"/bin/true"}, Directives: d}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSettings(t *testing.T) {
	s := settingsWith(t)
	if s.StopTimeout != 90*time.Second || s.Restart.Delay != 100*time.Millisecond || s.Kill.Signal != 15 || s.Limit.Burst != 5 {
		t.Errorf("not systemd's defaults: %+v", s)
	}
	s = settingsWith(t, set("TimeoutStopSec", "TimeoutStopUSec", uint64(math.MaxUint64)), set("RestartSec", "RestartUSec", uint64(math.MaxUint64)),
		set("LimitNOFILE", "LimitNOFILESoft", uint64(7)), set("LimitNOFILE", "LimitNOFILE", uint64(9)))
	if l := s.Process.Limits[0]; s.StopTimeout != 0 || !s.Restart.Never || *l.Soft != 7 || *l.Hard != 9 || len(s.Process.Limits) != 1 {
		t.Errorf("got %+v", s)
	}
	for _, d := range []hookspec.Directive{set("Type", "Type", "dbus"), set("KillMode", "KillMode", "process"),
		set("RestartSec", "RestartUSec", int32(1)), set("LimitNOFILE", "LimitNOFILE", "x"), set("Restart", "Restart", "sometimes")} {
		_, err := settingsOf(runner.ServiceSpec{Args: []string{"/bin/true"}, Directives: []hookspec.Directive{d}}, 0, 0)
		if err == nil || !strings.HasPrefix(err.Error(), "cannot heed "+d.Key+"=: ") {
			t.Errorf("%s=%v: %v", d.Key, d.Value, err)
		}
	}
}

// Who cannot become somebody else refuses, instead of running the program as who it is.
func TestCredential(t *testing.T) {
	user, group := &hookspec.Account{Name: "u", ID: 7, GID: 8, Groups: []uint32{9}}, &hookspec.Account{Name: "g", ID: 10}
	c, err := credentialOf(user, group, 0, 0)
	if err != nil || c.UID != 7 || c.GID != 10 || !c.SetGroups || len(c.Groups) != 1 {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := credentialOf(user, nil, 1000, 1000); err == nil || err.Error() != "hookd is not root and cannot become user u" {
		t.Errorf("got %v", err)
	}
	if c, err := credentialOf(user, nil, 7, 8); c != nil || err != nil {
		t.Errorf("itself: %v %v", c, err)
	}
	if _, err := credentialOf(user, group, 7, 8); err == nil {
		t.Error("another group was not refused")
	}
}

func TestCan(t *testing.T) {
	for _, key := range []string{"Restart", "RestartSec", "LimitNOFILE", "KillSignal", "Type"} {
		if !Can(key) {
			t.Errorf("it cannot do %s", key)
		}
	}
	for _, key := range []string{"", "MemoryMax", "ProtectSystem", "LimitX", "RestartUSec"} {
		if Can(key) {
			t.Errorf("it says it can do %s", key)
		}
	}
	if Check(set("MemoryMax", "MemoryMax", uint64(1))) == nil || Check(set("KillMode", "KillMode", "none")) == nil ||
		Check(set("KillMode", "KillMode", "mixed")) != nil {
		t.Error("a value is judged wrongly")
	}
}

// What directives ask for is there when the program runs.
func TestProcessDirectives(t *testing.T) {
	each(t, func(t *testing.T, h *host) {
		spec := shell("set", `umask; ulimit -Sn; ulimit -Hn; nice; cat /proc/self/oom_score_adj; awk '/NoNewPrivs|SigIgn/ {print $2}' /proc/self/status; pwd; ulimit -v`,
			set("UMask", "UMask", uint32(0o077)), set("LimitNOFILE", "LimitNOFILE", uint64(50)), set("LimitNOFILE", "LimitNOFILESoft", uint64(20)),
			set("Nice", "Nice", int32(5)), set("OOMScoreAdjust", "OOMScoreAdjust", int32(500)), set("NoNewPrivileges", "NoNewPrivileges", true),
			set("IgnoreSIGPIPE", "IgnoreSIGPIPE", false), set("LimitAS", "LimitAS", uint64(64<<20)))
		spec.Dir = "/usr"
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		h.awaitState(spec.ID, phase(runner.Inactive))
		until(t, "its funeral", func() bool { return len(h.files()) == 0 })
		if got, want := h.output(spec.ID), "0077\n20\n50\n5\n500\n0000000000000000\n1\n/usr\n65536\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	each(t, func(t *testing.T, h *host) {
		spec := shell("nobody", "id -u; id -g; id -G; echo err >/dev/stderr")
		spec.User = &hookspec.Account{Name: "nobody", ID: 65534, GID: 65534, Groups: []uint32{65534, 7}}
		if err := h.start(spec); err != nil {
			t.Fatal(err)
		}
		h.awaitState(spec.ID, phase(runner.Inactive))
		until(t, "its funeral", func() bool { return len(h.files()) == 0 })
		if got := h.output(spec.ID); got != "65534\n65534\n65534 7\nerr\n" {
			t.Errorf("got %q", got)
		}
	})
}
