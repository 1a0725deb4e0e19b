package booted

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/internal/booted"
	"hookd/internal/control"
	"hookd/runner"
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
serve() { systemd-run --quiet --unit=far-$1 ip netns exec far openvpn --suppress-timestamps --verb 3 --dev far-$1 --dev-type tun \
	--topology subnet --server $2 255.255.255.0 --local $3 --proto $4 --port $5 --keepalive 10 120 --dh none \
	--ca $PWD/ca.crt --cert $PWD/far.crt --key $PWD/far.key; }
serve office 10.8.0.0 203.0.113.10 udp 1194
serve branch 10.9.0.0 203.0.113.20 tcp-server 443
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
	deb := theDeb(t)
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
	t.Cleanup(func() {
		out, _ := o.Try("sh", "-c", "cat /run/watch; journalctl -o short-monotonic -u 'hookd*' -u far-branch")
		os.WriteFile("/tmp/h-office-"+executor, []byte(out), 0o644)
	})
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

// until waits for something that comes, however long that takes on a busy machine.
func (o *office) until(what string, holds func() bool) {
	o.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			out, _ := o.Try("hookctl", "status")
			o.t.Fatalf("still not: %s\n%s\n%s\n%s\n%s", what, out, o.show("office-vpn"), o.show("branch-vpn"), strings.Join(o.watched(), "\n"))
		}
	}
}

func (o *office) show(vpn string) string {
	out, _ := o.Try("hookctl", "status", vpn)
	return out
}

// vpn is a service as hookctl tells of it.
type vpn struct{ control.Service }

func (s vpn) pid() string { return itoa(s.PID) }

func (o *office) service(name string) vpn {
	o.t.Helper()
	var reply control.ServicesReply
	out, err := o.Try("hookctl", "status", name, "--json")
	if err != nil {
		return vpn{} // hookd is not there, or not yet the hook
	}
	if err := json.Unmarshal([]byte(out), &reply); err != nil || len(reply.Services) != 1 {
		o.t.Fatalf("the services of %s: %v in %s", name, err, out)
	}
	return vpn{reply.Services[0]}
}

// running waits for a service to run, as one process, with what belongs to it.
func (o *office) running(name string) vpn {
	o.t.Helper()
	var s vpn
	o.until(name+" runs", func() bool {
		s = o.service(name)
		return s.Phase == runner.Running && s.Wanted
	})
	if n := o.processes(name); n != 1 {
		o.t.Errorf("%d processes of %s run", n, name)
	}
	if name == "office-vpn" {
		o.ruled(true)
	}
	return s
}

// same fails when a service is not the process that it was.
func (o *office) same(name string, before vpn) {
	o.t.Helper()
	now := o.service(name)
	before.Output, now.Output = "", ""
	if diff := cmp.Diff(before, now); diff != "" || o.processes(name) != 1 {
		o.t.Errorf("%s (-before +now):\n%s", name, diff)
	}
}

// processes is how many processes are the OpenVPN of a service.
func (o *office) processes(name string) int {
	o.t.Helper()
	config := "/etc/openvpn/client/" + strings.TrimSuffix(name, "-vpn") + ".conf"
	out, err := o.Try("pgrep", "--count", "--full", "^/usr/sbin/openvpn .*"+config)
	n, bad := strconv.Atoi(out)
	if bad != nil {
		o.t.Fatalf("pgrep: %v %s", err, out)
	}
	return n
}

func (o *office) rules() string { return o.Run("nft", "list", "chain", "inet", "filter", "vpn") }

// ruled waits for the rule of the office VPN to be there, or fails when it is.
func (o *office) ruled(want bool) {
	o.t.Helper()
	const rule = `iifname "office" tcp dport 22 accept`
	if want {
		o.until("the rule is there", func() bool { return strings.Count(o.rules(), rule) == 1 })
	} else if rules := o.rules(); strings.Contains(rules, rule) {
		o.t.Errorf("the rule is there: %s", rules)
	}
}

// connections is how often the branch was called.
func (o *office) connections() int {
	o.t.Helper()
	out := o.Run("journalctl", "--quiet", "--output=cat", "--unit=far-branch.service")
	return strings.Count(out, "TCP connection established with")
}

// watched are the events told since the step began.
func (o *office) watched() []string {
	var out []string
	for _, line := range strings.Split(o.Run("cat", "/run/watch"), "\n")[o.from:] {
		var r control.Record
		if json.Unmarshal([]byte(line), &r) == nil && r.Kind == "event" && r.Late == "" {
			out = append(out, brief(*r.Event))
		}
	}
	return out
}

// forget leaves what was told so far to earlier steps.
func (o *office) forget() { o.from = strings.Count(o.Run("cat", "/run/watch"), "\n") + 1 }

// brief is the name of an event and its parameters; of those of services the service, and what is out of the ordinary.
func brief(e events.Event) string {
	words := []string{}
	if e.Family() != "service" {
		for _, p := range e.Params {
			words = append(words, p.Key+"="+p.Value)
		}
		return e.Name + " " + strings.Join(words, " ")
	}
	for _, key := range []string{"cause", "result", "exit-status", "signal", "restarts", "restarting"} {
		if v, there := e.Get(key); there && v != "0" && v != "no" {
			words = append(words, v)
		}
	}
	service, _ := e.Get("service")
	return service + ":" + strings.TrimPrefix(e.Name, "service.") + "(" + strings.Join(words, " ") + ")"
}

// tells waits until an event with such parameters was told, if somebody listens.
func (o *office) tells(event string) {
	o.t.Helper()
	terms := strings.Fields(event)
	o.until(event+" is told", func() bool {
		if o.unheard {
			return true
		}
		for _, e := range o.watched() {
			words := strings.Fields(e)
			if words[0] == terms[0] && has(words, terms) {
				return true
			}
		}
		return false
	})
}

func has(words, terms []string) bool {
	all := " " + strings.Join(words, " ") + " "
	for _, term := range terms {
		if !strings.Contains(all, " "+term+" ") {
			return false
		}
	}
	return true
}

// tellsStory waits until so many events of a service were told in this step, and fails when they are others.
func (o *office) tellsStory(service string, want ...string) {
	o.t.Helper()
	if o.unheard {
		return
	}
	var told []string
	o.until("the story of "+service+" is told", func() bool {
		told = nil
		for _, e := range o.watched() {
			if word, is := strings.CutPrefix(e, service+":"); is {
				told = append(told, word)
			}
		}
		return len(told) >= len(want)
	})
	if diff := cmp.Diff(want, told); diff != "" {
		o.t.Errorf("the story of %s (-want +told):\n%s", service, diff)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
