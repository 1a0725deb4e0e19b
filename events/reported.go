package events

import "slices"

// What the old systems report, each phase under its own old name. Package compat says how what they hand over becomes
// parameters, and these that again.

var ifupdown = [...]ParamSpec{
	{Name: "interface", Doc: "its name ($IFACE); --all for the run around all interfaces that ifup -a and ifdown -a make"},
	{Name: "logical", Doc: "the name of its stanza ($LOGICAL)", Optional: true},
	{Name: "family", Doc: "inet, inet6, can or, around all interfaces, meta ($ADDRFAM)", Optional: true},
	{Name: "method", Doc: "static, dhcp, manual, loopback, … ($METHOD)", Optional: true},
	{Name: "mode", Doc: "start or stop ($MODE)", Optional: true},
	{Name: "phase", Doc: "the phase in the words of whoever reports it ($PHASE)", Optional: true},
	{Name: "verbosity", Doc: "1 with --verbose, else 0 ($VERBOSITY)", Optional: true},
	{Name: "class", Doc: "auto or what --allow says ($CLASS)", Optional: true},
	{Name: "verbose", Doc: "1 with --verbose, from ifupdown-ng ($VERBOSE)", Optional: true},
	{Name: "interfaces-file", Doc: "the file of the stanza, from ifupdown-ng ($INTERFACES_FILE)", Optional: true},
	{Name: "nested", Doc: "interfaces that are being configured around this one, NAME=PHASE and blanks between ($IFUPDOWN_…)", Optional: true},
}

var ppp = [...]ParamSpec{
	{Name: "interface", Doc: "its name (first argument, $PPP_IFACE)"},
	{Name: "device", Doc: "the terminal (second argument, $PPP_TTY)"},
	{Name: "speed", Doc: "its speed (third argument, $PPP_SPEED)"},
	{Name: "local", Doc: "the own address (fourth argument, $PPP_LOCAL)"},
	{Name: "remote", Doc: "the address of the peer (fifth argument, $PPP_REMOTE)"},
	{Name: "ipparam", Doc: "the value of the option ipparam, often empty (sixth argument, $PPP_IPPARAM)"},
	{Name: "ttyname", Doc: "the last part of the terminal's path ($PPP_TTYNAME)", Optional: true},
	{Name: "vrf", Doc: "the VRF ($VRF)", Optional: true},
	{Name: "unit", Doc: "the number of the interface ($UNIT)", Optional: true},
	{Name: "iplocal", Doc: "the own IPv4 address ($IPLOCAL)", Optional: true},
	{Name: "ipremote", Doc: "the IPv4 address of the peer ($IPREMOTE)", Optional: true},
	{Name: "lllocal", Doc: "the own link-local address ($LLLOCAL)", Optional: true},
	{Name: "llremote", Doc: "the link-local address of the peer ($LLREMOTE)", Optional: true},
	{Name: "peername", Doc: "the authenticated name of the peer ($PEERNAME)", Optional: true},
	{Name: "remotenumber", Doc: "the number of the peer ($REMOTENUMBER)", Optional: true},
	{Name: "orig-uid", Doc: "the user who started pppd ($ORIG_UID)", Optional: true},
	{Name: "ppplogname", Doc: "the name of that user ($PPPLOGNAME)", Optional: true},
	{Name: "pppd-pid", Doc: "the process of pppd ($PPPD_PID)", Optional: true},
	{Name: "linkname", Doc: "the logical name of the link ($LINKNAME)", Optional: true},
	{Name: "call-file", Doc: "the file of the option call ($CALL_FILE)", Optional: true},
	{Name: "bundle", Doc: "the multilink bundle ($BUNDLE)", Optional: true},
	{Name: "dns1", Doc: "a name server of the peer ($DNS1)", Optional: true},
	{Name: "dns2", Doc: "another one ($DNS2)", Optional: true},
	{Name: "usepeerdns", Doc: "1 with the option usepeerdns ($USEPEERDNS)", Optional: true},
	{Name: "wins1", Doc: "a WINS server ($WINS1)", Optional: true},
	{Name: "wins2", Doc: "another one ($WINS2)", Optional: true},
	{Name: "usepeerwins", Doc: "1 with the option usepeerwins ($USEPEERWINS)", Optional: true},
	{Name: "oldiplocal", Doc: "the own address before ($OLDIPLOCAL)", Optional: true},
	{Name: "oldipremote", Doc: "the address of the peer before ($OLDIPREMOTE)", Optional: true},
	{Name: "macremote", Doc: "the hardware address of the peer ($MACREMOTE)", Optional: true},
	{Name: "acname", Doc: "the name of the access concentrator ($ACNAME)", Optional: true},
	{Name: "connect-time", Doc: "how long the connection was up, in seconds ($CONNECT_TIME)", Optional: true},
	{Name: "bytes-sent", Doc: "bytes sent meanwhile ($BYTES_SENT)", Optional: true},
	{Name: "bytes-rcvd", Doc: "bytes received meanwhile ($BYTES_RCVD)", Optional: true},
}

