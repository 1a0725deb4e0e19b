package legacy

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"hookd/compat"
)

// Rules of the programs that run old directories, in the order in which they look.
var (
	runParts    = []rule{runPartsName, notNull, leads, noEntry, anyExecutable, executes}
	oldRunParts = []rule{runPartsName, notNull, leadsOrStops, noEntry, anyExecutable, executes} // in ifup
	anyName     = []rule{leads, regular, anyExecutable, executes}
	systemd     = []rule{noTilde, noLeftover, emptyMasks, leads, regular, anyExecutable, executes}
	networkd    = []rule{leads, regular, exactly, executes}
	trusting    = []rule{emptyMasks, leads, regular, trusted, anyExecutable, executes} // hookd's for networkd-dispatcher's
	manager     = []rule{noTilde, noBackup, emptyMasks, leads, regular, ownedByRoot, noWait, executesOrShell}
	pmUtils     = []rule{noTilde, leads, oneOwner, regular, anyExecutable, executesOrShell}
	sourced     = []rule{leads, regular}
	sourcedRP   = []rule{runPartsName, leads, regular}
	sourcedNT   = []rule{noTilde, leads, regular}
)

// directories are all of them, in the order of hookd-compat(7).
func directories(h *host) []directory {
	return slices.Concat(ifupdown(h), ppp(h), dhclient(h), dhcpcd(h), networkManager(h), networkdDispatcher(h), asleep(h),
		ifplugd(h), netplug(h), resolvconf(h), pm(h), cron(h), motd(h), kernel(h))
}

// unless is why nothing of a system runs, if none of its programs is there.
func (h *host) unless(name string, programs ...string) string {
	if h.has(programs...) {
		return ""
	}
	return name + " is not installed"
}

// ofPhases are the directories of a system whose phases have events.
func ofPhases(name, absent string, rules []rule) []directory {
	s, _ := compat.Find(name)
	var out []directory
	for _, p := range s.Phases {
		out = append(out, directory{system: name, when: p.Event, event: true, paths: []string{p.Directory}, absent: absent, rules: rules})
	}
	return out
}

// strangers are directories that look like those of a system and belong to none of its phases.
func (h *host) strangers(system, base, glob, why string, known []directory) []directory {
	var out []directory
	for _, name := range h.names(base, glob) {
		dir := path.Join(base, name)
		if !slices.ContainsFunc(known, func(d directory) bool { return slices.Contains(d.paths, dir) }) {
			out = append(out, directory{system: system, when: "-", paths: []string{dir}, unread: why})
		}
	}
	return out
}

func ifupdown(h *host) []directory {
	which := h.ifup()
	all := ofPhases("ifupdown", "", which.rules)
	for i, d := range all {
		phase := strings.TrimPrefix(d.when, "ifupdown.")
		all[i].unsorted = which.unsorted
		if phase == "pre-up" || phase == "up" {
			all[i].ends = which.ends
		}
		if which.name == "" {
			all[i].absent = "ifupdown is not installed"
		} else if !slices.Contains(which.phases, phase) {
			all[i].unread = "nobody runs this directory: " + which.name + " has " + strings.Join(which.phases, ", ")
		}
	}
	return append(all, h.strangers("ifupdown", "/etc/network", "if-*.d", "nobody runs this directory", all)...)
}

// implementation is one of the programs called ifup.
type implementation struct {
	name     string
	phases   []string
	rules    []rule
	unsorted bool
	ends     bool // ifup fails with a script
}

// ifup says which one is installed: they run different directories. ifupdown-ng is ifup-ng on Debian 13.
func (h *host) ifup() implementation {
	four := []string{"pre-up", "up", "down", "post-down"}
	ifup := cmp.Or(h.resolve("/sbin/ifup"), h.resolve("/usr/sbin/ifup"), h.resolve("/usr/sbin/ifup-ng"))
	switch {
	case ifup == "":
		return implementation{}
	case h.has("/usr/share/ifupdown2"):
		six := []string{"pre-up", "up", "post-up", "pre-down", "down", "post-down"}
		return implementation{"ifupdown2", six, append([]rule{addon}, anyName...), true, false}
	case path.Base(ifup) == "ifupdown" || path.Base(ifup) == "ifupdown-ng":
		eight := []string{"create", "pre-up", "up", "post-up", "pre-down", "down", "post-down", "destroy"}
		return implementation{"ifupdown-ng", eight, h.runPartsRules(), false, false}
	case path.Base(ifup) == "busybox":
		return implementation{"busybox", four, h.runPartsRules(), false, false}
	}
	rules := runParts
	if !h.takesUnderscore() { // as since 5.10; Debian had none from then to 5.21
		rules = oldRunParts
	}
	return implementation{"Debian's ifupdown", four, rules, false, true}
}

