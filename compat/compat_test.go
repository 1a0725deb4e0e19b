package compat

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
)

// contract is one call of a script as an old system makes it.
type contract struct {
	name      string
	directory string
	args      []string
	environ   string // one a line, but for the PATH of the table
	foreign   string // what was in the environment, too, and is none of the system's
	event     string
	subject   string
}

// The recorded contracts: ifupdown 0.8.41 and 0.8.45, ifupdown-ng 0.12, ifupdown2 3.9, NetworkManager's 01-ifupdown of
// Debian 12, pppd 2.5 with Debian's wrappers, dhclient 4.4, NetworkManager 1.58, networkd-dispatcher 2.2.4, systemd 252.
var contracts = []contract{{
	name: "ifupdown, inet static", directory: "/etc/network/if-pre-up.d",
	environ: `IFACE=eth0
LOGICAL=home
ADDRFAM=inet
METHOD=static
MODE=start
PHASE=pre-up
VERBOSITY=0
CLASS=hotplug
IF_ADDRESS=192.0.2.7
IF_NETMASK=255.255.255.0
IF_BROADCAST=+
IF_FOOBAR_BAZ=a  b	c # d
IF_464XLAT=yes
IF_PREFERRED_LIFETIME=
IFUPDOWN_eth0=pre-up
IFUPDOWN_br0=post-up
IFUPDOWN_a=parent-lock`,
	foreign: "PWD=/\nOLDPWD=/\nSHLVL=1\n_=/bin/run-parts",
	event:   `ifupdown.pre-up interface=eth0 logical=home family=inet method=static mode=start phase=pre-up verbosity=0 class=hotplug if-address=192.0.2.7 if-netmask=255.255.255.0 if-broadcast=+ if-foobar-baz="a  b\tc # d" if-464xlat=yes if-preferred-lifetime="" nested="eth0=pre-up br0=post-up a=parent-lock"`,
	subject: "ifupdown/eth0",
}, {
	name: "ifupdown, inet6, down", directory: "/etc/network/if-down.d",
	environ: "IFACE=eth0\nLOGICAL=eth0\nADDRFAM=inet6\nMETHOD=auto\nMODE=stop\nPHASE=pre-down\nVERBOSITY=1\nIF_ACCEPT_RA=2\nIF_LL_INTERVAL=0.1\nIF_REQUEST_PREFIX=0\nIFUPDOWN_eth0=pre-down",
	event:   "ifupdown.down interface=eth0 logical=eth0 family=inet6 method=auto mode=stop phase=pre-down verbosity=1 if-accept-ra=2 if-ll-interval=0.1 if-request-prefix=0 nested=eth0=pre-down",
	subject: "ifupdown/eth0",
}, {
	name: "ifupdown, all interfaces", directory: "/etc/network/if-up.d",
	environ: "IFACE=--all\nLOGICAL=auto\nADDRFAM=meta\nMETHOD=none\nMODE=start\nPHASE=post-up\nVERBOSITY=0\nCLASS=auto",
	event:   "ifupdown.up interface=--all logical=auto family=meta method=none mode=start phase=post-up verbosity=0 class=auto",
	subject: "ifupdown/--all",
}, {
	name: "ifupdown-ng", directory: "/etc/network/if-create.d",
	environ: "IFACE=br0\nPHASE=create\nMETHOD=none\nMODE=start\nVERBOSE=1\nINTERFACES_FILE=/etc/network/interfaces\nIF_ADDRESS=192.0.2.7/24\nIF_ADDRESSES=192.0.2.7/24 \nIF_USE=bridge\nIF_UP=true",
	event:   `ifupdown.create interface=br0 phase=create method=none mode=start verbose=1 interfaces-file=/etc/network/interfaces if-address=192.0.2.7/24 if-addresses="192.0.2.7/24 " if-use=bridge if-up=true`,
	subject: "ifupdown/br0",
}, {
	name: "ifupdown2", directory: "/etc/network/if-post-up.d",
	environ: "IFACE=swp1\nLOGICAL=swp1\nADDRFAM=inet,inet6\nMETHOD=static\nMODE=start\nPHASE=post-up\nIF_ADDRESS=192.0.2.7/24",
	foreign: "HOME=/root\nLANG=de_DE.UTF-8\nTERM=xterm\nSUDO_USER=eva\nPYTHONPATH=/tmp",
	event:   "ifupdown.post-up interface=swp1 logical=swp1 family=inet,inet6 method=static mode=start phase=post-up if-address=192.0.2.7/24",
	subject: "ifupdown/swp1",
}, {
	name: "NetworkManager's 01-ifupdown", directory: "/etc/network/if-post-down.d",
	environ: "IFACE=wlan0\nLOGICAL=wlan0\nADDRFAM=inet\nMETHOD=NetworkManager\nMODE=stop\nPHASE=post-down\nVERBOSITY=0",
	foreign: "CONNECTION_UUID=1-2\nDEVICE_IFACE=wlan0\nNM_DISPATCHER_ACTION=down\nIP4_NUM_ROUTES=0",
	event:   "ifupdown.post-down interface=wlan0 logical=wlan0 family=inet method=NetworkManager mode=stop phase=post-down verbosity=0",
	subject: "ifupdown/wlan0",
}, {
	name: "pppd, ip-up", directory: "/etc/ppp/ip-up.d", args: []string{"ppp0", "/dev/ttyS0", "115200", "10.0.0.1", "10.0.0.2", ""},
	environ: `PPP_IFACE=ppp0
PPP_TTY=/dev/ttyS0
PPP_SPEED=115200
PPP_LOCAL=10.0.0.1
PPP_REMOTE=10.0.0.2
PPP_IPPARAM=
PPP_TTYNAME=ttyS0
IFNAME=ppp0
DEVICE=/dev/ttyS0
SPEED=115200
VRF=red
UNIT=0
IPLOCAL=10.0.0.1
IPREMOTE=10.0.0.2
LLLOCAL=fe80::1
LLREMOTE=fe80::2
PEERNAME=isp
REMOTENUMBER=0123
ORIG_UID=0
PPPLOGNAME=root
PPPD_PID=77
LINKNAME=dsl
CALL_FILE=dsl-provider
BUNDLE=b
DNS1=192.0.2.1
DNS2=192.0.2.2
USEPEERDNS=1
WINS1=192.0.2.3
WINS2=192.0.2.4
USEPEERWINS=1
OLDIPLOCAL=10.0.0.3
OLDIPREMOTE=10.0.0.4
MACREMOTE=00:00:5E:00:53:01
ACNAME=ac`,
	foreign: "MINE=set by pppd's option set\nLD_PRELOAD=x",
	event:   `ppp.ip-up interface=ppp0 device=/dev/ttyS0 speed=115200 local=10.0.0.1 remote=10.0.0.2 ipparam="" ttyname=ttyS0 vrf=red unit=0 iplocal=10.0.0.1 ipremote=10.0.0.2 lllocal=fe80::1 llremote=fe80::2 peername=isp remotenumber=0123 orig-uid=0 ppplogname=root pppd-pid=77 linkname=dsl call-file=dsl-provider bundle=b dns1=192.0.2.1 dns2=192.0.2.2 usepeerdns=1 wins1=192.0.2.3 wins2=192.0.2.4 usepeerwins=1 oldiplocal=10.0.0.3 oldipremote=10.0.0.4 macremote=00:00:5E:00:53:01 acname=ac`,
	subject: "ppp/ppp0",
}, {
	name: "pppd, ipv6-down", directory: "/etc/ppp/ipv6-down.d", args: []string{"ppp0", "/dev/ttyS0", "0", "fe80::1", "fe80::2", "office"},
	environ: "PPP_IFACE=ppp0\nPPP_TTY=/dev/ttyS0\nPPP_SPEED=0\nPPP_LOCAL=fe80::1\nPPP_REMOTE=fe80::2\nPPP_IPPARAM=office\nIFNAME=ppp0\nDEVICE=/dev/ttyS0\nSPEED=0\nCONNECT_TIME=60\nBYTES_SENT=1\nBYTES_RCVD=2",
	event:   "ppp.ipv6-down interface=ppp0 device=/dev/ttyS0 speed=0 local=fe80::1 remote=fe80::2 ipparam=office connect-time=60 bytes-sent=1 bytes-rcvd=2",
	subject: "ppp/ppp0",
}, {
	name: "dhclient, v4", directory: "/etc/dhcp/dhclient-exit-hooks.d",
	environ: "reason=BOUND\ninterface=eth0\nclient=c\nmedium=10baseT\npid=9\ndad_wait_time=0\nnew_ip_address=192.0.2.7\nnew_rfc3442_classless_static_routes=24 192 0 2\nold_ip_address=192.0.2.6\ncur_expiry=1700000000\nalias_ip_address=192.0.2.8\nrequested_subnet_mask=1\nnew_unknown_245=1:2",
	foreign: "exit_status=0\nscript=/etc/dhcp/x\nrun=yes\nnew_Upper=no\nhook=x",
	event:   `dhclient.bound reason=BOUND interface=eth0 client=c medium=10baseT pid=9 dad-wait-time=0 new-ip-address=192.0.2.7 new-rfc3442-classless-static-routes="24 192 0 2" old-ip-address=192.0.2.6 cur-expiry=1700000000 alias-ip-address=192.0.2.8 requested-subnet-mask=1 new-unknown-245=1:2`,
	subject: "dhclient/eth0",
}, {
	name: "dhclient, v6", directory: "/etc/dhcp/dhclient-exit-hooks.d",
	environ: "reason=REBIND6\ninterface=eth0\npid=9\nnew_dhcp6_name_servers=2001:db8::1\nnew_ip6_address=2001:db8::7\nnew_ip6_prefixlen=64\nnew_ip6_prefix=2001:db8::/56\nnew_ip6_type=na\nnew_life_starts=1\nnew_preferred_life=2\nnew_max_life=3\nnew_iaid=00:01\nnew_starts=4\nnew_renew=5\nnew_rebind=6\nold_ip6_address=2001:db8::6",
	event:   "dhclient.rebind6 reason=REBIND6 interface=eth0 pid=9 new-dhcp6-name-servers=2001:db8::1 new-ip6-address=2001:db8::7 new-ip6-prefixlen=64 new-ip6-prefix=2001:db8::/56 new-ip6-type=na new-life-starts=1 new-preferred-life=2 new-max-life=3 new-iaid=00:01 new-starts=4 new-renew=5 new-rebind=6 old-ip6-address=2001:db8::6",
	subject: "dhclient/eth0",
}, {
	name: "NetworkManager, up", directory: "/etc/NetworkManager/dispatcher.d", args: []string{"wlan0", "up"},
	environ: `NM_DISPATCHER_ACTION=up
CONNECTION_UUID=1-2
CONNECTION_ID=Home = sweet
CONNECTION_DBUS_PATH=/org/freedesktop/NetworkManager/Settings/1
CONNECTION_FILENAME=/etc/NetworkManager/system-connections/home
CONNECTION_EXTERNAL=1
CONNECTION_USER__MY__KEY_137=v
DEVICE_IFACE=wlan0
DEVICE_IP_IFACE=wlan0
PROXY_PAC_URL=http://x
PROXY_PAC_SCRIPT=function () {}
IP4_ADDRESS_0=192.0.2.7/24 192.0.2.1
IP4_NUM_ADDRESSES=1
IP4_GATEWAY=192.0.2.1
IP4_NAMESERVERS=192.0.2.1 192.0.2.2
IP4_DOMAINS=example.org
IP4_WINS_SERVERS=192.0.2.3
IP4_ROUTE_0=198.51.100.0/24 192.0.2.9 100
IP4_NUM_ROUTES=1
IP6_NUM_ADDRESSES=1
IP6_ADDRESS_0=2001:db8::7/64 0.0.0.0
DHCP4_IP_ADDRESS=192.0.2.7
DHCP4_UNKNOWN_245=1
DHCP6_DHCP6_NTP_SERVERS=2001:db8::2
VPN_IP_IFACE=tun0
VPN_IP4_NUM_ROUTES=0
VPN_PROXY_PAC_URL=http://y`,
	foreign: "HOME=/\nLANG=C",
	event:   `networkmanager.up interface=wlan0 action=up connection-uuid=1-2 connection-id="Home = sweet" connection-dbus-path=/org/freedesktop/NetworkManager/Settings/1 connection-filename=/etc/NetworkManager/system-connections/home connection-external=1 connection-user--my--key-137=v device-iface=wlan0 device-ip-iface=wlan0 proxy-pac-url=http://x proxy-pac-script="function () {}" ip4-address-0="192.0.2.7/24 192.0.2.1" ip4-num-addresses=1 ip4-gateway=192.0.2.1 ip4-nameservers="192.0.2.1 192.0.2.2" ip4-domains=example.org ip4-wins-servers=192.0.2.3 ip4-route-0="198.51.100.0/24 192.0.2.9 100" ip4-num-routes=1 ip6-num-addresses=1 ip6-address-0="2001:db8::7/64 0.0.0.0" dhcp4-ip-address=192.0.2.7 dhcp4-unknown-245=1 dhcp6-dhcp6-ntp-servers=2001:db8::2 vpn-ip-iface=tun0 vpn-ip4-num-routes=0 vpn-proxy-pac-url=http://y`,
	subject: "networkmanager/wlan0",
}, {
	name: "NetworkManager, connectivity", directory: "/etc/NetworkManager/dispatcher.d", args: []string{"", "connectivity-change"},
	environ: "NM_DISPATCHER_ACTION=connectivity-change\nCONNECTIVITY_STATE=FULL",
	event:   `networkmanager.connectivity-change interface="" action=connectivity-change connectivity-state=FULL`,
	subject: "networkmanager/",
}, {
	name: "networkd-dispatcher", directory: "/etc/networkd-dispatcher/routable.d",
	environ: "IFACE=eth0\nSTATE=routable\nAdministrativeState=configuring\nOperationalState=routable\nADDR=fe80::1\nIP_ADDRS=192.0.2.7 192.0.2.8\nIP6_ADDRS=\nESSID=\njson={\"Type\": \"ether\"}",
	foreign: "NOTIFY_SOCKET=/run/x\nLANG=C",
	event:   `networkd.routable interface=eth0 state=routable administrative-state=configuring operational-state=routable addr=fe80::1 ip-addrs="192.0.2.7 192.0.2.8" ip6-addrs="" essid="" json="{\"Type\": \"ether\"}"`,
	subject: "networkd/eth0",
}, {
	name: "systemd-sleep", directory: "/usr/lib/systemd/system-sleep", args: []string{"pre", "suspend-then-hibernate"},
	environ: "SYSTEMD_SLEEP_ACTION=suspend",
	foreign: "LANG=C\nINVOCATION_ID=1",
	event:   "system.sleep phase=pre operation=suspend-then-hibernate action=suspend",
	subject: "system/",
}}

