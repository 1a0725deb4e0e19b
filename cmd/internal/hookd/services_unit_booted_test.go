package hookd

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"hookd/internal/booted"
	"hookd/internal/nstest"
	"hookd/runner"
)

func systemctl(t *testing.T, args ...string) string {
	t.Helper()
	out, _ := exec.Command("systemctl", args...).CombinedOutput() // is-active says no with its status, too
	return strings.TrimSpace(string(out))
}

// TestBootedUnit starts and stops an existing unit for a state, and leaves one alone that was active before.
func TestBootedUnit(t *testing.T) {
	if !booted.Enter(t, booted.Bookworm) {
		return
	}
	if err := os.WriteFile("/run/systemd/system/plain.service", []byte("[Service]\nExecStart=/bin/sleep 100000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	systemctl(t, "daemon-reload")
	h := newServiceHost(t, executorSystemd, map[string]string{
		"plain.hook": "[Hook]\nType=service\nWhile=link-up interface=va\nUnit=plain.service\n",
	})
	h.start()
	h.watch()
	h.veth("va", "vb")
	nstest.IP(t, "link", "set", "dev", "vb", "up")
	for range 5 {
		nstest.IP(t, "link", "set", "dev", "va", "up")
		if s := h.phase("plain", runner.Running); s.Foreign || s.Unit != "plain.service" {
			t.Errorf("hookd has started it: %+v", s)
		}
		nstest.IP(t, "link", "set", "dev", "va", "down")
		h.eventually("it is stopped", func() bool { return systemctl(t, "is-active", "plain") == "inactive" })
		h.phase("plain", runner.Inactive)
	}
	systemctl(t, "start", "plain")
	nstest.IP(t, "link", "set", "dev", "va", "up")
	h.eventually("it is wanted, and somebody else's", func() bool {
		s := h.services("plain")
		return len(s) == 1 && s[0].Wanted && s[0].Foreign && s[0].Phase == runner.Running
	})
	nstest.IP(t, "link", "set", "dev", "va", "down")
	h.eventually("nobody wants it", func() bool { s := h.services("plain"); return len(s) == 1 && !s[0].Wanted })
	if got := systemctl(t, "is-active", "plain"); got != "active" {
		t.Errorf("a unit of somebody else is %s", got)
	}
	systemctl(t, "stop", "plain")
	h.stop()
}