// runPartsRules are those of the run-parts that is installed.
func (h *host) runPartsRules() []rule {
	if path.Base(h.resolve("/bin/run-parts")) != "busybox" {
		return runParts
	}
	return []rule{busyboxName, leads, regular, anyExecutable, executes}
}

// addon are names whose work ifupdown2 does itself.
func addon(f File) verdict {
	own := strings.Fields("address addressvirtual batman_adv bond bridge bridgevlan dhcp ethtool ifenslave link mstpctl openvswitch " +
		"openvswitch_port ppp tunnel usercmds vlan vrf vrrpd vxlan xfrm")
	if slices.Contains(own, f.Name) {
		return mask("ifupdown2 has a part of its own of that name")
	}
	return verdict{}
}

// ppp: pppd runs Debian's scripts beside the directories, and these what is in them.
func ppp(h *host) []directory {
	all := ofPhases("ppp", h.unless("ppp", "/usr/sbin/pppd", "/sbin/pppd"), runParts)
	for i, d := range all {
		wrapper := strings.TrimSuffix(d.paths[0], ".d")
		switch {
		case !h.executable(wrapper):
			all[i].unread = "nobody runs this directory: pppd runs " + wrapper + ", which is not there or not executable"
		case h.executable(wrapper + ".local"):
			all[i].unread = wrapper + ".local is run in place of the directory"
		}
	}
	return all
}

func (h *host) executable(p string) bool {
	files := h.files(p)
	return len(files) == 1 && files[0].Mode&0o111 != 0
}

func dhclient(h *host) []directory {
	absent := h.unless("dhclient", "/sbin/dhclient", "/usr/sbin/dhclient")
	at := func(kind string) []directory {
		base := "/etc/dhcp/dhclient-" + kind + "-hooks"
		d := directory{system: "dhclient", when: "dhclient " + kind, absent: absent, rules: sourced, single: true, paths: []string{base}}
		all := d
		all.single, all.paths, all.rules = false, []string{base + ".d"}, sourcedRP
		if kind == "exit" {
			d.when, d.event, all.when, all.event = "dhclient.*", true, "dhclient.*", true
		}
		return []directory{d, all}
	}
	return append(at("enter"), at("exit")...)
}

func dhcpcd(h *host) []directory {
	absent := h.unless("dhcpcd", "/sbin/dhcpcd", "/usr/sbin/dhcpcd")
	d := func(rules []rule, single bool, paths ...string) directory {
		return directory{system: "dhcpcd", when: "dhcpcd", absent: absent, rules: rules, single: single, paths: paths}
	}
	return []directory{
		d(sourced, true, "/etc/dhcpcd.enter-hook"),
		d(sourcedNT, false, "/usr/lib/dhcpcd/dhcpcd-hooks"), d(sourcedNT, false, "/usr/libexec/dhcpcd-hooks"),
		d(sourced, true, "/etc/dhcpcd.exit-hook"),
	}
}

func networkManager(h *host) []directory {
	const etc, lib = "/etc/NetworkManager/dispatcher.d", "/usr/lib/NetworkManager/dispatcher.d"
	absent := h.unless("NetworkManager", "/usr/sbin/NetworkManager", "/sbin/NetworkManager")
	d := func(when, below string) directory {
		return directory{system: "networkmanager", when: when, event: true, absent: absent, rules: manager,
			paths: []string{path.Join(etc, below), path.Join(lib, below)}, below: []string{"pre-up.d", "pre-down.d", "no-wait.d", "device"}}
	}
	loose := d("networkmanager.*", "no-wait.d")
	loose.rules = []rule{h.linkedFrom(etc, lib)}
	handlers := d("device handler", "device")
	handlers.event, handlers.rules = false, append(slices.Clone(manager), handler)
	return []directory{d("networkmanager.*", ""), d("networkmanager.*pre-up", "pre-up.d"), d("networkmanager.*pre-down", "pre-down.d"), loose, handlers}
}

// handler is a script that is no hook: it makes a device, and NetworkManager reads what it prints (NetworkManager-dispatcher(8)).
func handler(File) verdict {
	return mask("not by itself, but for a connection that names it (generic.device-handler, since NetworkManager 1.46)")
}

// linkedFrom is the rule of no-wait.d: what lies there is run where a link leads to it.
func (h *host) linkedFrom(dirs ...string) rule {
	return func(f File) verdict {
		for _, dir := range dirs {
			for _, other := range slices.Concat(h.list(dir), h.list(dir+"/pre-up.d"), h.list(dir+"/pre-down.d")) {
				if other.Link != "" && other.Real != "" && other.Real == f.Real {
					return mask("not by itself, but through the link " + other.Path)
				}
			}
		}
		return never("nobody runs this directory: a link to it in dispatcher.d would be run")
	}
}

