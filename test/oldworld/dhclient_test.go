package oldworld

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// served are the options of a server that means harm: names of options as they were attacked (failures: S7), and bytes that are
// no text. dhclient drops some itself.
const served = `3 \xc0\x00\x02\x01
6 \xc0\x00\x02\x35
15 () { :;}; touch /run/pwned
12 $(touch /run/pwned)
17 x'; touch /run/pwned #
40 a\x0atouch /run/pwned
66 |touch /run/pwned&
67 \xff\xfe"${IFS}` + "`touch /run/pwned`" + `
`

// noted is a script that dhclient-script(8) sources: it writes down what it was given, as $exit_status says it and as a child sees it.
const noted = `printf 'begin %s, %s\n' "$reason" "$exit_status" >>/run/noted
env -0 | LC_ALL=C sort -z | tr '\0' '\n' >>/run/noted
`

// variables is one that is sourced last: what stands in the shell is what stood there without us.
const variables = "set >/run/variables.$reason\n"

// hears is what a hook writes down, as a child of its own sees it.
const hears = `printf 'begin %s\n' "$EVENT_REASON" >>/run/heard
env -0 | grep -z ^EVENT_ | LC_ALL=C sort -z | tr '\0' '\n' >>/run/heard`

// client is dhclient(8) on an interface whose other end is in another network, where a server answers.
func client(t *testing.T, setup string) *old {
	t.Helper()
	o := boot(t, booted.OldWorld(), setup)
	o.put("/run/options", served)
	o.put("/etc/dhcp/dhclient-exit-hooks.d/aa-noted", noted)
	o.put("/etc/dhcp/dhclient-exit-hooks.d/zz-variables", variables)
	o.Shell(`ip netns add server
ip link add dh0 type veth peer name dh1 netns server
ip link set dh0 up
ip -n server address add 192.0.2.1/24 dev dh1
ip -n server link set dh1 up
echo 'also request root-path, nis-domain, tftp-server-name, bootfile-name; timeout 60;' >>/etc/dhcp/dhclient.conf
echo 'initial-interval 1; retry 1; backoff-cutoff 1;' >>/etc/dhcp/dhclient.conf
cp testdata/dhcpd.py /run
systemd-run --quiet --unit=dhcpd ip netns exec server python3 /run/dhcpd.py dh1 3 /run/options`)
	o.Until("ip netns exec server ss -lun | grep -q :67")
	return o
}

// command is the command line of dhclient, without and with what makes it let go.
const command = "dhclient -pf /run/dh.pid -lf /run/dh.leases dh0 "

// changing is what no two leases and processes have in common, and how often one that is short is renewed.
var changing = regexp.MustCompile(`(?m)^(EVENT_)?(pid|PPID|PID|(new|old|NEW|OLD)_(expiry|EXPIRY))='?\d+'?\n`)

// lease takes a lease, has it renewed, lets it end, is stopped, takes another one and gives it back. The records of each reason,
// the first of each, are in their order.
func (o *old) lease() []string {
	o.t.Helper()
	o.Shell("rm -f /run/noted /run/heard /run/variables.* /run/silent")
	o.bind()
	o.Until("grep -q 'begin RENEW' /run/noted; ip address show dev dh0 | grep -q 192.0.2.50")
	o.Shell("touch /run/silent")
	o.Until("grep -q 'begin EXPIRE' /run/noted")
	o.Shell(command + "-x 2>/dev/null; rm /run/silent")
	o.bind()
	o.Shell(command + "-r 2>/dev/null")
	shell := o.Shell(`for file in /run/variables.*; do echo "begin $file"; cat $file; done`)
	return append(firsts(o.Run("cat", "/run/noted")), firsts(shell)...)
}

// bind takes a lease. dhclient writes its number down when it has already told that it is there.
func (o *old) bind() {
	o.t.Helper()
	o.Shell("rm -f /run/dh.leases /run/dh.pid; ip address flush dev dh0; " + command + "-1 2>/dev/null")
	o.Until("kill -0 $(cat /run/dh.pid)")
}

// firsts are the first records of each kind.
func firsts(text string) []string {
	var out []string
	seen := map[string]bool{}
	for _, record := range strings.Split(changing.ReplaceAllString(text+"\n", ""), "begin ")[1:] {
		if kind, _, _ := strings.Cut(record, "\n"); !seen[kind] {
			seen[kind] = true
			out = append(out, record)
		}
	}
	return out
}

// TestDhclient runs dhclient against a server whose values are hostile. Before an adoption, after it, without hookd, with one
// that hangs and after it was taken back everything goes on as before, and each event has the variables that a script sees.
func TestDhclient(t *testing.T) {
	o := client(t, "")
	before := o.lease()
	o.hook("hears", "On=dhclient.*\nFailure=abort", hears+"; exit 3")
	o.reload()
	for _, step := range []string{"hookctl adopt dhclient", "systemctl stop hookd.service"} {
		o.Shell(step)
		if diff := cmp.Diff(before, o.lease()); diff != "" {
			t.Errorf("after %s:\n%s", step, diff)
		}
		if diff := cmp.Diff(firsts(o.asNoted()), firsts(o.Run("cat", "/run/heard"))); diff != "" {
			t.Errorf("after %s hooks heard something else:\n%s", step, diff)
		}
	}
	o.Run("systemctl", "start", "hookd.service")
	hangs(o)
	o.Run("chmod", "a-x", "/usr/lib/hookd/hookshim")
	o.bind()
	o.Shell(command + "-r 2>/dev/null; chmod a+x /usr/lib/hookd/hookshim")
	if out, err := o.Try("ls", "/run/pwned"); err == nil {
		t.Errorf("a value was executed %s", out)
	}
}

// asNoted is what the script has noted as an event is to have it: every variable but those of the shell itself.
func (o *old) asNoted() string {
	o.t.Helper()
	var out []string
	for line := range strings.Lines(o.Run("cat", "/run/noted")) {
		name, value, _ := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "begin "):
			line = strings.Replace(line, ", 0", "", 1)
		case name == "PATH", name == "PWD":
			continue
		default:
			line = "EVENT_" + strings.ToUpper(name) + "=" + value
		}
		out = append(out, strings.TrimSuffix(line, "\n"))
	}
	return strings.Join(out, "\n")
}

// hangs: a hookd that hangs is waited for two seconds, then the hook runs in the process of dhclient-script; once.
func hangs(o *old) {
	o.hook("tells", "On=dhclient.bound", tells)
	o.reload()
	o.Shell("rm -f /run/told; kill -STOP $(systemctl show --value --property=MainPID hookd.service)")
	begun := time.Now()
	o.bind()
	if took := time.Since(begun); took < 2*time.Second {
		o.t.Errorf("a hookd that hangs was waited for %s", took)
	}
	const once = "tells dh0  dhclient.bound"
	if told := o.Run("cat", "/run/told"); told != once {
		o.t.Errorf("told is\n%s", told)
	}
	o.Shell("kill -CONT $(systemctl show --value --property=MainPID hookd.service); " + command + "-r 2>/dev/null")
	o.Until("hookctl history | grep -q dhclient.release")
	if told := o.Run("cat", "/run/told"); told != once {
		o.t.Errorf("later told is\n%s", told)
	}
}