// Each call becomes its event and that the same call again; what is foreign is left out.
func TestContracts(t *testing.T) {
	for _, c := range contracts {
		s, p, known := ForDirectory(c.directory)
		if !known {
			t.Errorf("%s: %s is unknown", c.name, c.directory)
			continue
		}
		own := strings.Split(c.environ, "\n")
		e, err := s.Event(p, c.args, slices.Concat(strings.Fields("PATH=/foreign HOME=/root"), own, lines(c.foreign)))
		if err != nil || e.String() != c.event || e.Subject != c.subject || e.Source != events.SourceShim {
			t.Errorf("%s: event of subject %s, %v\n%s", c.name, e.Subject, err, cmp.Diff(c.event, e.String()))
		}
		want := own
		if s.Path != "" {
			want = append(want, "PATH="+s.Path)
		}
		got := s.Environ(e.Params)
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: environment %s", c.name, diff)
		}
		if got := s.Arguments(e.Params); !slices.Equal(got, c.args) {
			t.Errorf("%s: arguments %q", c.name, got)
		}
	}
}

func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })
}

// Each word with which an old system names what happens is an event of the table, and each event of the table has one.
func TestWords(t *testing.T) {
	told := map[string]bool{}
	try := func(s System, p Phase, args, environ []string) {
		e, err := s.Event(p, args, environ)
		if err != nil {
			t.Errorf("%s %q %q: %v", s.Name, args, environ, err)
		}
		told[e.Name] = true
	}
	words := map[string]string{
		"dhclient":            "MEDIUM ARPCHECK ARPSEND PREINIT BOUND RENEW REBIND REBOOT EXPIRE FAIL STOP RELEASE NBI TIMEOUT V6ONLY PREINIT6 BOUND6 RENEW6 REBIND6 DEPREF6 EXPIRE6 RELEASE6 STOP6",
		"networkmanager":      "pre-up up pre-down down vpn-pre-up vpn-up vpn-pre-down vpn-down hostname dhcp4-change dhcp6-change connectivity-change reapply dns-change device-add device-delete",
		"networkd-dispatcher": "configured configuring failed pending unmanaged linger initialized carrier degraded degraded-carrier dormant enslaved missing no-carrier off routable",
	}
	for _, s := range Systems() {
		for _, p := range s.Phases {
			if p.Event != "" {
				try(s, p, []string{"pre", "suspend"}[:min(2, len(s.Args))], []string{"IFACE=eth0"})
			}
		}
		for w := range strings.FieldsSeq(words[s.Name]) {
			try(s, Phase{}, []string{"eth0", w}[:min(2, len(s.Args))], []string{"reason=" + w, "STATE=" + w, "IFACE=eth0", "interface=eth0"})
		}
	}
	for _, spec := range events.Table() {
		family, _, _ := strings.Cut(spec.Name, ".")
		if slices.ContainsFunc(Systems(), func(s System) bool { return s.Family == family }) && !told[spec.Name] {
			t.Errorf("no old system tells %s", spec.Name)
		}
	}
}

