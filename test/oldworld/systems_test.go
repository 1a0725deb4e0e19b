package oldworld

import (
	"strings"
	"testing"

	"hookd/internal/booted"
)

// TestSystems has the other old systems tell what they do, as far as they run without a modem, a server and a lid: their own
// programs call what was adopted, and hooks hear of it.
func TestSystems(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.Shell(`ip link add rec0 type veth peer name rec1; ip link set rec1 up
rm -f /etc/ppp/ip-up.d/* /etc/dhcp/dhclient-exit-hooks.d/* /etc/NetworkManager/dispatcher.d/[0-9]*
hookctl adopt ppp; hookctl adopt dhclient; hookctl adopt networkmanager; hookctl adopt system-sleep`)
	o.run([]part{{"ppp", pppd}, {"dhclient", dhclient}, {"networkmanager", networkManager}, {"system-sleep", systemSleep}})
}

// heard is what a hook for all events of a family writes down.
const heard = `{ echo "$HOOK_EVENT"; env | grep ^EVENT_ | sort; } >>/run/told`

// has fails when a line of what was told is not there.
func (o *old) has(told string, lines ...string) {
	o.t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+told+"\n", "\n"+line+"\n") {
			o.t.Errorf("nobody has told %s:\n%s", line, told)
		}
	}
}

// pppd: Debian's script for pppd(8), called as pppd calls it, runs scripts and hooks in one order.
func pppd(o *old) {
	o.put("/etc/ppp/ip-up.d/aa", "#!/bin/sh\necho \"aa $# $6 $PPP_IFACE $MINE\" >>/run/told\n")
	o.put("/etc/ppp/ip-up.d/zz", "#!/bin/sh\necho \"zz $(umask) $PPP_TTYNAME\" >>/run/told\nexit 3\n")
	o.hook("mm", "On=ppp.ip-up", heard)
	o.reload()
	told, said, failed := o.told(`env -i MINE=set IFNAME=ppp0 DEVICE=/dev/ttyS0 SPEED=115200 IPLOCAL=10.0.0.1 IPREMOTE=10.0.0.2 PEERNAME='$(id)' PPPD_PID=7 \
	sh -c 'umask 077; cd /; exec /etc/ppp/ip-up ppp0 /dev/ttyS0 115200 10.0.0.1 10.0.0.2 "a b"' </dev/null`)
	if !strings.HasPrefix(told, "aa 6 a b ppp0 set\nppp.ip-up\n") || !strings.HasSuffix(told, "\nzz 0022 ttyS0") {
		o.t.Errorf("failed is %v, said was %s, told\n%s", failed, said, told)
	}
	o.has(told, "EVENT_INTERFACE=ppp0", "EVENT_DEVICE=/dev/ttyS0", "EVENT_IPPARAM=a b", "EVENT_PEERNAME=$(id)", "EVENT_PPPD_PID=7", "EVENT_TTYNAME=ttyS0", "EVENT_IPLOCAL=10.0.0.1")
	if strings.Contains(told, "EVENT_MINE") {
		o.t.Errorf("told\n%s", told)
	}
}

// dhclient: its script, called as dhclient(8) calls it, has the hook hear of a lease, and ends as it did.
func dhclient(o *old) {
	o.put("/etc/dhcp/dhclient-exit-hooks.d/zz", "echo \"zz $reason $new_ip_address $(umask)\" >>/run/told\n")
	o.hook("mm", "On=dhclient.*", heard)
	o.reload()
	told, said, failed := o.told(`env -i reason=BOUND interface=rec0 pid=7 new_ip_address=192.0.2.9 new_subnet_mask=255.255.255.0 new_domain_name='() { :;}; x' \
	old_x_y=1 requested_routers=1 PATH=/usr/sbin:/sbin:/bin:/usr/sbin:/usr/bin /sbin/dhclient-script`)
	o.has(told, "dhclient.bound", "EVENT_REASON=BOUND", "EVENT_INTERFACE=rec0", "EVENT_NEW_IP_ADDRESS=192.0.2.9", "EVENT_NEW_DOMAIN_NAME=() { :;}; x",
		"EVENT_OLD_X_Y=1", "EVENT_REQUESTED_ROUTERS=1", "zz BOUND 192.0.2.9 0022")
	if failed {
		o.t.Errorf("it says %s", said)
	}
}

// networkManager: the program itself, with its dispatcher, brings a connection up and down.
func networkManager(o *old) {
	o.hook("mm", "On=networkmanager.*", heard)
	o.reload()
	o.Shell("ip address flush dev rec0; systemctl --quiet enable NetworkManager-dispatcher.service; systemctl start NetworkManager.service")
	o.Until("nmcli general status")
	o.Shell(`nmcli connection add type ethernet con-name 'the $(id) one' ifname rec0 ipv4.method manual ipv4.addresses 192.0.2.8/24 ipv6.method disabled connection.autoconnect no >/dev/null`)
	o.Shell("rm -f /run/told; nmcli device set rec0 managed yes; nmcli connection up 'the $(id) one'")
	o.Until("grep -qx networkmanager.up /run/told")
	o.Shell("nmcli connection down 'the $(id) one'")
	o.Until("grep -qx networkmanager.down /run/told")
	told := o.Run("cat", "/run/told")
	o.has(told, "networkmanager.pre-up", "networkmanager.pre-down", "EVENT_ACTION=up", "EVENT_INTERFACE=rec0", "EVENT_CONNECTION_ID=the $(id) one",
		"EVENT_DEVICE_IFACE=rec0", "EVENT_IP4_NUM_ADDRESSES=1")
	o.Shell("systemctl stop NetworkManager.service")
}

// systemSleep: the link in the directory of systemd-sleep, called as that calls it.
func systemSleep(o *old) {
	o.hook("mm", "On=system.sleep", heard)
	o.reload()
	told, said, failed := o.told("for dir in /lib /usr/lib; do SYSTEMD_SLEEP_ACTION=hibernate $dir/systemd/system-sleep/hookd pre suspend-then-hibernate; done")
	o.has(told, "system.sleep", "EVENT_PHASE=pre", "EVENT_OPERATION=suspend-then-hibernate", "EVENT_ACTION=hibernate")
	if failed || said != "" || strings.Count(told, "system.sleep") != 2 {
		o.t.Errorf("failed is %v, said was %q, told\n%s", failed, said, told)
	}
}