func networkdDispatcher(h *host) []directory {
	ours := h.adopted["networkd-dispatcher"]
	absent, rules := h.unless("networkd-dispatcher", "/usr/bin/networkd-dispatcher"), networkd
	if ours {
		absent, rules = "", trusting
	}
	all := ofPhases("networkd-dispatcher", absent, rules)
	for i, d := range all {
		all[i].paths = append(all[i].paths, strings.Replace(d.paths[0], "/etc/", "/usr/lib/", 1))
		all[i].falls, all[i].stops = !ours, !ours
	}
	return append(all, h.strangers("networkd-dispatcher", "/etc/networkd-dispatcher", "*.d", "nobody runs this directory: that is no state", all)...)
}

func asleep(h *host) []directory {
	d := func(system, when string, event bool, dir string) directory {
		return directory{system: system, when: when, event: event, rules: systemd, beside: true, paths: []string{dir},
			absent: h.unless("systemd", "/lib/systemd/systemd", "/usr/lib/systemd/systemd")}
	}
	lost := func(name string) directory {
		return directory{system: name, when: "-", paths: []string{"/etc/systemd/" + name}, unread: "nobody runs this directory: systemd reads /usr/lib/systemd/" + name + " only"}
	}
	return []directory{
		d("system-sleep", "system.sleep", true, "/usr/lib/systemd/system-sleep"), lost("system-sleep"),
		d("system-shutdown", "system-shutdown", false, "/usr/lib/systemd/system-shutdown"), lost("system-shutdown"),
	}
}

func ifplugd(h *host) []directory {
	return []directory{{system: "ifplugd", when: "ifplugd", paths: []string{"/etc/ifplugd/action.d"}, rules: runParts,
		absent: h.unless("ifplugd", "/usr/sbin/ifplugd")}}
}

func netplug(h *host) []directory {
	return []directory{{system: "netplug", when: "netplug", paths: []string{"/etc/netplug/netplug"}, single: true, rules: anyName,
		absent: h.unless("netplug", "/sbin/netplugd", "/usr/sbin/netplugd")}}
}

func resolvconf(h *host) []directory {
	absent := h.unless("resolvconf", "/sbin/resolvconf", "/usr/sbin/resolvconf")
	return []directory{
		{system: "resolvconf", when: "update", paths: []string{"/etc/resolvconf/update.d"}, rules: runParts, absent: absent},
		{system: "resolvconf", when: "update-libc", paths: []string{"/etc/resolvconf/update-libc.d"}, rules: runParts, absent: absent},
	}
}

func pm(h *host) []directory {
	var out []directory
	for _, kind := range []string{"sleep", "power"} {
		out = append(out, directory{system: "pm-utils", when: kind, rules: pmUtils, past: true, absent: h.unless("pm-utils", "/usr/sbin/pm-suspend"),
			paths: []string{"/etc/pm/" + kind + ".d", "/usr/lib/pm-utils/" + kind + ".d"}})
	}
	return out
}

// cron: crontab(5) of Debian runs all four, anacrontab(5) all but the hours.
func cron(h *host) []directory {
	var out []directory
	for _, every := range []string{"hourly", "daily", "weekly", "monthly"} {
		programs := []string{"/usr/sbin/cron", "/usr/sbin/crond", "/lib/systemd/systemd-cron", "/usr/libexec/systemd-cron"}
		if every != "hourly" {
			programs = append(programs, "/usr/sbin/anacron")
		}
		out = append(out, directory{system: "cron", when: every, paths: []string{"/etc/cron." + every}, rules: runParts,
			absent: h.unless("cron", programs...)})
	}
	return out
}

// motd is what pam_motd(8) runs at a login, with --lsbsysinit.
func motd(h *host) []directory {
	return []directory{{system: "update-motd", when: "login", paths: []string{"/etc/update-motd.d"}, rules: append([]rule{h.lsbName}, runParts[1:]...),
		absent: h.unless("pam_motd", "/lib/*/security/pam_motd.so", "/usr/lib/*/security/pam_motd.so")}}
}

// kernel is what the packages of kernels run (deb-postinst(5) of linux-image), the later directory since Debian 13.
func kernel(h *host) []directory {
	var out []directory
	for _, step := range []string{"preinst", "postinst", "prerm", "postrm"} {
		out = append(out, directory{system: "kernel", when: step, rules: runParts,
			past: true, paths: []string{"/etc/kernel/" + step + ".d", "/usr/share/kernel/" + step + ".d"}})
	}
	return out
}