// Each parameter of the table can be told by its system, and each variable of a system is a parameter of the table.
func TestParameters(t *testing.T) {
	for _, s := range Systems() {
		for _, spec := range events.Table() {
			if !strings.HasPrefix(spec.Name, s.Family+".") {
				continue
			}
			for _, p := range spec.Params {
				if p.Name != "nested" && len(s.variables(p.Name)) == 0 && !slices.Contains(s.Args, p.Name) {
					t.Errorf("%s does not tell %s", s.Name, p.Name)
				}
			}
			for _, v := range s.Variables {
				if name := strings.Replace(v.Param, "*", "x", 1); !spec.Has(name) {
					t.Errorf("%s has no parameter %s", spec.Name, name)
				}
			}
		}
	}
}

func TestForDirectory(t *testing.T) {
	for dir, want := range map[string]string{
		"/etc/network/if-up.d":                           "ifupdown ifupdown.up",
		"/etc/network//if-up.d/":                         "ifupdown ifupdown.up",
		"/tmp/root/etc/network/if-post-down.d":           "ifupdown ifupdown.post-down",
		"/etc/NetworkManager/dispatcher.d/pre-up.d":      "networkmanager ",
		"/usr/lib/NetworkManager/dispatcher.d/no-wait.d": "networkmanager ",
		"/usr/lib/networkd-dispatcher/off.d":             "networkd-dispatcher networkd.off",
		"/lib/systemd/system-sleep":                      "system-sleep system.sleep",
		"/usr/lib/systemd/system-sleep":                  "system-sleep system.sleep",
		"/tmp/root/lib/systemd/system-sleep":             "system-sleep system.sleep",
		"/etc/network":                                   "",
		"/tmpetc/network/if-up.d":                        "",
		"if-up.d":                                        "",
		".":                                              "",
		"":                                               "",
	} {
		s, p, known := ForDirectory(dir)
		if got := s.Name + " " + p.Event; known != (want != "") || known && got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
	for _, s := range Systems() {
		for _, p := range s.Phases {
			if found, phase, known := ForDirectory(p.Directory); !known || found.Name != s.Name || phase != p {
				t.Errorf("%s of %s is not found", p.Directory, s.Name)
			}
		}
	}
}

// Veto is where nothing has been done yet.
func TestVeto(t *testing.T) {
	var got []string
	for _, s := range Systems() {
		for _, p := range s.Phases {
			if p.Veto {
				got = append(got, p.Event)
			}
		}
	}
	if !slices.Equal(got, []string{"ifupdown.create", "ifupdown.pre-up"}) {
		t.Errorf("got %q", got)
	}
}

// What becomes a parameter becomes the same variable again, whatever the names and values are; nothing panics.
func FuzzEvent(f *testing.F) {
	for _, c := range contracts {
		f.Add(c.directory, strings.Join(c.args, "\x00"), strings.ReplaceAll(c.environ, "\n", "\x00"))
	}
	f.Add("/etc/network/if-up.d", "", "IFACE=a\x00IFACE=b\x00=x\x00IFUPDOWN_=\x00IFUPDOWN_x\x00IFUPDOWN_a\u00a0b=c\x00IF_\x00IF_\u212a=k\x00IF_a=b")
	f.Add("/etc/dhcp/dhclient-exit-hooks.d", "", "reason=\xff\x00new_=1\x00new_a-b=1\x00new__=2\x00BASH_FUNC_new_x%%=() { :; }")
	f.Fuzz(func(t *testing.T, directory, args, environ string) {
		s, p, known := ForDirectory(directory)
		if !known {
			return
		}
		given := strings.Split(args, "\x00")
		for len(given) < len(s.Args) {
			given = append(given, "")
		}
		e, err := s.Event(p, given, strings.Split(environ, "\x00"))
		if err != nil {
			return
		}
		again, err := s.Event(p, s.Arguments(e.Params), s.Environ(e.Params))
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if diff := cmp.Diff(sorted(e), sorted(again)); diff != "" {
			t.Fatalf("%s", diff)
		}
	})
}

func sorted(e events.Event) []string {
	var out []string
	for _, p := range e.Params {
		out = append(out, p.Key+"="+p.Value)
	}
	slices.Sort(out)
	return append(out, e.Name)
}
