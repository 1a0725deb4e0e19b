package compat

import "slices"

// ifupdown is Debian's (ifup(8), interfaces(5)) and ifupdown-ng's, which has more phases and tells less. Its run around all
// interfaces has the name --all. The PATH is that of 0.8.45: the one of 0.8.41 has all but the first directory, which is there,
// too, and holds no program with the name of another one.
func ifupdown() System {
	dir := func(name string) string { return "/etc/network/if-" + name + ".d" }
	return System{
		Name: "ifupdown", Family: "ifupdown", RunParts: true,
		Path: "/usr/lib/ifupdown:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		Phases: []Phase{
			{dir("create"), "ifupdown.create", true},
			{dir("pre-up"), "ifupdown.pre-up", true},
			{dir("up"), "ifupdown.up", false},
			{dir("post-up"), "ifupdown.post-up", false},
			{dir("pre-down"), "ifupdown.pre-down", false},
			{dir("down"), "ifupdown.down", false},
			{dir("post-down"), "ifupdown.post-down", false},
			{dir("destroy"), "ifupdown.destroy", false},
		},
		Variables: []Variable{
			{"IFACE", "interface"}, {"LOGICAL", "logical"}, {"ADDRFAM", "family"}, {"METHOD", "method"}, {"MODE", "mode"},
			{"PHASE", "phase"}, {"VERBOSITY", "verbosity"}, {"CLASS", "class"},
			{"VERBOSE", "verbose"}, {"INTERFACES_FILE", "interfaces-file"}, // ifupdown-ng
			{"IF_*", "if-*"},
		},
	}
}

// ppp is pppd's (pppd(8)) with Debian's wrappers, which give the arguments as variables, too.
func ppp() System {
	dir := func(name string) Phase { return Phase{"/etc/ppp/" + name + ".d", "ppp." + name, false} }
	return System{
		Name: "ppp", Family: "ppp", RunParts: true,
		Path:   "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
		Phases: []Phase{dir("ip-pre-up"), dir("ip-up"), dir("ip-down"), dir("ipv6-up"), dir("ipv6-down")},
		Args:   []string{"interface", "device", "speed", "local", "remote", "ipparam"},
		Variables: append([]Variable{
			{"PPP_IFACE", "interface"}, {"PPP_TTY", "device"}, {"PPP_SPEED", "speed"}, {"PPP_LOCAL", "local"},
			{"PPP_REMOTE", "remote"}, {"PPP_IPPARAM", "ipparam"}, {"PPP_TTYNAME", "ttyname"},
			{"IFNAME", "interface"}, {"DEVICE", "device"}, {"SPEED", "speed"},
		}, same("VRF", "UNIT", "IPLOCAL", "IPREMOTE", "LLLOCAL", "LLREMOTE", "PEERNAME", "REMOTENUMBER", "ORIG_UID", "PPPLOGNAME",
			"PPPD_PID", "LINKNAME", "CALL_FILE", "BUNDLE", "DNS1", "DNS2", "USEPEERDNS", "WINS1", "WINS2", "USEPEERWINS",
			"OLDIPLOCAL", "OLDIPREMOTE", "MACREMOTE", "ACNAME", "CONNECT_TIME", "BYTES_SENT", "BYTES_RCVD")...),
	}
}

// dhclient is ISC's (dhclient-script(8)). Its scripts are sourced by one shell, so what stands there calls hookshim.
func dhclient() System {
	return System{
		Name: "dhclient", Family: "dhclient", Word: "reason",
		Path:   "/usr/sbin:/sbin:/bin:/usr/sbin:/usr/bin",
		Phases: []Phase{{Directory: "/etc/dhcp/dhclient-exit-hooks.d"}},
		Variables: append(same("interface", "reason", "client", "medium", "pid", "dad_wait_time"),
			Variable{"new_*", "new-*"}, Variable{"old_*", "old-*"}, Variable{"cur_*", "cur-*"}, Variable{"alias_*", "alias-*"},
			Variable{"requested_*", "requested-*"}),
	}
}

// networkManager is its dispatcher (NetworkManager-dispatcher(8)). pre-up and pre-down have directories of their own, and only for
// these it waits; but one script of the dispatcher that takes its time holds up those of all interfaces.
func networkManager() System {
	const dir = "/etc/NetworkManager/dispatcher.d"
	return System{
		Name: "networkmanager", Family: "networkmanager", Word: "action",
		Phases: []Phase{{Directory: dir}, {Directory: dir + "/pre-up.d"}, {Directory: dir + "/pre-down.d"}, {Directory: dir + "/no-wait.d"}},
		Args:   []string{"interface", "action"},
		Awaited: []string{"networkmanager.pre-up", "networkmanager.pre-down", "networkmanager.vpn-pre-up",
			"networkmanager.vpn-pre-down"},
		Variables: slices.Concat(
			[]Variable{{"CONNECTION_USER_*", "connection-user-*"}},
			same("CONNECTIVITY_STATE", "CONNECTION_UUID", "CONNECTION_ID", "CONNECTION_DBUS_PATH", "CONNECTION_FILENAME",
				"CONNECTION_EXTERNAL", "DEVICE_IFACE", "DEVICE_IP_IFACE"),
			[]Variable{{"NM_DISPATCHER_ACTION", "action"}, {"IP4_*", "ip4-*"}, {"IP6_*", "ip6-*"}, {"DHCP4_*", "dhcp4-*"},
				{"DHCP6_*", "dhcp6-*"}, {"PROXY_*", "proxy-*"}, {"VPN_*", "vpn-*"}}),
	}
}

// networkdDispatcher has a directory for each state.
func networkdDispatcher() System {
	s := System{
		Name: "networkd-dispatcher", Family: "networkd", Word: "state",
		Variables: []Variable{
			{"IFACE", "interface"}, {"STATE", "state"}, {"AdministrativeState", "administrative-state"},
			{"OperationalState", "operational-state"}, {"ADDR", "addr"}, {"IP_ADDRS", "ip-addrs"}, {"IP6_ADDRS", "ip6-addrs"},
			{"ESSID", "essid"}, {"json", "json"},
		},
	}
	for _, state := range []string{"pending", "initialized", "configuring", "configured", "unmanaged", "failed", "linger",
		"missing", "off", "no-carrier", "dormant", "degraded-carrier", "carrier", "degraded", "enslaved", "routable"} {
		s.Phases = append(s.Phases, Phase{Directory: "/etc/networkd-dispatcher/" + state + ".d", Event: "networkd." + state})
	}
	return s
}

// systemSleep is systemd's (systemd-suspend.service(8)).
func systemSleep() System {
	return System{
		Name: "system-sleep", Family: "system",
		Phases:    []Phase{{Directory: "/usr/lib/systemd/system-sleep", Event: "system.sleep"}},
		Args:      []string{"phase", "operation"},
		Variables: []Variable{{"SYSTEMD_SLEEP_ACTION", "action"}},
	}
}
