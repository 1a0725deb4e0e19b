package oldworld

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// ngUp and ngDown are the directories of ifupdown-ng, in the order in which it runs them.
const ngUp, ngDown = "create pre-up up post-up", "pre-down down post-down destroy"

// TestNextGeneration adopts ifupdown-ng, by links: its scripts are given what they were, and a hook hears of every phase.
func TestNextGeneration(t *testing.T) {
	o := boot(t, booted.NextGeneration(), "")
	before := o.Shell(tree)
	o.put("/run/recorder", recorder)
	o.put("/etc/network/interfaces", "auto rec0\niface rec0\n\taddress 192.0.2.1/24\n\taddress 2001:db8::1/64\n\tx-strange \"quoted\" $(touch /run/pwned)\n")
	o.Shell(`ip link add rec0 type veth peer name rec1
# On Debian 13 it has other names.
for command in ifup ifdown; do
	command -v $command >/dev/null && continue
	printf '#!/bin/sh\nexec %s-ng "$@"\n' $command >/usr/local/sbin/$command
	chmod 755 /usr/local/sbin/$command
done`)
	record := func(adopted string) (out []string) {
		for phase := range strings.FieldsSeq(ngUp + " " + ngDown) {
			o.Shell(fmt.Sprintf("mkdir -p /etc/network/if-%s.d; cp /run/recorder /etc/network/if-%[1]s.d/aa-first; cp /run/recorder /etc/network/if-%[1]s.d/zz-last", phase))
		}
		for _, line := range []string{"ifup rec0", "ifdown rec0", "ifup -a", "ifdown -a", "ifup rec0", "ifdown rec0"} {
			out = append(out, o.records(line))
		}
		if n := strings.Count(strings.Join(out, "\n"), "script /etc"); n != 64 { // lo comes with -a
			t.Errorf("%s ifupdown-ng runs %d scripts of 64:\n%s", adopted, n, out[0])
		}
		o.Shell("rm /etc/network/if-*.d/aa-first /etc/network/if-*.d/zz-last; rmdir /etc/network/if-*.d 2>/dev/null || true")
		return out
	}
	plain := record("alone")
	if out := o.Run("hookctl", "adopt", "ifupdown"); strings.Count(out, "made the directory") != 8 || strings.Count(out, "linked") != 8 {
		t.Errorf("adopt has said\n%s", out)
	}
	if diff := cmp.Diff(plain, record("adopted")); diff != "" {
		t.Errorf("adopted:\n%s", diff)
	}
	o.hook("told", "On=ifupdown.*", `echo "$HOOK_EVENT $EVENT_INTERFACE $EVENT_IF_ADDRESS" >>/run/told`)
	o.hook("fails", "On=ifupdown.pre-up\nFailure=abort", `exit 3`)
	o.reload()
	for _, test := range [][2]string{{"ifup rec0", ngUp}, {"ifdown rec0", ngDown}} {
		var want []string
		for phase := range strings.FieldsSeq(test[1]) {
			want = append(want, "ifupdown."+phase+" rec0 192.0.2.1/24")
		}
		o.expect(test[0], false, want...)
	}
	o.Run("hookctl", "adopt", "--undo", "ifupdown")
	o.Shell(`rm /etc/hookd/hooks.d/* /etc/network/interfaces; rm -f /usr/local/sbin/if*; cp /dev/null /run/told`)
	if diff := cmp.Diff(lines(before), lines(o.Shell(tree))); diff != "" {
		t.Errorf("left is\n%s", diff)
	}
}