var dhclient = [...]ParamSpec{
	{Name: "interface", Doc: "its name"},
	{Name: "reason", Doc: "the reason in the word of dhclient-script(8): BOUND, RENEW, …"},
	{Name: "client", Doc: "the name of the client in its configuration", Optional: true},
	{Name: "medium", Doc: "the medium, where one is configured", Optional: true},
	{Name: "pid", Doc: "the process of dhclient", Optional: true},
	{Name: "dad-wait-time", Doc: "how long to wait for duplicate address detection, in seconds", Optional: true},
}

var networkmanager = [...]ParamSpec{
	{Name: "interface", Doc: "its name (first argument); none for hostname, empty for connectivity-change and dns-change"},
	{Name: "action", Doc: "the action (second argument): up, dhcp4-change, …"},
	{Name: "connectivity-state", Doc: "NONE, PORTAL, LIMITED or FULL", Optional: true},
	{Name: "connection-uuid", Doc: "the UUID of the connection", Optional: true},
	{Name: "connection-id", Doc: "its name", Optional: true},
	{Name: "connection-dbus-path", Doc: "its object on the bus", Optional: true},
	{Name: "connection-filename", Doc: "its file", Optional: true},
	{Name: "connection-external", Doc: "1 when somebody else has made it", Optional: true},
	{Name: "device-iface", Doc: "the device", Optional: true},
	{Name: "device-ip-iface", Doc: "the interface of its addresses", Optional: true},
}

var networkd = [...]ParamSpec{
	{Name: "interface", Doc: "its name"},
	{Name: "state", Doc: "the state that it has entered, operational or administrative"},
	{Name: "administrative-state", Doc: "what networkd does with it: configured, unmanaged, …"},
	{Name: "operational-state", Doc: "its state as in interface.state"},
	{Name: "addr", Doc: "its first address, of any kind; empty without one"},
	{Name: "ip-addrs", Doc: "its IPv4 addresses but for the host's own, blanks between"},
	{Name: "ip6-addrs", Doc: "its IPv6 addresses but for those of the link, blanks between"},
	{Name: "essid", Doc: "the wireless network; empty elsewhere"},
	{Name: "json", Doc: "all that networkctl status says, as networkd-dispatcher has it"},
}

var sleep = [...]ParamSpec{
	{Name: "phase", Doc: "pre or post", Values: []string{"pre", "post"}},
	{Name: "operation", Doc: "suspend, hibernate, hybrid-sleep or suspend-then-hibernate"},
	{Name: "action", Doc: "the step of it that is done now ($SYSTEMD_SLEEP_ACTION)", Optional: true},
}

// phase is one event of an old system.
type phase struct {
	name, doc string
	teardown  bool
}

