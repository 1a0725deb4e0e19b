package oldworld

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// managed are two interfaces whose other ends are in another network; a server with hostile values answers there. Nothing is
// connected by itself.
const managed = `ip netns add server
for i in 0 1; do
	ip link add nm$i address 02:00:00:00:01:0$i type veth peer name there$i netns server
	ip -n server link set there$i up
done
ip -n server address add 192.0.2.1/24 dev there1
cp testdata/dhcpd.py /run
systemd-run --quiet --unit=dhcpd ip netns exec server python3 /run/dhcpd.py there1 3600 /run/options
printf '[main]\nno-auto-default=*\n' >/etc/NetworkManager/conf.d/test.conf
systemctl --quiet enable NetworkManager-dispatcher.service 2>/dev/null
systemctl start NetworkManager.service
nmcli connection add type ethernet ifname nm0 con-name 'Home = $(touch /run/pwned)' connection.autoconnect no ipv4.method manual \
	ipv4.addresses 198.51.100.1/24,198.51.100.2/24 ipv4.gateway 198.51.100.254 ipv4.dns 198.51.100.53 ipv4.dns-search example.org \
	ipv4.routes '203.0.113.0/24 198.51.100.9 100' ipv6.method manual ipv6.addresses 2001:db8::1/64
nmcli connection add type ethernet ifname nm1 con-name lease connection.autoconnect no ipv6.method disabled
`

// connections is what is done with them.
const connections = `home='Home = $(touch /run/pwned)'
nmcli connection up "$home"
nmcli connection modify "$home" ipv4.dns 198.51.100.54
nmcli device reapply nm0
nmcli connection modify "$home" ipv4.dns 198.51.100.53
nmcli connection up lease
nmcli connection down "$home"
nmcli connection down lease
nmcli general hostname other
nmcli general hostname guest
`

// manager is a host with NetworkManager, with a recorder in each directory and a script that tells hooks and scripts apart.
func manager(t *testing.T) *old {
	t.Helper()
	o := boot(t, booted.OldWorld(), "")
	o.put("/run/options", served)
	o.Shell(traced + "mkdir -p /run/chrony\ntouch /run/chrony/chronyd.pid\n" + managed)
	o.put("/run/recorder", recorder)
	o.put("/run/noted", strings.ReplaceAll("#!/bin/sh\n"+noted, `"$reason" "$exit_status"`, `"$2" "$1"`))
	o.Shell(`for dir in . pre-up.d pre-down.d; do
	cp /run/recorder /etc/NetworkManager/dispatcher.d/$dir/50-recorder
	cp /run/noted /etc/NetworkManager/dispatcher.d/$dir/51-noted
done
rm /run/noted`)
	return o
}

// fleeting is what changes with each lease and each call of the dispatcher.
var fleeting = regexp.MustCompile(`(?m)^((EVENT_)?DHCP4_EXPIRY=.*|CapEff.*|FDSize.*)\n`)

// connect is what the scripts are given while connections come and go, and what those of packages call. NetworkManager finds out in
// its own time whether there is a way out, so the records are sorted.
func (o *old) connect() []string {
	o.t.Helper()
	o.Shell("rm -f /run/recorded /run/noted /run/heard /run/traced\n" + connections)
	o.settle()
	text := varying.ReplaceAllString(strings.ReplaceAll(o.Shell("cat /run/recorded; echo; cat /run/traced"), "\000", "\n"), "")
	text, traced, _ := strings.Cut(invocation.ReplaceAllString(fleeting.ReplaceAllString(text, ""), ""), "\n\n")
	called := strings.Split(traced, "\n")
	slices.Sort(called)
	return append(arranged(text, "script "), slices.Compact(called)...)
}

// settle waits until the last of everything that was done has been told, and its scripts have run.
func (o *old) settle() {
	o.t.Helper()
	o.Until("test $(grep -c 'begin hostname' /run/noted) -ge 2")
	o.Until(`if pgrep -f "dispatcher[.]d/"; then exit 1; fi; ! systemctl is-active --quiet hookd.service || hookctl status | grep -q ' 0 jobs under way'`)
}

// arranged are the records that begin with a word, sorted, each one once.
func arranged(text, word string) []string {
	out := strings.Split("\n"+strings.TrimRight(text, "\n"), "\n"+word)[1:]
	slices.Sort(out)
	return slices.Compact(out)
}

// hearsAction is what a hook writes down, as a child of its own sees it.
const hearsAction = `exec 9>>/run/heard
flock 9
printf 'begin %s %s\n' "$EVENT_ACTION" "$EVENT_INTERFACE" >&9
env -0 | grep -z ^EVENT_ | LC_ALL=C sort -z | tr '\0' '\n' >&9`

