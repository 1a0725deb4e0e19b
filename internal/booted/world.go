package booted

import "slices"

// World is what a system has installed besides the essential packages.
type World struct {
	suffix   string // of the directory in the cache
	packages string
	quiet    string // units that must not run by themselves
}

// Plain is what hookd itself and its examples need.
func Plain() World {
	return World{packages: "systemd,systemd-sysv,dbus,ifupdown,iproute2,openvpn,openssl,nftables,procps"}
}

// OldWorld has the systems that hookd stands in for, and packages that put hooks into their directories. What would run by
// itself does not: a test starts what it is about.
func OldWorld() World {
	return World{
		suffix: "-old",
		packages: Plain().packages + ",ppp,isc-dhcp-client,networkd-dispatcher,network-manager,wpasupplicant,bridge-utils,vlan," +
			"ifenslave,ethtool,resolvconf,postfix,chrony,clamav-freshclam",
		quiet: "NetworkManager.service NetworkManager-dispatcher.service NetworkManager-wait-online.service wpa_supplicant.service " +
			"networkd-dispatcher.service chrony.service clamav-freshclam.service postfix.service openvpn.service",
	}
}

// NextGeneration has ifupdown-ng in the place of Debian's ifupdown. On Debian 13 it does not call its programs ifup and ifdown
// but ifup-ng and ifdown-ng.
func NextGeneration() World {
	return World{suffix: "-ng", packages: "systemd,systemd-sysv,dbus,ifupdown-ng,iproute2,procps"}
}

func (w World) orPlain() World {
	if w.packages == "" {
		return Plain()
	}
	return w
}

// adjustments are those of every system, and of this world.
func (w World) adjustments() []string {
	if w.quiet == "" {
		return adjustments
	}
	return append(slices.Clone(adjustments), `systemctl --quiet --root="$1" disable `+w.quiet)
}
