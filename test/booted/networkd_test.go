package booted

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// dispatched is a system with systemd-networkd, which configures nd0 and leaves everything else alone, and a script for each
// state that writes down what it is given. Nothing gets an address by itself.
const dispatched = `
dpkg --install hookd_*.deb
cat >/usr/local/sbin/record <<'END'
#!/bin/sh
exec 9>>/run/record.lock; flock 9
mkdir -p /run/record
at=/run/record/$IFACE.$STATE
{ tr '\0' '\n' </proc/$PPID/cmdline; pwd; umask; readlink /proc/self/fd/0; } >$at.how
cat /proc/$$/environ >$at.new
mv $at.new $at.env
END
chmod 755 /usr/local/sbin/record
for state in pending initialized configuring configured unmanaged failed linger missing off no-carrier dormant \
	degraded-carrier carrier degraded enslaved routable; do
	dir=/etc/networkd-dispatcher/$state.d
	mkdir -p $dir
	printf '#!/bin/sh\n/usr/local/sbin/record\n' >$dir/record
	chmod 755 $dir $dir/record
done
cat >/etc/systemd/network/10-nd.network <<'END'
[Match]
Name=nd0
[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
[Address]
Address=192.0.2.1/24
[Address]
Address=2001:db8::1/64
DuplicateAddressDetection=none
END
printf 'net.ipv6.conf.default.addr_gen_mode = 1\n' >/etc/sysctl.d/90-nd.conf
systemctl --quiet enable systemd-networkd.service networkd-dispatcher.service
`

// step is something that happens to interfaces, and what scripts record of it: INTERFACE.STATE. Of those that are settled
// everything must be equal; the others come at a time when networkctl says this or that.
type step struct {
	name, line string
	settled    string
	passing    string
}

var networkdSteps = []step{
	{"created", "ip link add nd0 address 02:00:00:00:00:01 type veth peer name nd1 address 02:00:00:00:00:02",
		"nd0.no-carrier", "nd0.off nd0.initialized nd0.configuring nd1.off nd1.initialized nd1.unmanaged"},
	{"carrier", "ip link set nd1 up", "nd1.carrier", "nd0.routable nd0.configured"},
	{"carrier lost", "ip link set nd1 down", "nd0.no-carrier nd1.off", ""},
	{"carrier back", "ip link set nd1 up", "nd1.carrier", "nd0.routable"},
	{"addresses removed", "ip addr del 192.0.2.1/24 dev nd0; ip addr del 2001:db8::1/64 dev nd0", "nd0.carrier", ""},
	{"removed", "ip link del nd0", "nd0.linger nd1.linger", "nd0.off nd1.off"},
}

// networkdQuiet fails while systemd-networkd or a script has something to do: what belongs to one step must not be taken for a
// part of the next.
const networkdQuiet = `! networkctl list --no-legend | grep -e pending -e initialized -e configuring
was=$(ls -l --time-style=full-iso /run/record); sleep 0.5; test "$was" = "$(ls -l --time-style=full-iso /run/record)"`

// story has the steps happen and returns what was recorded, by step and INTERFACE.STATE.
func story(h *booted.Host) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, s := range networkdSteps {
		h.Shell("flock /run/record.lock rm -rf /run/record; " + s.line)
		out[s.name] = map[string]string{}
		for file := range strings.FieldsSeq(s.settled + " " + s.passing) {
			h.Until("test -e /run/record/" + file + ".env")
		}
		h.Until(networkdQuiet)
		for file := range strings.FieldsSeq(s.settled + " " + s.passing) {
			out[s.name][file] = h.Run("sh", "-c", "cat /run/record/"+file+".how; tr '\\0' '\\n' </run/record/"+file+".env")
		}
	}
	return out
}

// own are variables that a daemon has or that we add: networkd-dispatcher's scripts inherit all of its environment.
var own = regexp.MustCompile(`(?m)^(INVOCATION_ID|JOURNAL_STREAM|LANG|NOTIFY_SOCKET|SYSTEMD_EXEC_PID|USER|MEMORY_PRESSURE_\w+|networkd_dispatcher_args|PATH|HOOK_\w+)=.*\n?`)

// late are values that depend on the moment; online is systemd-networkd's own, and the kernel tells us sooner. In systemd 252 networkctl shows lines of the journal, too, which 2.2.3 takes for
// keys and 2.2.4 does not ask for.
var (
	late    = regexp.MustCompile(`(?m)^(json|AdministrativeState|OperationalState)=.*$`)
	online  = regexp.MustCompile(`"Online state": \["\w+"\]`)
	journal = regexp.MustCompile(`"[^"]* guest [^"]*\[\d+\]": \[("[^"]*"(, )?)*\](, )?`)
)

func essence(text string, settled bool) []string {
	text = own.ReplaceAllString(text, "")
	if !settled {
		text = late.ReplaceAllString(text, "$1=")
	}
	text = online.ReplaceAllString(text, `"Online state"`)
	list := strings.Split(strings.TrimSpace(journal.ReplaceAllString(text, "")), "\n")
	slices.Sort(list)
	return list
}