// actions are the records of a script, as an event is to have them: its arguments and each variable but those of the shell.
func (o *old) actions() []string {
	o.t.Helper()
	var out []string
	for _, record := range arranged(fleeting.ReplaceAllString(o.Run("cat", "/run/noted")+"\n", ""), "begin ") {
		action, rest, _ := strings.Cut(record, "\n")
		word, name, _ := strings.Cut(action, ", ")
		event := []string{"EVENT_INTERFACE=" + name, "EVENT_ACTION=" + word}
		for line := range strings.SplitSeq(rest, "\n") {
			if !slices.Contains([]string{"PATH", "PWD", "NM_DISPATCHER_ACTION"}, strings.SplitN(line, "=", 2)[0]) {
				event = append(event, "EVENT_"+line)
			}
		}
		slices.Sort(event)
		out = append(out, word+" "+name+"\n"+strings.Join(event, "\n"))
	}
	return out
}

// TestNetworkManager has NetworkManager run its scripts before an adoption, after it, without hookd and after it was taken back.
func TestNetworkManager(t *testing.T) {
	o := manager(t)
	o.connect() // what is there the first time only
	before := o.connect()
	for _, said := range []string{"argument 'pre-up'", "argument 'up'", "argument 'pre-down'", "argument 'down'", "argument 'hostname'",
		"argument 'reapply'", "argument 'connectivity-change'", "argument 'dhcp4-change'", "chronyc onoffline",
		"DHCP4_ROOT_PATH=x'; touch /run/pwned #", "CONNECTION_ID=Home = $(touch /run/pwned)"} {
		if !strings.Contains(strings.Join(before, "\n"), said) {
			t.Errorf("NetworkManager has not told %s:\n%s", said, strings.Join(before, "\n"))
		}
	}
	o.hook("hears", "On=networkmanager.*\nFailure=abort", hearsAction+"; exit 3")
	o.reload()
	for _, step := range []string{"hookctl adopt networkmanager", "systemctl stop hookd.service"} {
		o.Shell(step)
		if diff := cmp.Diff(before, o.connect()); diff != "" {
			t.Errorf("after %s:\n%s", step, diff)
		}
		heard := arranged(fleeting.ReplaceAllString(o.Run("cat", "/run/heard")+"\n", ""), "begin ")
		if diff := cmp.Diff(o.actions(), heard); diff != "" {
			t.Errorf("after %s hooks heard something else:\n%s", step, diff)
		}
	}
	o.Run("systemctl", "start", "hookd.service")
	o.Run("rm", "/etc/hookd/hooks.d/hears")
	slow(o)
	o.Shell("hookctl adopt --undo networkmanager")
	if diff := cmp.Diff(before, o.connect()); diff != "" {
		t.Errorf("after it was taken back:\n%s", diff)
	}
	if out, err := o.Try("ls", "/run/pwned"); err == nil {
		t.Errorf("a value was executed %s", out)
	}
}

// slow: an interface is not up before hooks of pre-up are over. Hooks of up hold nothing up, not those of another interface either,
// and those of one interface keep their order.
func slow(o *old) {
	o.hook("before", "On=networkmanager.pre-up interface=nm1", "until [ -e /run/go ]; do sleep 0.02; done")
	o.hook("beside", "On=networkmanager.up interface=nm0", "until [ -e /run/gone ]; do sleep 0.02; done; echo up >>/run/told")
	o.hook("below", "On=networkmanager.down interface=nm0", "echo down >>/run/told")
	o.reload()
	o.Shell("rm -f /run/told; nmcli connection up 'Home = $(touch /run/pwned)'; nmcli --wait 0 connection up lease")
	o.Until("pgrep -f 'hooks[.]d/before'")
	if out := o.Run("nmcli", "--get-values=GENERAL.STATE", "connection", "show", "lease"); out != "activating" {
		o.t.Errorf("while a hook of pre-up runs the connection is %s", out)
	}
	o.Run("touch", "/run/go")
	o.Until("test $(nmcli --get-values=GENERAL.STATE connection show lease) = activated")
	if out, err := o.Try("cat", "/run/told"); err == nil {
		o.t.Errorf("the hook of up is over: %s", out)
	}
	o.Shell("nmcli connection down 'Home = $(touch /run/pwned)'; nmcli connection down lease; touch /run/gone")
	o.Until("grep -q down /run/told")
	if told := o.Run("cat", "/run/told"); told != "up\ndown" {
		o.t.Errorf("told is\n%s", told)
	}
	o.Shell("rm /etc/hookd/hooks.d/*; hookctl reload")
}
