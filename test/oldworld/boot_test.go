package oldworld

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"hookd/internal/booted"
)

// threeInterfaces is a host that is set up, adopted and then booted: a hook and a script tell of each event of each interface.
const threeInterfaces = `
hookctl adopt ifupdown
rm /etc/network/if-*.d/*
cat >/etc/network/if-up.d/script <<'END'
#!/bin/sh
echo "$IFACE $ADDRFAM script" >>/var/told
END
cat >/etc/hookd/hooks.d/hook <<'END'
#!/bin/sh
# [Hook]
# On=ifupdown.up
# After=legacy:script
#
echo "$EVENT_INTERFACE $EVENT_FAMILY $HOOK_NAME" >>/var/told
END
cat >/etc/hookd/hooks.d/first <<'END'
#!/bin/sh
# [Hook]
# On=ifupdown.pre-up
#
echo "$EVENT_INTERFACE $EVENT_FAMILY $HOOK_NAME" >>/var/told
END
chmod 755 /etc/network/if-up.d/script /etc/hookd/hooks.d/*
cat >/etc/network/interfaces <<'END'
auto lo hk0 hk1 hk2
iface lo inet loopback
iface hk0 inet static
	pre-up ip link add hk0 type veth peer name hk1
	address 192.0.2.1/24
iface hk1 inet static
	address 192.0.2.2/24
iface hk2 inet static
	pre-up ip link add hk2 type veth peer name hk3
	address 198.51.100.1/24
END
`

// TestR14 boots with an adopted ifupdown: every hook runs once and in order, there is no ordering cycle, and networking takes no
// longer than its programs.
func TestR14(t *testing.T) {
	o := boot(t, booted.Plain(), threeInterfaces)
	var want []string
	for _, i := range []string{"--all meta", "lo inet", "hk0 inet", "hk1 inet", "hk2 inet"} {
		want = append(want, i+" first")
		if i != "--all meta" {
			want = append(want, i+" script", i+" hook")
		}
	}
	want = append(want, "--all meta script", "--all meta hook")
	if told := o.Run("cat", "/var/told"); told != strings.Join(want, "\n") {
		t.Errorf("told is\n%s", told)
	}
	if out := o.Console() + o.Run("journalctl", "--boot"); strings.Contains(strings.ToLower(out), "ordering cycle") {
		t.Errorf("there is an ordering cycle:\n%s", out)
	}
	if out := o.Run("systemctl", "--failed", "--plain", "--no-legend"); out != "" {
		t.Errorf("units have failed: %s", out)
	}
	if took := o.took("networking.service"); took > 5000 {
		t.Errorf("networking took %d ms", took)
	} else {
		t.Logf("networking took %d ms", took)
	}
	if out := o.Run("hookctl", "history", "--hook", "hook"); strings.Count(out, "ifupdown.up") != 5 {
		t.Errorf("the history has\n%s", out)
	}
}

// took is how many milliseconds the start of a unit took.
func (o *old) took(unit string) int {
	o.t.Helper()
	out := o.Run("systemctl", "show", unit, "--property=InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic")
	times := regexp.MustCompile(`=(\d+)`).FindAllStringSubmatch(out, -1)
	if len(times) != 2 {
		o.t.Fatalf("%s: %s", unit, out)
	}
	a, _ := strconv.Atoi(times[0][1])
	b, _ := strconv.Atoi(times[1][1])
	return max(a-b, b-a) / 1000
}