// TestNetworkd runs the same scripts by networkd-dispatcher and by hookd, which has adopted it.
func TestNetworkd(t *testing.T) {
	deb := booted.Deb(t)
	h := booted.Boot(t, booted.Bookworm, booted.Options{World: booted.OldWorld(), Files: []string{deb}, Setup: dispatched})
	h.Until(`test -e /run/record/lo.carrier.env -a -e /run/record/lo.unmanaged.env`)
	before := story(h)
	forge(t, h)
	h.Until(`test -e /run/record/lo.routable.env`) // so a forger is believed
	adoptNetworkd(h)
	notForged(t, h)
	for name, recorded := range story(h) {
		for file, text := range recorded {
			i := slices.IndexFunc(networkdSteps, func(s step) bool { return s.name == name })
			settled := slices.Contains(strings.Fields(networkdSteps[i].settled), file)
			if diff := cmp.Diff(essence(before[name][file], settled), essence(text, settled)); diff != "" {
				t.Errorf("%s: %s:\n%s", name, file, diff)
			}
			for _, leaked := range []string{"NOTIFY_SOCKET", "INVOCATION_ID", "EVENT_"} {
				if strings.Contains(text, "\n"+leaked) {
					t.Errorf("%s: %s: %s is leaked", name, file, leaked)
				}
			}
		}
	}
	if out, err := h.Try("ls", "/run/x.ran"); err == nil {
		t.Errorf("a state that is a path was followed: %s", out)
	}
	if out, err := h.Try("test", "-e", "/run/record/nd0.missing.env"); err != nil {
		t.Errorf("an interface that is gone is missing, too: %s", out)
	}
	networkdFaults(t, h)
	networkdStart(t, h)
	networkdMany(t, h)
}

// forger takes the name of systemd-networkd and says that lo has entered states, one of which is none and ends in a path.
const forger = `#!/usr/bin/python3
import dbus, dbus.lowlevel, sys
bus = dbus.SystemBus()
bus.request_name("org.freedesktop.network1", dbus.bus.NAME_FLAG_DO_NOT_QUEUE)
for state in ["../../../run/x", sys.argv[1]]:
    signal = dbus.lowlevel.SignalMessage("/org/freedesktop/network1/link/_31", "org.freedesktop.DBus.Properties", "PropertiesChanged")
    signal.append("org.freedesktop.network1.Link", {"OperationalState": state}, [], signature="sa{sv}as")
    bus.send_message(signal)
bus.get_name_owner("org.freedesktop.network1") # an answer: what was sent before it has gone out
`

// forge has somebody else than root, who may own the name while systemd-networkd is stopped, say that lo is routable (failures:
// S1, S3).
func forge(t *testing.T, h *booted.Host) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.Shared(), "forger"), []byte(forger), 0o755); err != nil {
		t.Fatal(err)
	}
	h.Shell(`mkdir -p /run/x.d; printf '#!/bin/sh\ntouch /run/x.ran\n' >/run/x.d/x; chmod 755 /run/x.d/x
systemctl stop systemd-networkd.socket systemd-networkd.service
flock /run/record.lock rm -rf /run/record
setpriv --reuid=systemd-network --clear-groups /run/hookd-test/shared/forger routable
systemctl start systemd-networkd.service`)
}

// notForged fails when scripts run for what is only said. What really happens then is heard.
func notForged(t *testing.T, h *booted.Host) {
	forge(t, h)
	h.Shell(`ip link add fg0 type veth peer name fg1`)
	h.Until(`test -e /run/record/fg0.unmanaged.env -a -e /run/record/fg1.unmanaged.env`)
	h.Shell(`ip link del fg0`)
	h.Until(`test -e /run/record/fg0.linger.env -a -e /run/record/fg1.linger.env`)
	if out, err := h.Try("ls", "/run/record/lo.routable.env"); err == nil {
		t.Errorf("hookd believes whoever has the name of systemd-networkd: %s", out)
	}
}

func adoptNetworkd(h *booted.Host) {
	h.Run("hookctl", "adopt", "networkd-dispatcher")
	h.Until(`hookctl emit --dry-run networkd.routable interface=x | grep -q legacy:record`)
}

