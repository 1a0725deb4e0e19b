package oldworld

import (
	"strings"
	"testing"

	"hookd/internal/booted"
)

// TestNetworkManager adopts NetworkManager: hooks hear of what it does beside its scripts, and it waits for those of pre-up.
func TestNetworkManager(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.Shell(`ip link add nm0 type veth peer name nm1; ip link set nm1 up
rm -f /etc/NetworkManager/dispatcher.d/* /usr/lib/NetworkManager/dispatcher.d/* 2>/dev/null || true
printf '%s\n' '[main]' no-auto-default=* '[ifupdown]' managed=true '[device]' match-device=* managed=1 >/etc/NetworkManager/NetworkManager.conf
hookctl adopt networkmanager`)
	o.put("/etc/NetworkManager/dispatcher.d/zz-last", "#!/bin/sh\necho \"script $1 $2\" >>/run/told\n")
	o.hook("told", "On=networkmanager.* interface=nm0", `echo "$HOOK_EVENT $EVENT_CONNECTION_ID $EVENT_IP4_ADDRESS_0" >>/run/told`)
	o.hook("fails", "On=networkmanager.*\nFailure=abort", "exit 3")
	o.reload()
	o.Shell("systemctl --quiet enable NetworkManager-dispatcher.service; systemctl start NetworkManager.service")
	o.Run("nmcli", "connection", "add", "type", "ethernet", "ifname", "nm0", "con-name", "home", "ipv4.method", "manual", "ipv4.addresses", "192.0.2.1/24", "autoconnect", "no")
	o.Run("nmcli", "connection", "up", "home")
	o.Until(`grep -q 'script nm0 up' /run/told`)
	o.Run("nmcli", "connection", "down", "home")
	o.Until(`grep -q 'script nm0 down' /run/told`)
	told := o.Run("cat", "/run/told")
	for _, once := range []string{"networkmanager.pre-up home", "networkmanager.up home 192.0.2.1/24", "networkmanager.pre-down home", "networkmanager.down home"} {
		if strings.Count(told, once) != 1 {
			t.Errorf("not once %s:\n%s", once, told)
		}
	}
}