// reported are the events of all old systems.
func reported() []Spec {
	return slices.Concat(
		oldSystem("ifupdown", ifupdown[:], []string{"if-"},
			phase{"create", "ifupdown-ng makes the interface", false},
			phase{"pre-up", "the interface is about to be configured; a hook with Failure=abort prevents it", false},
			phase{"up", "the interface was configured", false},
			phase{"post-up", "after that, with ifupdown-ng and ifupdown2", false},
			phase{"pre-down", "the interface is about to be taken down, with ifupdown-ng and ifupdown2", true},
			phase{"down", "the interface is about to be taken down", true},
			phase{"post-down", "the interface was taken down", true},
			phase{"destroy", "ifupdown-ng takes the interface away", true}),
		oldSystem("ppp", ppp[:], nil,
			phase{"ip-pre-up", "IPv4 is agreed on, and the interface not up yet", false},
			phase{"ip-up", "IPv4 can be used", false},
			phase{"ip-down", "IPv4 can no longer be used", true},
			phase{"ipv6-up", "IPv6 can be used", false},
			phase{"ipv6-down", "IPv6 can no longer be used", true}),
		oldSystem("dhclient", dhclient[:], []string{"new-", "old-", "cur-", "alias-", "requested-"},
			phase{"medium", "a medium is to be set", false},
			phase{"preinit", "an interface is made ready", false},
			phase{"preinit6", "the same for DHCPv6", false},
			phase{"arpcheck", "an address is to be checked", false},
			phase{"arpsend", "an address is to be checked", false},
			phase{"bound", "a lease was got", false},
			phase{"bound6", "the same for DHCPv6", false},
			phase{"renew", "a lease was renewed", false},
			phase{"renew6", "the same for DHCPv6", false},
			phase{"rebind", "a lease was got from another server", false},
			phase{"rebind6", "the same for DHCPv6", false},
			phase{"reboot", "the lease of an earlier run is valid", false},
			phase{"timeout", "no server answers, an old lease is tried", false},
			phase{"v6only", "the server wants no IPv4", false},
			phase{"nbi", "a lease for booting", false},
			phase{"depref6", "an address is not to be used for anything new", true},
			phase{"expire", "a lease has ended", true},
			phase{"expire6", "the same for DHCPv6", true},
			phase{"fail", "no server answers, and no old lease is valid", true},
			phase{"stop", "dhclient stops", true},
			phase{"stop6", "the same for DHCPv6", true},
			phase{"release", "a lease is given back", true},
			phase{"release6", "the same for DHCPv6", true}),
		oldSystem("networkmanager", networkmanager[:], []string{"connection-user-", "ip4-", "ip6-", "dhcp4-", "dhcp6-", "proxy-", "vpn-"},
			phase{"pre-up", "a connection is about to be announced; it waits", false},
			phase{"up", "a connection is active", false},
			phase{"pre-down", "a connection is about to end; it waits", true},
			phase{"down", "a connection has ended", true},
			phase{"vpn-pre-up", "the same for a VPN", false},
			phase{"vpn-up", "the same for a VPN", false},
			phase{"vpn-pre-down", "the same for a VPN", true},
			phase{"vpn-down", "the same for a VPN", true},
			phase{"hostname", "the name of the host has changed", false},
			phase{"dhcp4-change", "a DHCPv4 lease has changed", false},
			phase{"dhcp6-change", "a DHCPv6 lease has changed", false},
			phase{"connectivity-change", "how far packets get has changed", false},
			phase{"reapply", "the settings of a connection were applied again", false},
			phase{"dns-change", "the name servers have changed", false},
			phase{"device-add", "a device was made", false},
			phase{"device-delete", "a device was taken away", true}),
		oldSystem("networkd", networkd[:], nil, networkdPhases()...),
		oldSystem("system", sleep[:], nil,
			phase{"sleep", "the host is about to sleep, or has woken up (phase=post, a teardown)", false}),
	)
}

func networkdPhases() []phase {
	return []phase{
		{"pending", "the interface is new to networkd", false},
		{"initialized", "udev is done with it", false},
		{"configuring", "networkd configures it", false},
		{"configured", "networkd has configured it", false},
		{"unmanaged", "networkd leaves it alone", false},
		{"failed", "networkd could not configure it", false},
		{"linger", "it is gone", true},
		{"missing", "it does not exist", true},
		{"off", "it is switched off", true},
		{"no-carrier", "it has no carrier", true},
		{"dormant", "it has a carrier and is not ready yet", false},
		{"degraded-carrier", "a port of this bridge or bond has no carrier", false},
		{"carrier", "it has a carrier and no address beyond the host", false},
		{"degraded", "it has an address for the link only", false},
		{"enslaved", "it is a port of a bridge or bond", false},
		{"routable", "it has an address for more than the link", false},
	}
}

func oldSystem(family string, params []ParamSpec, prefixes []string, phases ...phase) []Spec {
	var out []Spec
	for _, p := range phases {
		out = append(out, Spec{Name: family + "." + p.name, Doc: p.doc, Params: params, Prefixes: prefixes, Teardown: p.teardown})
	}
	return out
}
