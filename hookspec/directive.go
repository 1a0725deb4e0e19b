package hookspec

import (
	"slices"
	"strings"

	"hookd/events"
	"hookd/internal/unitfile"
)

// DirectiveKey is one key of [Service], as the manual lists it.
type DirectiveKey struct {
	Key      string
	Property string // on the bus
	Own      bool   // hookd's own supervisor can do it; the others need systemd
	Doc      string
}

// directive is how the value of a key of [Service] is read: into an empty list, or as the next one of a list.
type directive struct {
	DirectiveKey
	list  bool
	read  func(p *parser, v unitfile.Value, had any) (value any, text string, ok bool)
	empty any    // what an empty value means where that is not the default
	soft  string // a second property that gets the value too: the soft limit
}

// directives are all keys that [Service] takes (failures: S10): a program's manager must not be one to whom a hook can
// say anything. What is not here is refused: further programs, other units, the host's fate, other roots.
func directives() []directive {
	return slices.Concat(lives(), ends(), limits(), walls(), directories())
}

func one(key, property string, own bool, read reader, doc string) directive {
	return directive{DirectiveKey: DirectiveKey{key, property, own, doc}, read: read}
}

func many(key, property string, own bool, read reader, doc string) directive {
	return directive{DirectiveKey: DirectiveKey{key, property, own, doc}, list: true, read: read}
}

// reader reads a value of a directive; had is what earlier lines of a list have come to.
type reader = func(p *parser, v unitfile.Value, had any) (value any, text string, ok bool)

func lives() []directive {
	return []directive{
		one("Type", "Type", true, choice("exec", "notify"), "when it counts as started: once its program runs, or once it says so (sd_notify(3))"),
		one("NotifyAccess", "NotifyAccess", true, choice("none", "main", "exec", "all"), "whose word counts for Type=notify"),
		one("Restart", "Restart", true, choice("no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"), "after which ends it is started again"),
		one("RestartSec", "RestartUSec", true, span(0), "how long after its end it is started again"),
		one("StartLimitIntervalSec", "StartLimitIntervalUSec", true, span(spanInfinity), "the time in which it may be started StartLimitBurst= times; after that it has failed for good"),
		one("StartLimitBurst", "StartLimitBurst", true, number(0, 1<<31-1, asUint32), "how often it may be started in that time"),
		many("SuccessExitStatus", "SuccessExitStatus", true, exitStatuses, "ends that are no failure: numbers, names, signals"),
		many("RestartPreventExitStatus", "RestartPreventExitStatus", true, exitStatuses, "ends after which it is not started again"),
		many("RestartForceExitStatus", "RestartForceExitStatus", true, exitStatuses, "ends after which it is started again whatever Restart= says"),
		one("TimeoutStartSec", "TimeoutStartUSec", true, span(spanInfinity|spanPositive), "how long it may take to start"),
		one("RuntimeMaxSec", "RuntimeMaxUSec", false, span(spanInfinity|spanPositive), "how long it may run"),
		one("WatchdogSec", "WatchdogUSec", false, span(0), "how often it must say that it lives (sd_notify(3))"),
		one("WatchdogSignal", "WatchdogSignal", false, signal, "what it gets when it does not"),
		one("OOMPolicy", "OOMPolicy", false, choice("continue", "stop", "kill"), "what becomes of it when the kernel kills one of its processes for memory"),
	}
}

func ends() []directive {
	return []directive{
		one("TimeoutStopSec", "TimeoutStopUSec", true, span(spanInfinity|spanPositive), "how long it may take to stop before it is killed"),
		one("TimeoutAbortSec", "TimeoutAbortUSec", false, span(spanInfinity|spanPositive), "the same after a missed watchdog"),
		one("KillMode", "KillMode", true, choice("control-group", "mixed"), "whether all its processes get the signal at first, or the main one"),
		one("KillSignal", "KillSignal", true, signal, "the signal that asks it to stop"),
		one("FinalKillSignal", "FinalKillSignal", true, signal, "the signal that makes it stop"),
		one("SendSIGHUP", "SendSIGHUP", true, boolean, "whether SIGHUP comes right after KillSignal="),
		one("IgnoreSIGPIPE", "IgnoreSIGPIPE", true, boolean, "whether SIGPIPE does not end it; yes by default"),
		one("SendSIGKILL", "SendSIGKILL", false, boolean, "whether FinalKillSignal= comes at all"),
	}
}

