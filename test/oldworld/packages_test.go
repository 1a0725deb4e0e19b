package oldworld

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// everyPackage is a stanza for each package that puts scripts into the directories of ifupdown. What the kernel has no module for
// fails, as it does without us.
const everyPackage = `auto lo
iface lo inet loopback
auto rec0
iface rec0 inet static
	address 192.0.2.1/24
	dns-nameservers 192.0.2.53 192.0.2.54
	dns-search example.org
	openvpn office branch
	offload-gro off
	ip-proxy-arp 1
	ip-rp-filter 2
iface rec0 inet6 static
	address 2001:db8::1/64
	dad-attempts 0
	dns-nameservers 2001:db8::53
auto br0
iface br0 inet static
	address 198.51.100.1/24
	bridge_ports port0 port1
	bridge_stp off
	bridge_fd 0
	bridge_maxwait 0
auto rec0.7
iface rec0.7 inet manual
	vlan-raw-device rec0
	mtu 1400
iface bond0 inet manual
	bond-slaves none
	bond-mode active-backup
auto wpa0
iface wpa0 inet manual
	wpa-driver wired
	wpa-conf /run/wpa.conf
iface bad0 inet manual
	wpa-driver wired
	wpa-conf /run/none.conf
`

// traced has the programs that the scripts call write down how they were called, and with which environment. Those behind the
// colon do nothing else.
const traced = `
trace() {
	path=$(readlink -f "$(command -v $1)")
	mv $path $path.traced
	printf '%s\n' '#!/bin/sh' "{ echo \"$1 \$*\"; env | LC_ALL=C sort; } >>/run/traced" "$2" >$path
	chmod 755 $path
	sed -i "s,ITSELF,$path.traced," $path
}
for program in ip ethtool resolvconf brctl wpa_cli start-stop-daemon; do trace $program 'exec ITSELF "$@"'; done
for program in chronyc sendmail invoke-rc.d postconf service; do trace $program 'exit 0'; done
trace systemctl 'case "$*" in *openvpn*) exit 0; esac; exec ITSELF "$@"'
for pair in rec0:rec1 port0:port0p port1:port1p wpa0:wpa1 bad0:bad1; do
	ip link add ${pair%:*} address 02:00:00:00:00:$(printf %02x $((n = ${n:-1} + 1))) type veth peer name ${pair#*:}
	ip link set ${pair#*:} up
done
printf '%s\n' ctrl_interface=/run/wpa_supplicant ap_scan=0 'network={' key_mgmt=IEEE8021X eap=MD5 'identity="x"' 'password="x"' '}' >/run/wpa.conf
systemd-run --quiet --socket-property=ListenStream=/run/chrony/chronyd.sock --unit=fake-chrony cat
mkdir -p /var/spool/postfix/pid /var/spool/postfix/etc
cp /bin/sleep /run/master
/run/master 1d >/dev/null 2>&1 &
echo "  $!" >/var/spool/postfix/pid/master.pid
`

// state is what the scripts have made of the host.
const state = `ip -br -4 address; ip -br -6 address show scope global; ip -br link show type bridge; ls /sys/class/net/br0/brif
cat /etc/resolv.conf /proc/sys/net/ipv4/conf/rec0/proxy_arp /proc/sys/net/ipv4/conf/rec0/rp_filter
ethtool -k rec0 | grep generic-receive; pgrep -a wpa_; ls /run/wpa_supplicant /run/network; cat /run/network/ifstate*
cat /var/spool/postfix/etc/resolv.conf && echo postfix has resolv.conf`

// passing is the number of a process.
var passing = regexp.MustCompile(`(?m)^\d+ (/usr)?/sbin`)

// variable is a line of an environment.
var variable = regexp.MustCompile(`(?m)^\w+=.*\n`)

// TestPackagesHooks runs the scripts of Debian's packages with and without an adoption: they call the same programs with the same
// environment, and make the same of the host.
func TestPackagesHooks(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.put("/etc/network/interfaces", everyPackage)
	o.Shell(traced)
	o.everything() // what is there the first time only
	before := o.everything()
	for _, called := range []string{"systemctl --no-block start openvpn@office", "systemctl stop openvpn@branch", "chronyc onoffline",
		"ethtool --offload rec0 gro off", "resolvconf -a rec0.inet6", "resolvconf -d rec0.inet", "brctl addbr br0", "sendmail -q|postfix has resolv.conf",
		"wpa_supplicant.wpa0.pid -i wpa0 -D wired", "wpa_cli -p /run/wpa_supplicant -i wpa0 add_network", "nameserver 192.0.2.53",
		"ip link add link rec0 name rec0.7 type vlan", "ip link add dev bond0 type bond", "port1\n"} {
		if all := strings.Join(before, "\n"); !regexp.MustCompile(called).MatchString(all) {
			t.Errorf("nothing has called or made %s:\n%s", called, variable.ReplaceAllString(all, ""))
		}
	}
	for _, step := range []string{"hookctl adopt ifupdown", "systemctl stop hookd.service",
		"systemctl start hookd.service; hookctl adopt --undo ifupdown; hookctl adopt --links ifupdown"} {
		o.Shell(step)
		for i, now := range o.everything() {
			if diff := cmp.Diff(lines(before[i]), lines(now)); diff != "" {
				t.Fatalf("after %s:\n%s", step, diff)
			}
		}
	}
}

// everything is what the scripts do when interfaces come and go, and what becomes of it.
func (o *old) everything() []string {
	o.t.Helper()
	var out []string
	for _, line := range []string{"ifup -a", "ifup bad0", "ifup bond0", "ifdown rec0", "ifup -v rec0", "ifdown -a", "ifdown --force bond0 bad0"} {
		said, _ := o.Try("sh", "-c", "rm -f /run/traced; "+line+"\necho ends with $?; cat /run/traced; "+state)
		out = append(out, line+"\n"+passing.ReplaceAllString(own.ReplaceAllString(said, ""), "/sbin"))
	}
	return out
}
