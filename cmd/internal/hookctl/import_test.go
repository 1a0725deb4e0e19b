package hookctl_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/cmd/internal/hookctl"
	"hookd/compat"
	"hookd/hookspec"
)

// contract is how an old system starts a script: recorded of the real one.
type contract struct {
	system, program, script string
	args, environ           []string
	ownPath                 bool // it says which PATH scripts have
}

func contracts() []contract {
	const hostPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
	return []contract{
		{"ifupdown", "usr/sbin/ifup", "/etc/network/if-pre-up.d/record", nil, []string{
			"IFACE=eth0.5", "LOGICAL=home", "ADDRFAM=inet", "METHOD=static", "MODE=start", "PHASE=pre-up", "VERBOSITY=0", "CLASS=auto",
			"PATH=/usr/lib/ifupdown:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "IF_ADDRESS=192.0.2.1", "IF_NETMASK=255.255.255.0",
			"IF_DNS_NAMESERVERS=192.0.2.2\n192.0.2.3", "IF_EMPTY=", "IF_ODD=$(id) \"x\" 'y'\t# %{interface} %%", "IFUPDOWN_br0=pre-up", "IFUPDOWN_eth0=post-up"}, true},
		{"ifupdown", "usr/sbin/ifup", "/etc/network/if-down.d/record", nil, []string{
			"IFACE=--all", "LOGICAL=auto", "ADDRFAM=meta", "METHOD=none", "MODE=stop", "PHASE=pre-down", "VERBOSITY=1", "CLASS=auto",
			"PATH=/usr/lib/ifupdown:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, true},
		{"ppp", "usr/sbin/pppd", "/etc/ppp/ip-up.d/record", []string{"ppp0", "/dev/ttyS0", "115200", "192.0.2.1", "192.0.2.2", ""}, []string{
			"PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", "PPP_IFACE=ppp0", "PPP_TTY=/dev/ttyS0", "PPP_SPEED=115200", "PPP_LOCAL=192.0.2.1",
			"PPP_REMOTE=192.0.2.2", "PPP_IPPARAM=", "PPP_TTYNAME=ttyS0", "IFNAME=ppp0", "DEVICE=/dev/ttyS0", "SPEED=115200", "IPLOCAL=192.0.2.1",
			"IPREMOTE=192.0.2.2", "PEERNAME=a b", "ORIG_UID=0", "PPPLOGNAME=root", "PPPD_PID=77", "DNS1=192.0.2.9", "USEPEERDNS=1"}, true},
		{"networkmanager", "usr/sbin/NetworkManager", "/etc/NetworkManager/dispatcher.d/10-record.sh", []string{"wlan0", "dhcp4-change"}, []string{
			hostPath, "NM_DISPATCHER_ACTION=dhcp4-change", "CONNECTION_UUID=u", "CONNECTION_ID=My net", "DEVICE_IFACE=wlan0", "DEVICE_IP_IFACE=wlan0",
			"IP4_ADDRESS_0=192.0.2.1/24 192.0.2.254", "IP4_NUM_ADDRESSES=1", "DHCP4_DOMAIN_NAME=example.org", "VPN_IP_IFACE=tun0"}, false},
		{"networkmanager", "usr/sbin/NetworkManager", "/etc/NetworkManager/dispatcher.d/pre-down.d/record", []string{"wlan0", "vpn-pre-down"},
			[]string{hostPath, "NM_DISPATCHER_ACTION=vpn-pre-down", "CONNECTION_UUID=u"}, false},
		{"networkmanager", "usr/sbin/NetworkManager", "/etc/NetworkManager/dispatcher.d/record", []string{"", "connectivity-change"},
			[]string{hostPath, "NM_DISPATCHER_ACTION=connectivity-change", "CONNECTIVITY_STATE=FULL"}, false},
		{"networkd-dispatcher", "usr/bin/networkd-dispatcher", "/etc/networkd-dispatcher/routable.d/record", nil, []string{
			hostPath, "IFACE=eth0", "STATE=routable", "AdministrativeState=configured", "OperationalState=routable", "ADDR=192.0.2.1",
			"IP_ADDRS=192.0.2.1 192.0.2.3", "IP6_ADDRS=", "ESSID=", `json={"Type": "ether", "a": ["b"]}`}, false},
		{"system-sleep", "usr/lib/systemd/systemd", "/usr/lib/systemd/system-sleep/record.sleep", []string{"pre", "suspend"},
			[]string{hostPath, "SYSTEMD_SLEEP_ACTION=suspend"}, false},
	}
}

// TestImportKeeps runs one script as the old system does and as an imported hook: its arguments, its name and that of its
// directory in $0, its working directory, its umask and its environment are the same, but for what every hook has.
func TestImportKeeps(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("old scripts belong to root")
	}
	for _, c := range contracts() {
		t.Run(c.system+strings.Join(c.args, " "), func(t *testing.T) {
			root, to, out := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "out")
			record := fmt.Sprintf("#!/bin/sh\nd=${0%%/*}\n{ echo ${d##*/}/${0##*/}; pwd; umask; printf '<%%s>\\n' \"$@\"; /usr/bin/env -0 | tr '\\0' '\\1'; } >%s\n", out)
			place(t, root, "bin/sh", "program")
			place(t, root, c.program, "program")
			place(t, root, c.script, record)
			place(t, root, "etc/ppp/ip-up", "program") // which pppd runs
			hookctlOK(t, "import", "--root", root, "--to", to, c.script)

			old := exec.Command(filepath.Join(root, c.script), c.args...)
			old.Dir, old.Env = "/", c.environ
			if text, err := old.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			want := recorded(t, out, c)
			s, phase, _ := compat.ForDirectory(filepath.Dir(c.script))
			e, err := s.Event(phase, c.args, c.environ)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"test", "--run", "--hooks", filepath.Join(to, "hooks.d"), "--", e.Name}
			for _, p := range e.Params {
				args = append(args, p.Key+"="+p.Value)
			}
			hookctlOK(t, args...)
			if diff := cmp.Diff(want, recorded(t, out, c)); diff != "" {
				t.Errorf("(-old +hook):\n%s", diff)
			}
		})
	}
}

// recorded reads what the script has seen, without what hooks alone have and what the shell adds, and takes it away.
func recorded(t *testing.T, out string, c contract) []string {
	t.Helper()
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "\x01")
	i := strings.LastIndex(parts[0], "\n")
	env := append([]string{parts[0][i+1:]}, parts[1:]...)
	env = slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "HOOK_") || strings.HasPrefix(name, "EVENT_") || slices.Contains([]string{"", "PWD", "OLDPWD", "SHLVL", "_"}, name) ||
			name == "PATH" && !c.ownPath
	})
	slices.Sort(env)
	return append(strings.Split(parts[0][:i], "\n"), env...)
}

func place(t *testing.T, root, path, text string) {
	t.Helper()
	p := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func hookctlOK(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if status := hookctl.Main(args, hookspec.TrustOf(), &out, &out); status != 0 {
		t.Fatalf("hookctl %q: status %d\n%s", args, status, out.String())
	}
	return out.String()
}