func limits() []directive {
	return []directive{
		one("MemoryMax", "MemoryMax", false, size(1), "the most memory"),
		one("MemoryHigh", "MemoryHigh", false, size(1), "memory above which it is slowed down"),
		one("MemorySwapMax", "MemorySwapMax", false, size(0), "the most swap"),
		one("TasksMax", "TasksMax", false, numberOrInfinity, "the most processes and threads"),
		one("CPUQuota", "CPUQuotaPerSecUSec", false, quota, "the most time of one CPU, in percent: 20%"),
		one("CPUWeight", "CPUWeight", false, number(1, 10000, asUint64), "its share of the CPU beside others; 100 by default"),
		one("IOWeight", "IOWeight", false, number(1, 10000, asUint64), "its share of the disks"),
		limit("LimitNOFILE", number(0, 1<<30, asUint64), "open files; soft:hard or one for both"),
		limit("LimitNPROC", number(0, 1<<30, asUint64), "processes of its user"),
		limit("LimitCORE", size(0), "the size of a core dump"),
		limit("LimitMEMLOCK", size(0), "locked memory"),
		limit("LimitAS", size(0), "the size of its address space"),
		limit("LimitDATA", size(0), "the size of its data"),
		limit("LimitSTACK", size(0), "the size of its stack"),
		limit("LimitFSIZE", size(0), "the size of a file it writes"),
		one("Nice", "Nice", true, number(-20, 19, asInt32), "its niceness"),
		one("OOMScoreAdjust", "OOMScoreAdjust", true, number(-1000, 1000, asInt32), "how soon the kernel kills it for memory"),
		one("UMask", "UMask", true, octal, "its umask"),
	}
}

func limit(key string, read reader, doc string) directive {
	d := one(key, key, true, softHard(read), doc)
	d.soft = key + "Soft"
	return d
}

func walls() []directive {
	bounding := many("CapabilityBoundingSet", "CapabilityBoundingSet", false, capabilities(allCapabilities), "the capabilities it can ever have; ~ in front: all but these; empty: none")
	bounding.empty = uint64(0)
	flag := func(key, doc string) directive { return one(key, key, false, boolean, doc) }
	ambient := many("AmbientCapabilities", "AmbientCapabilities", false, capabilities(0), "the capabilities it has although it is not root")
	ambient.empty = uint64(0)
	return []directive{
		bounding, ambient,
		one("NoNewPrivileges", "NoNewPrivileges", true, boolean, "whether set-user-id programs have no effect"),
		one("ProtectSystem", "ProtectSystem", false, choiceOrBool("full", "strict"), "whether /usr and /boot, with full /etc, with strict all is read-only"),
		one("ProtectHome", "ProtectHome", false, choiceOrBool("read-only", "tmpfs"), "whether homes are hidden"),
		one("ProtectProc", "ProtectProc", false, choice("noaccess", "invisible", "ptraceable", "default"), "whether it sees processes of others"),
		flag("PrivateTmp", "a /tmp of its own"),
		flag("PrivateDevices", "only harmless devices; not for what needs /dev/net/tun"),
		flag("ProtectKernelTunables", "whether /proc/sys and /sys are read-only"),
		flag("ProtectKernelModules", "whether it cannot load modules"),
		flag("ProtectKernelLogs", "whether it cannot read the kernel's log"),
		flag("ProtectControlGroups", "whether cgroups are read-only"),
		flag("ProtectClock", "whether it cannot set the clock"),
		flag("ProtectHostname", "whether it cannot set the host's name"),
		flag("RestrictRealtime", "whether it cannot have realtime scheduling"),
		flag("RestrictSUIDSGID", "whether it cannot make set-user-id files"),
		flag("LockPersonality", "whether it cannot change its personality"),
		flag("MemoryDenyWriteExecute", "whether no memory is writable and executable"),
		many("ReadWritePaths", "ReadWritePaths", false, paths, "paths that stay writable; - in front: if they are there"),
		many("ReadOnlyPaths", "ReadOnlyPaths", false, paths, "paths that are read-only"),
		many("InaccessiblePaths", "InaccessiblePaths", false, paths, "paths that are hidden"),
	}
}

