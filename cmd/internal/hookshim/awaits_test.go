package hookshim

import (
	"bytes"
	"testing"

	"hookd/compat"
)

// An old system that does not wait for an event is not held up: once hookd has it the shim is gone. For what it does wait for the
// shim waits.
func TestAwaits(t *testing.T) {
	for action, waits := range map[string]bool{"up": false, "down": false, "hostname": false, "pre-up": true, "pre-down": true, "vpn-pre-up": true} {
		w := newWorld(t, nil)
		w.fake(func(c *fakeClient) {
			c.heard()
			c.answer(`{"parameters":{"version":"x"}}`)
			c.heard()
			c.answer(`{"continues":true,"parameters":{"run":"r"}}`)
			c.answer(`{"continues":true,"parameters":{"job":{"hook":"a","result":"failed","reason":"no"}}}`)
			c.answer(`{"parameters":{"run":"r","ended":{}}}`)
		})
		system, _ := compat.Find("networkmanager")
		at := place{socket: w.path("state/control.sock"), watch: greeting}
		var stderr bytes.Buffer
		if status := newShim(at, system, compat.Phase{}, []string{"eth0", action}, &stderr).run(); status != 0 {
			t.Errorf("%s: status %d", action, status)
		}
		want := map[bool]string{true: "hookshim: a: failed, no\n"}[waits]
		if stderr.String() != want {
			t.Errorf("%s: it says %q, want %q", action, stderr.String(), want)
		}
	}
}
