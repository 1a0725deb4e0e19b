package booted

import (
	"fmt"
	"testing"

	"hookd/internal/booted"
)

// office is a host with the files of examples/office-vpn, and a far end that runs the servers.
type office struct {
	*booted.Host
	t       *testing.T
	during  func(act func())
	from    int  // how many lines of the watch belong to earlier steps
	unheard bool // the watch has ended with the hookd that it watched
}

// farEnd has the other ends of all links, the gateway of both uplinks, and both servers.
const farEnd = `
cp -r ../../examples/office-vpn/. /etc
printf '%s\n' '203.0.113.10 vpn.example.com' '203.0.113.20 branch.example.com' >>/etc/hosts
cd /etc/openvpn/client
new='req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
openssl $new -x509 -days 30 -subj /CN=ca -keyout ca.key -out ca.crt
for who in this-host:clientAuth far:serverAuth; do
	openssl $new -subj /CN=${who%:*} -keyout ${who%:*}.key -out csr
	printf '%s\n' keyUsage=digitalSignature extendedKeyUsage=${who#*:} >ext
	openssl x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out ${who%:*}.crt
done 2>&1
ip netns add far
ip -n far link set lo up
for link in ll0 nc0 up0 up1; do ip link add $link type veth peer name $link netns far; done
for link in ll0 up0 up1; do ip -n far link set $link up; done
ip -n far address add 203.0.113.10/32 dev lo
ip -n far address add 203.0.113.20/32 dev lo
ip -n far address add 192.0.2.1/24 dev up0
ip -n far address add 198.51.100.1/24 dev up1
serve() { systemd-run --quiet --unit=far-$1 ip netns exec far openvpn --suppress-timestamps --verb 1 --dev far-$1 --dev-type tun \
	--topology subnet --server $2 255.255.255.0 --local $3 --proto $4 --port $5 --keepalive 10 120 --dh none \
	--ca $PWD/ca.crt --cert $PWD/far.crt --key $PWD/far.key; }
serve office 10.8.0.0 203.0.113.10 udp 1194
serve branch 10.9.0.0 203.0.113.20 tcp-server 443
systemd-run --quiet --unit=far-host ip netns exec far openssl s_server -quiet -accept 4433 -cert $PWD/far.crt -key $PWD/far.key
`

// ownRules are those of a host that lets nothing in but what the chain vpn takes.
const ownRules = `nft -f - <<'END'
table inet filter {
	chain vpn { }
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif lo accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		jump vpn
	}
}
END`

// unit has hookd stay dead until the test starts it.
const unit = `mkdir /run/systemd/system/hookd.service.d
cat >/run/systemd/system/hookd.service.d/test.conf <<'END'
[Service]
Restart=no
ExecStart=
ExecStart=/usr/sbin/hookd --executor %s
END
systemctl daemon-reload
systemctl restart hookd.service`

func newOffice(t *testing.T, executor string) *office {
	t.Helper()
	deb := booted.Deb(t)
	o := &office{Host: booted.Boot(t, booted.Bookworm, booted.Options{}), t: t}
	o.Install(deb)
	o.Shell(farEnd)
	o.Shell(ownRules)
	o.Shell(fmt.Sprintf(unit, executor))
	o.Until(`ip netns exec far ss -Hlun | grep -q 203.0.113.10:1194 && ip netns exec far ss -Hltn | grep -q 203.0.113.20:443`)
	if out := o.Run("hookctl", "check"); out != "hookctl: 0 faults, 0 doubts" {
		t.Error(out)
	}
	o.Run("systemd-run", "--quiet", "--unit=watch", "sh", "-c", "exec hookctl watch --json >/run/watch")
	o.Until(`grep -q watching /run/watch`)
	return o
}

func (o *office) defaultRoute() {
	o.t.Helper()
	o.Shell(`ip link set up0 up; ip address replace 192.0.2.2/24 dev up0
ip link set up1 up; ip address replace 198.51.100.2/24 dev up1
ip route add default via 192.0.2.1 dev up0 metric 200`)
}

func (o *office) killHookd() {
	o.t.Helper()
	o.Shell(`kill -9 $(` + mainPID + `)`)
	o.Until(`test "$(systemctl is-active hookd.service)" = failed`)
	o.unheard = true
}

func (o *office) startHookd() {
	o.t.Helper()
	o.Run("systemctl", "start", "hookd.service")
}