func directories() []directive {
	dir := func(key, where string) directive {
		return many(key, key, false, relatives, "directories of its own in "+where)
	}
	return []directive{
		many("RuntimeDirectory", "RuntimeDirectory", false, runtimes, "directories of its own in /run, gone when it stops"),
		dir("StateDirectory", "/var/lib"), dir("CacheDirectory", "/var/cache"), dir("LogsDirectory", "/var/log"),
		one("RuntimeDirectoryMode", "RuntimeDirectoryMode", false, octal, "the mode of RuntimeDirectory="),
		one("StateDirectoryMode", "StateDirectoryMode", false, octal, "the mode of StateDirectory="),
	}
}

// DirectiveKeys lists the keys of [Service], in the order of the manual and of the canonical text.
func DirectiveKeys() []DirectiveKey {
	var out []DirectiveKey
	for _, d := range directives() {
		out = append(out, d.DirectiveKey)
	}
	return out
}

func directiveNamed(key string) (directive, bool) {
	for _, d := range directives() {
		if d.Key == key {
			return d, true
		}
	}
	return directive{}, false
}

// NeedsSystemd lists what the hook says that only systemd can do, in the order of the files: what a host without it warns
// of.
func (h *Hook) NeedsSystemd() []Setting {
	var out []Setting
	for _, s := range h.Settings {
		if s.needsSystemd() {
			out = append(out, s)
		}
	}
	return out
}

func (s Setting) needsSystemd() bool {
	switch s.Key {
	case "Unit", "ConditionUnitActive":
		return true
	case "While":
		return strings.HasPrefix(s.Value, "unit")
	}
	key, directive := strings.CutPrefix(s.Key, serviceKey)
	d, _ := directiveNamed(key)
	return directive && !d.Own
}

// serviceKey stands before the keys of [Service] in settings.
const serviceKey = "[Service] "

// directive takes one line of [Service] in.
func (p *parser) directive(e unitfile.Entry, given map[string]unitfile.Pos) {
	if strings.HasPrefix(e.Key, "X-") {
		return
	}
	d, known := directiveNamed(e.Key)
	if !known {
		p.noDirective(e)
		return
	}
	name := serviceKey + e.Key
	if first, again := given[name]; again && !d.list {
		p.fault(p.place(e.Pos), "", "%s= is given twice, first in line %d", e.Key, first.Line)
	}
	given[name] = e.Pos
	if !d.list || e.Value.Text == "" {
		p.forget(name)
		p.drop(e.Key)
	}
	if e.Value.Text != "" || d.empty != nil {
		p.hook.Settings = append(p.hook.Settings, Setting{name, e.Value.Text, p.place(e.Pos)})
	}
	value, text, ok := d.empty, "", d.empty != nil
	if e.Value.Text != "" {
		value, text, ok = d.read(p, e.Value, p.had(e.Key))
	}
	if ok {
		p.keep(d, value, text, p.place(e.Pos))
	}
}

func (p *parser) had(key string) any {
	for _, d := range p.hook.Directives {
		if d.Key == key {
			return d.Value
		}
	}
	return nil
}

func (p *parser) drop(key string) {
	p.hook.Directives = slices.DeleteFunc(p.hook.Directives, func(d Directive) bool { return d.Key == key })
}

// keep puts a directive in the place of what earlier lines of the key have made; a limit becomes two properties.
func (p *parser) keep(d directive, value any, text string, at Place) {
	p.drop(d.Key)
	if pair, both := value.(softAndHard); both {
		p.hook.Directives = append(p.hook.Directives, Directive{d.Key, d.Property, pair.hard, text, at}, Directive{d.Key, d.soft, pair.soft, text, at})
		return
	}
	p.hook.Directives = append(p.hook.Directives, Directive{d.Key, d.Property, value, text, at})
}

// directiveLines is [Service] in its canonical form.
func (h *Hook) directiveLines() []string {
	var lines []string
	for _, k := range directives() {
		for _, d := range h.Directives {
			if d.Key == k.Key && d.Property == k.Property {
				lines = append(lines, d.Key+"="+d.Text)
			}
		}
	}
	return lines
}

// noDirective refuses a key that [Service] does not take.
func (p *parser) noDirective(e unitfile.Entry) {
	var names []string
	for _, d := range directives() {
		names = append(names, d.Key)
	}
	if hint, forbidden := whyForbidden(e.Key); forbidden {
		p.fault(p.place(e.Pos), hint, "[Service] does not take %s=", e.Key)
		return
	}
	p.fault(p.place(e.Pos), events.DidYouMean(events.Nearest(e.Key, names)), "unknown key %s= in [Service]", e.Key)
}
