package oldworld

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// bootedInterfaces has lo, a bridge without ports and a pair that its own commands make, with two families. In each directory a
// script stands before the hook, and another one behind it.
const bootedInterfaces = `
hookctl adopt ifupdown
cat >/run/script <<'END'
#!/bin/sh
echo "$(basename $0) $IFACE $ADDRFAM $(basename $(dirname $0))" >>/run/told
END
for event in pre-up up down post-down; do
	rm -f /etc/network/if-$event.d/*
	for name in aa-script zz-script; do
		install -m 755 /run/script /etc/network/if-$event.d/$name
	done
	printf '%s\n' '#!/bin/sh' '# [Hook]' "# On=ifupdown.$event" '#' \
		"echo \"mm-$event \$EVENT_INTERFACE \$EVENT_FAMILY if-$event.d\" >>/run/told" >/etc/hookd/hooks.d/mm-$event
done
chmod 755 /etc/hookd/hooks.d/*
cat >/etc/network/interfaces <<'END'
auto lo br0 vt0
iface lo inet loopback
iface br0 inet static
	pre-up ip link add br0 type bridge
	address 192.0.2.1/24
	post-down ip link del br0
iface vt0 inet static
	pre-up ip link add vt0 type veth peer name vt1
	address 198.51.100.1/24
iface vt0 inet6 static
	address 2001:db8::1/64
	dad-attempts 0
	post-down ip link del vt0
END
`

// up and down are what the scripts of a boot and of the end of networking.service are for, in their order.
var (
	up = []string{"--all meta if-pre-up.d", "lo inet if-pre-up.d", "lo inet if-up.d", "br0 inet if-pre-up.d", "br0 inet if-up.d",
		"vt0 inet if-pre-up.d", "vt0 inet if-up.d", "vt0 inet6 if-pre-up.d", "vt0 inet6 if-up.d", "--all meta if-up.d"}
	down = []string{"--all meta if-down.d", "vt0 inet if-down.d", "vt0 inet if-post-down.d", "vt0 inet6 if-down.d", "vt0 inet6 if-post-down.d",
		"br0 inet if-down.d", "br0 inet if-post-down.d", "--all meta if-post-down.d"}
)

// around is each of these with the hook between the scripts.
func around(all []string) []string {
	var out []string
	for _, each := range all {
		event := strings.TrimSuffix(each[strings.LastIndex(each, "if-")+3:], ".d")
		out = append(out, "aa-script "+each, "mm-"+event+" "+each, "zz-script "+each)
	}
	return out
}

// TestEarly boots with an adopted ifupdown: hooks and scripts of all directories run once for each phase and family, and in order,
// with a hookd, which runs the hooks, and without (R14). How long networking takes with and without an adoption is shown.
func TestEarly(t *testing.T) {
	o := boot(t, booted.Plain(), bootedInterfaces)
	o.early()
	o.Until("hookctl status | grep -q ' 0 jobs under way'")
	for event, times := range map[string]int{"pre-up": 5, "up": 5, "down": 4, "post-down": 4} {
		out := o.Run("hookctl", "history", "--hook", "mm-"+event)
		if strings.Count(out, "ifupdown."+event) != times {
			t.Errorf("the history of mm-%s, which ran %d times, has\n%s", event, times, out)
		}
	}
	for _, step := range []string{"hookctl adopt --undo ifupdown", "hookctl adopt ifupdown"} {
		o.Shell(step + "; systemctl restart networking.service")
		t.Logf("after %s networking takes %d ms", step, o.took("networking.service"))
	}
}

// TestEarlyAlone is TestEarly without a hookd.
func TestEarlyAlone(t *testing.T) {
	o := boot(t, booted.Plain(), bootedInterfaces+"systemctl --quiet disable hookd.service\n")
	o.early()
	if out, err := o.Try("hookctl", "status"); err == nil {
		t.Errorf("there is a hookd: %s", out)
	}
}

// early looks at a boot, and ends networking.
func (o *old) early() {
	o.t.Helper()
	o.Run("systemctl", "is-active", "networking.service")
	o.t.Logf("at the boot networking took %d ms", o.took("networking.service"))
	if diff := cmp.Diff(around(up), lines(o.Run("cat", "/run/told"))); diff != "" {
		o.t.Errorf("at the boot ran:\n%s", diff)
	}
	o.Shell("rm /run/told; systemctl stop networking.service")
	if diff := cmp.Diff(around(down), lines(o.Run("cat", "/run/told"))); diff != "" {
		o.t.Errorf("at the end ran:\n%s", diff)
	}
	if out := strings.ToLower(o.Console() + o.Run("journalctl", "--boot")); strings.Contains(out, "ordering cycle") {
		o.t.Errorf("there is an ordering cycle:\n%s", out)
	}
	if failed := o.Run("systemctl", "--failed", "--plain", "--no-legend"); failed != "" {
		o.t.Errorf("units have failed: %s", failed)
	}
}