// networkdFaults has scripts and interfaces that networkd-dispatcher stumbles over.
func networkdFaults(t *testing.T, h *booted.Host) {
	h.Shell(`cd /etc/networkd-dispatcher/carrier.d
mkdir -p /usr/lib/networkd-dispatcher/carrier.d
printf 'touch /run/no-shebang\n' >aa-no-shebang
printf '#!/no/such/interpreter\n' >ab-no-interpreter
printf '#!/bin/sh\nexit 3\n' >ac-fails
printf '#!/bin/sh\ntouch /run/canary\n' >ad-somebody
cp ad-somebody ae-writable
cp ad-somebody af-not-executable
cp ad-somebody /usr/lib/networkd-dispatcher/carrier.d/af-not-executable
printf '#!/bin/sh\ntouch "/run/750-$IFACE"\n' >ag-750
chmod 755 a*; chmod 777 ae-writable; chmod 644 af-not-executable; chmod 750 ag-750; chown 1000 ad-somebody
chmod 755 /usr/lib/networkd-dispatcher/carrier.d/*
cat >/etc/hookd/hooks.d/native.hook <<'END'
[Hook]
On=networkd.carrier interface=odd0
After=legacy:record
Exec=/bin/sh -c 'test -e /run/record/odd0.carrier.env && touch /run/native'
END`)
	h.Until(`hookctl emit --dry-run networkd.carrier interface=odd0 | grep -q legacy:ag-750`)
	h.Until(`hookctl list | grep -q native`)
	h.Shell(`ip link add odd0 type veth peer name odd1
ip link add "$(printf 'bad\377')" type veth peer name 7
ip link add '[v]?' type veth peer name 'b\c'
for i in odd0 odd1 7 '[v]?' 'b\c' "$(printf 'bad\377')"; do ip link set "$i" up; done`)
	h.Until(`test -e /run/native -a -e /run/750-odd0 -a -e /run/750-odd1 -a -e /run/750-7 -a -e '/run/750-[v]?' -a -e '/run/750-b\c' -a -e "$(printf '/run/750-bad\377')"`)
	h.Until(`test -e '/run/record/[v]?.carrier.env'`)
	if json := h.Shell(`tr '\0' '\n' <'/run/record/[v]?.carrier.env' | grep ^json=`); !strings.Contains(json, `"Kind": ["veth"]`) {
		t.Errorf("networkctl knows nothing of an interface whose name is a pattern: %s", json)
	}
	if out, err := h.Try("ls", "/run/canary", "/run/no-shebang"); err == nil {
		t.Errorf("it ran: %s", out)
	}
	check, _ := h.Try("hookctl", "check")
	list := h.Run("hookctl", "list")
	for _, name := range []string{"ad-somebody", "ae-writable", "af-not-executable"} {
		if !strings.Contains(check, name) || !regexp.MustCompile(name+`.* refused: `).MatchString(list) {
			t.Errorf("nobody says that %s is refused:\n%s\n%s", name, check, list)
		}
	}
	h.Shell(`ip link del odd0; ip link del 7; ip link del 'b\c'; rm /etc/networkd-dispatcher/carrier.d/a* /etc/hookd/hooks.d/native.hook`)
}

// networkdStart: what is there is told to the first hookd of a boot, a later one tells only what has changed meanwhile.
func networkdStart(t *testing.T, h *booted.Host) {
	h.Shell(`ip link add st0 type veth peer name st1`)
	h.Until(`test -e /run/record/st0.unmanaged.env -a -e /run/record/st1.unmanaged.env`)
	h.Shell(`systemctl stop hookd.service; rm -r /run/record; ip link set st0 up; ip link set st1 up; systemctl start hookd.service`)
	h.Until(`test -e /run/record/st0.carrier.env -a -e /run/record/st1.carrier.env`)
	if out := h.Shell(`ls /run/record | grep env$`); out != "st0.carrier.env\nst1.carrier.env" {
		t.Errorf("a second hookd tells\n%s", out)
	}
	h.Shell(`systemctl stop hookd.service; rm -r /run/record /run/hookd; systemctl start hookd.service`)
	h.Until(`test -e /run/record/st0.carrier.env -a -e /run/record/st1.unmanaged.env -a -e /run/record/lo.unmanaged.env -a -e /run/record/lo.carrier.env`)
	h.Shell(`ip link del st0`)
}

// networkdMany makes 500 interfaces at once: nothing is lost.
func networkdMany(t *testing.T, h *booted.Host) {
	h.Shell(`rm /etc/networkd-dispatcher/*/record
for state in unmanaged carrier linger; do
	printf '#!/bin/sh\n: >/run/many/$IFACE.$STATE\n' >/etc/networkd-dispatcher/$state.d/many
	chmod 755 /etc/networkd-dispatcher/$state.d/many
done
mkdir /run/many`)
	h.Until(`hookctl emit --dry-run networkd.linger interface=x | grep -q legacy:many`)
	var batch strings.Builder
	for i := range 250 {
		fmt.Fprintf(&batch, "link add a%d type veth peer name b%d\nlink set a%d up\nlink set b%d up\n", i, i, i, i)
	}
	if err := os.WriteFile(filepath.Join(h.Shared(), "many"), []byte(batch.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	h.Run("ip", "-batch", "/run/hookd-test/shared/many")
	made := time.Now()
	h.Until(`test "$(ls /run/many | grep -c carrier)" = 500 -a "$(ls /run/many | grep -c unmanaged)" = 500`)
	t.Logf("500 interfaces were made in %v, and all scripts had run %v later", made.Sub(begin), time.Since(made))
	h.Shell(`for i in $(seq 0 249); do echo "link del a$i"; done | ip -batch -`)
	h.Until(`test "$(ls /run/many | grep -c linger)" = 500`)
	if out := h.Run("hookctl", "history", "--result=failed"); strings.Contains(out, "legacy:many") {
		t.Errorf("scripts have failed:\n%s", out)
	}
}
