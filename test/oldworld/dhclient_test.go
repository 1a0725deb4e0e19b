package oldworld

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// leases is a server at the other end of dh0, and a script that dhclient-script(8) sources last: it writes down every variable.
const leases = `ip netns add far
ip link add dh0 type veth peer name dh1 netns far
ip -n far link set dh1 up
ip -n far address add 192.0.2.1/24 dev dh1
ip link set dh0 up
systemd-run --quiet --unit=leases ip netns exec far dnsmasq --keep-in-foreground --port=0 --interface=dh1 --bind-interfaces \
	--dhcp-range=192.0.2.10,192.0.2.10 --dhcp-option=option:domain-name,example.org --dhcp-option=option:ntp-server,192.0.2.99 \
	--dhcp-leasefile=/run/leases --no-ping
rm -f /etc/dhcp/dhclient-*-hooks.d/*
printf '%s\n' 'set >/run/variables.$reason' >/etc/dhcp/dhclient-exit-hooks.d/zz-last`

// fleeting are variables that differ each time.
var fleeting = regexp.MustCompile(`(?m)^(pid|PPID|new_expiry|old_expiry|resolv_conf|new_resolv_conf|.*_dhcp_.*time)=.*\n`)

// TestDhclient adopts dhclient: what its script does, and what later scripts see, is the same, and hooks hear of the lease.
func TestDhclient(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.Shell(leases)
	lease := func() []string {
		o.Shell(`rm -f /run/variables.* /var/lib/dhcp/*.leases; dhclient -1 dh0; ip -br -4 address show dev dh0 | grep 192.0.2.10; dhclient -r dh0`)
		out := o.Shell(`for file in /run/variables.*; do echo "$file"; cat "$file"; done; cat /etc/resolv.conf`)
		return lines(fleeting.ReplaceAllString(out, ""))
	}
	lease()
	before := lease()
	if all := strings.Join(before, "\n"); !strings.Contains(all, "\nnew_domain_name='example.org'\n") {
		t.Fatalf("the variables are\n%s", all)
	}
	o.Run("hookctl", "adopt", "dhclient")
	o.hook("told", "On=dhclient.bound\nOn=dhclient.release", `echo "$HOOK_EVENT $EVENT_INTERFACE $EVENT_NEW_IP_ADDRESS $EVENT_NEW_DOMAIN_NAME $EVENT_OLD_IP_ADDRESS" >>/run/told`)
	o.hook("fails", "On=dhclient.*\nFailure=abort", "exit 3")
	for _, step := range []string{"hookctl reload", "systemctl stop hookd.service", "chmod a-x /usr/lib/hookd/hookshim"} {
		o.Shell(step + "; rm -f /run/told")
		if diff := cmp.Diff(before, lease()); diff != "" {
			t.Errorf("after %s:\n%s", step, diff)
		}
		want := "dhclient.bound dh0 192.0.2.10 example.org \ndhclient.release dh0   192.0.2.10"
		if strings.HasPrefix(step, "chmod") {
			want = ""
		}
		if told := o.Shell("cat /run/told 2>/dev/null || true"); told != want {
			t.Errorf("after %s told is\n%s", step, told)
		}
	}
}
