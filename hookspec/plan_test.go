package hookspec

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"hookd/events"
)

// setOf makes a set of hooks from a txtar archive of hook files. Each gets an Exec= if it has none.
func setOf(t testing.TB, archive string) *Set {
	t.Helper()
	var hooks []*Hook
	for _, f := range txtar.Parse([]byte(archive)).Files {
		text := "[Hook]\n" + string(f.Data)
		if !strings.Contains(text, "Exec=") {
			text += "Exec=/bin/true\n"
		}
		h, faults := parseText(f.Name+".hook", text)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		hooks = append(hooks, h)
	}
	return NewSet(hooks)
}

func eventOf(t testing.TB, words string) events.Event {
	t.Helper()
	f := strings.Fields(words)
	var params []events.Param
	for _, w := range f[1:] {
		k, v, _ := strings.Cut(w, "=")
		params = append(params, events.Param{Key: k, Value: v})
	}
	e, err := events.New(f[0], params)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func describeJob(jobs []Job, j Job) string {
	l := j.Hook.Name
	if len(j.After) > 0 {
		l += " after " + strings.Join(NamesOf(jobs, j.After), ",")
	}
	if len(j.Requires) > 0 {
		l += " requires " + strings.Join(NamesOf(jobs, j.Requires), ",")
	}
	return l
}

// describePlan writes a plan as "hook(after …)(requires …)", "~hook" for one that settles, and "!hook: reason".
func describePlan(p Plan) string {
	var lines []string
	for _, j := range p.Jobs {
		lines = append(lines, describeJob(p.Jobs, j))
	}
	for _, j := range p.Settling {
		lines = append(lines, "~"+describeJob(p.Settling, j))
	}
	for _, r := range p.Refused {
		lines = append(lines, "!"+r.Hook+": "+r.Reason)
	}
	return strings.Join(lines, "\n")
}

func TestPlan(t *testing.T) {
	for _, test := range []struct{ name, hooks, event, want string }{
		{"by name", "-- b --\nOn=link.up\n-- a --\nOn=link.up\n-- c --\nOn=link.down\n", "link.up interface=x", "a\nb"},
		{"after", "-- a --\nOn=link.up\nAfter=b\n-- b --\nOn=link.up\n", "link.up", "b\na after b"},
		{"before", "-- a --\nOn=link.up\n-- b --\nOn=link.up\nBefore=a\n", "link.up", "b\na after b"},
		{"after a glob", "-- a --\nOn=link.up\nAfter=*\n-- b --\nOn=link.up\n-- c --\nOn=link.up\n", "link.up", "b\nc\na after b,c"},
		{"after nobody", "-- a --\nOn=link.up\nAfter=zz legacy:openvpn\n", "link.up", "a"},
		{"after an old script that is a hook now", "-- a --\nOn=ppp.ip-up\nAfter=legacy:x\n-- b --\nOn=ppp.ip-up\nAfter=legacy:[xy]\n" +
			"-- ip-up-x --\nOn=ppp.ip-up\nDialect=ppp\nExec=/etc/hookd/imported/ip-up.d/x\n", "ppp.ip-up", "ip-up-x\na after ip-up-x\nb after ip-up-x"},
		{"after one that does not run", "-- a --\nOn=link.up\nAfter=b\n-- b --\nOn=link.down\n", "link.up", "a"},
		{"diamond", "-- a --\nOn=user.x\n-- b --\nOn=user.x\nAfter=a\n-- c --\nOn=user.x\nAfter=a\n-- d --\nOn=user.x\nAfter=b c\n", "user.x",
			"a\nb after a\nc after a\nd after b,c"},
		{"twice the same edge", "-- a --\nOn=user.x\nAfter=b b\nRequires=b\n-- b --\nOn=user.x\nBefore=a\n", "user.x", "b\na after b requires b"},
		{"no match", "-- a --\nOn=link.up interface=eth*\n", "link.up interface=wlan0",
			"!a: interface is wlan0, not interface=eth* (a.hook:2:4)"},
		{"lines are alternatives", "-- a --\nOn=link.up interface=eth*\nOn=link.up interface=wl*\n", "link.up interface=wlan0", "a"},
		{"forbidden", "-- a --\nOn=link.up interface!=wl*\n", "link.up interface=wlan0",
			"!a: interface is wlan0, which interface!=wl* forbids (a.hook:2:4)"},
		{"absent", "-- a --\nOn=link.up alias=wan\n", "link.up interface=x",
			"!a: the event carries no alias, which alias=wan asks for (a.hook:2:4)"},
		{"requires what runs", "-- a --\nOn=link.up\nRequires=b\n-- b --\nOn=link.up\n", "link.up", "b\na after b requires b"},
		{"requires what does not run", "-- a --\nOn=link.up\nRequires=b\n-- b --\nOn=link.down\n-- c --\nOn=link.up\nRequires=a\n", "link.up",
			"!a: it requires b, which does not run for this event\n!c: it requires a, which does not run for this event"},
		{"up in order", "-- a --\nOn=link.*\n-- b --\nOn=link.*\nAfter=a\nReverse=yes\n", "link.up", "a\nb after a"},
		{"down in reverse", "-- a --\nOn=link.*\n-- b --\nOn=link.*\nAfter=a\nReverse=yes\n", "link.down", "b\na after b"},
		{"down without Reverse", "-- a --\nOn=link.*\n-- b --\nOn=link.*\nAfter=a\n", "link.down", "a\nb after a"},
		{"Requires in reverse orders only", "-- a --\nOn=link.*\n-- b --\nOn=link.*\nRequires=a\nReverse=yes\n", "link.down", "b\na after b"},
		{"state that falls", "-- a --\nOn=interface.state\n-- b --\nOn=interface.state\nAfter=a\nReverse=yes\n",
			"interface.state from=routable to=off", "b\na after b"},
		{"required parameter", "-- a --\nOn=user.x\nParameter=site\n-- b --\nOn=user.x\nParameter=site=home\n", "user.x",
			"b\n!a: it requires the parameter site, which the event does not carry"},
		{"parameter given", "-- a --\nOn=user.x\nParameter=site\n", "user.x site=1", "a"},
		{"parameter of Exec", "-- a --\nOn=link.up\nExec=/bin/echo %{alias}\n", "link.up interface=x",
			"!a: Exec= uses the parameter alias, which the event does not carry"},
		{"parameter of Environment", "-- a --\nOn=link.up\nEnvironment=A=%{alias}\n", "link.up interface=x",
			"!a: Environment= uses the parameter alias, which the event does not carry"},
		{"parameter of Instance", "-- a --\nOn=link.up\nInstance=%{alias}\n", "link.up interface=x",
			"!a: Instance= uses the parameter alias, which the event does not carry"},
		{"what settles is apart", "-- a --\nOn=link.up\nSettle=1s\n-- b --\nOn=link.up\nSettle=2s\nAfter=a\n-- c --\nOn=link.up\nAfter=a\n-- d --\nOn=link.up\nRequires=a\n", "link.up",
			"c\n~a\n~b after a\n!d: it requires a, which does not run for this event"},
		{"user events", "-- a --\nOn=user.*\n-- b --\nOn=user.hello\n-- c --\nOn=*\n", "user.bye", "a\nc\n!b: it has no On= line for user.bye"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := describePlan(setOf(t, test.hooks).Plan(eventOf(t, test.event)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A hook never runs for an event that it led to itself.
func TestPlanCause(t *testing.T) {
	set := setOf(t, "-- a --\nOn=hook.finished\n-- b --\nOn=hook.finished\n")
	e := eventOf(t, "hook.finished hook=a")
	e.Cause = []events.Cause{{Run: "1", Hook: "b"}, {Run: "2", Hook: "a"}}
	const want = "!a: a job of this hook led to the event\n!b: a job of this hook led to the event"
	if got := describePlan(set.Plan(e)); got != want {
		t.Errorf("got %s", got)
	}
}

func TestCycles(t *testing.T) {
	for _, test := range []struct{ name, hooks, event, cycle, plan string }{
		{"two", "-- a --\nOn=user.x\nAfter=b\n-- b --\nOn=user.x\nAfter=a\n", "user.x",
			"b.hook:3:7: the order is a circle: a before b before a (After=, Before= and Requires= of b order nothing)", "b\na after b"},
		{"three, the last by name gives way", "-- a --\nOn=user.x\nAfter=c\n-- b --\nOn=user.x\nAfter=a\n-- c --\nOn=user.x\nAfter=b\n", "user.x",
			"c.hook:3:7: the order is a circle: a before b before c before a (After=, Before= and Requires= of c order nothing)", "c\na after c\nb after a"},
		{"globs", "-- a --\nOn=user.x\nAfter=*\n-- b --\nOn=user.x\nAfter=*\n", "user.x",
			"b.hook:3:7: the order is a circle: a before b before a (After=, Before= and Requires= of b order nothing)", "b\na after b"},
		{"only where one turns round", "-- a --\nOn=link.*\nAfter=b\nReverse=yes\n-- b --\nOn=link.*\n-- x --\nOn=link.*\nAfter=b\nBefore=a\n", "link.down",
			"x.hook:3:7: the order is a circle: a before b before x before a (After=, Before= and Requires= of x order nothing)", "a\nb after a\nx"},
		{"none", "-- a --\nOn=user.x\nAfter=b\n-- b --\nOn=user.x\nAfter=c\n-- c --\nOn=user.x\n", "user.x", "", "c\nb after c\na after b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := setOf(t, test.hooks)
			var cycles []string
			for _, f := range set.Cycles {
				cycles = append(cycles, f.Error())
			}
			if diff := cmp.Diff(test.cycle, strings.Join(cycles, "\n")); diff != "" {
				t.Errorf("cycles (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.plan, describePlan(set.Plan(eventOf(t, test.event)))); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// S8, S4: the environment of a hook is this and nothing else, and values are the bytes that came.
func TestEnviron(t *testing.T) {
	t.Setenv("LD_PRELOAD", "/evil.so")
	t.Setenv("BASH_FUNC_x%%", "() { :; }")
	set := setOf(t, "-- a --\nOn=link.up\nParameter=site=home\nEnvironment=LANG=C \"GREETING=hi %{interface} 100%%\" PATH=/opt/bin\nExec=/bin/echo %{interface} \"[%{interface}]\" $HOME\n")
	e := events.Event{Name: "link.up", Subject: "$(id) ;\xff", Source: "kernel",
		Params: []events.Param{{Key: "interface", Value: "$(id) ;\xff"}, {Key: "mtu", Value: "1500"}}}
	job := set.Plan(e).Jobs[0]
	want := []string{"PATH=/opt/bin", "HOOK_NAME=a", "HOOK_INSTANCE=$(id) ;\xff", "HOOK_RUN=r-1", "HOOK_EVENT=link.up", "HOOK_SOURCE=kernel",
		"HOOK_FORMAT=1", "EVENT_INTERFACE=$(id) ;\xff", "EVENT_MTU=1500", "EVENT_SITE=home", "LANG=C", "GREETING=hi $(id) ;\xff 100%"}
	if diff := cmp.Diff(want, job.Environ(e, "r-1")); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/bin/echo", "$(id) ;\xff", "[$(id) ;\xff]", "$HOME"}, job.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

// R9, S8: an ifup in a hook learns what it is nested in, in events of ifupdown and in no others.
func TestNestedEnviron(t *testing.T) {
	set := setOf(t, "-- a --\nOn=ifupdown.up\nOn=user.x\nExec=/bin/true\n")
	params := []events.Param{{Key: "nested", Value: "eth0=post-up br0=$(x)=1 LD_PRELOAD %n=\xff"}}
	want := map[string][]string{
		"ifupdown.up": {"IFUPDOWN_eth0=post-up", "IFUPDOWN_br0=$(x)=1", "IFUPDOWN_%n=\xff", "EVENT_NESTED=" + params[0].Value},
		"user.x":      {"EVENT_NESTED=" + params[0].Value},
	}
	for name := range want {
		e := events.Event{Name: name, Params: params}
		if diff := cmp.Diff(want[name], set.Plan(e).Jobs[0].Environ(e, "r")[7:]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Dialect= gives what the old system would have given, with its PATH; Environment= comes last.
func TestDialectEnviron(t *testing.T) {
	set := setOf(t, "-- a --\nOn=ifupdown.up\nDialect=ifupdown\nEnvironment=PHASE=mine\nExec=/bin/true\n")
	e := events.Event{Name: "ifupdown.up", Subject: "ifupdown/eth0", Source: "shim", Params: []events.Param{
		{Key: "interface", Value: "eth0"}, {Key: "phase", Value: "post-up"}, {Key: "if-bridge-ports", Value: "a b"}, {Key: "nested", Value: "br0=up"}}}
	want := []string{"PATH=/usr/lib/ifupdown:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOOK_NAME=a", "HOOK_INSTANCE=ifupdown/eth0",
		"HOOK_RUN=r-1", "HOOK_EVENT=ifupdown.up", "HOOK_SOURCE=shim", "HOOK_FORMAT=1",
		"IFACE=eth0", "PHASE=mine", "IF_BRIDGE_PORTS=a b", "IFUPDOWN_br0=up",
		"EVENT_INTERFACE=eth0", "EVENT_PHASE=post-up", "EVENT_IF_BRIDGE_PORTS=a b", "EVENT_NESTED=br0=up"}
	if diff := cmp.Diff(want, set.Plan(e).Jobs[0].Environ(e, "r-1")); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	dhcp := events.Event{Name: "dhclient.bound", Params: []events.Param{{Key: "interface", Value: "e"}, {Key: "reason", Value: "BOUND"}}}
	set = setOf(t, "-- a --\nOn=dhclient.bound\nDialect=dhclient\nExec=/bin/true\n")
	if got := set.Plan(dhcp).Jobs[0].Environ(dhcp, "r")[0]; got != "PATH=/usr/sbin:/sbin:/bin:/usr/sbin:/usr/bin" {
		t.Errorf("the PATH is not dhclient's: %s", got)
	}
}

func TestDoubts(t *testing.T) {
	for _, test := range []struct{ name, hooks, want string }{
		{"none", "-- a --\nOn=link.up\nAfter=b\n-- b --\nOn=link.up\n", ""},
		{"after nobody", "-- a --\nOn=link.up\nAfter=fire-wall legacy:x\n-- firewall --\nOn=link.up\n",
			"a.hook:3:7: doubt: After= names fire-wall, and there is no such hook (did you mean firewall?)\n" +
				"a.hook:3:17: doubt: After= names legacy:x, and no old system runs scripts for the events of this hook"},
		{"after an old script", "-- a --\nOn=link.up\nOn=ifupdown.*\nAfter=legacy:x\nBefore=legacy:y*\n", ""},
		{"glob of nobody", "-- a --\nOn=link.up\nBefore=zz*\n", "a.hook:3:8: doubt: Before= names zz*, and there is no such hook"},
		{"parameter never given", "-- a --\nOn=link.up\nParameter=gatway\n",
			"a.hook:3:11: doubt: no event of this hook carries the required parameter gatway: the hook never runs"},
		{"parameter by hand", "-- a --\nOn=user.x\nParameter=site\n", ""},
		{"value that never comes", "-- a --\nOn=interface.state to=routeable\n",
			"a.hook:2:4: doubt: to is never routeable, only missing, off, no-carrier, dormant, degraded-carrier, carrier, degraded, enslaved, routable (did you mean routable?)"},
		{"loop of two", "-- a --\nOn=hook.finished hook=b\n-- b --\nOn=hook.finished hook=a\n",
			"a.hook:2:4: doubt: a loop of events: the result of a starts b starts a (a hook does not run for an event that it led to, so the loop ends after one turn)"},
		{"loop of one", "-- a --\nOn=hook.failed hook=a\n",
			"a.hook:2:4: doubt: a loop of events: the result of a starts a (a hook does not run for an event that it led to, so the loop ends after one turn)"},
		{"never in one run", "-- a --\nOn=link.up\nRequires=b c\nSettle=2s\n-- b --\nOn=link.up\n-- c --\nOn=link.up\nSettle=2s\n",
			"a.hook:3:10: doubt: Requires= names b, which has another Settle= and so never runs in the same run (give both the same Settle=)"},
		{"glob of oneself", "-- a --\nOn=link.up\nAfter=a*\n", "a.hook:3:7: doubt: After= names a*, and there is no such hook"},
		{"shell", "-- a --\nOn=link.up\nExec=/bin/echo $MODE ${X} $5 | cat '>' x\n",
			"a.hook:3:16: doubt: $MODE is not replaced (a parameter is written %{name}, and the hook finds variables in its environment)\n" +
				"a.hook:3:22: doubt: ${X} is not replaced (a parameter is written %{name}, and the hook finds variables in its environment)\n" +
				"a.hook:3:30: doubt: | is an argument like any other (there is no shell; write Exec=/bin/sh -c '…')\n" +
				"a.hook:3:36: doubt: > is an argument like any other (there is no shell; write Exec=/bin/sh -c '…')"},
		{"no shell", "-- a --\nOn=link.up\nExec=/bin/sh -c 'echo $HOME | cat >x'\n", ""},
		{"one instance for all interfaces", "-- a --\nType=service\nWhile=link-up kind=tun\nExec=/bin/sleep %{interface}\n",
			"a.hook:4:17: doubt: %{interface} in a service that has one instance for all interfaces: it runs for the first alone (add Instance=%{interface} for one service an interface)"},
		{"one interface", "-- a --\nType=service\nWhile=link-up interface=eth0\nExec=/bin/sleep %{interface}\n" +
			"-- b --\nType=service\nWhile=default-route\nExec=/bin/sleep %{interface}\n" +
			"-- c --\nType=service\nWhile=link-up\nInstance=one\nExec=/bin/sleep %{interface}\n", ""},
		{"dialect", "-- a --\nOn=ifupdown.up\nOn=ifupdown.down family=inet\nDialect=ifupdown\n", ""},
		{"dialect of another family", "-- a --\nOn=ifupdown.up\nOn=ppp.ip-up\nOn=user.x\nDialect=ppp\n",
			"a.hook:2:4: doubt: the line is about no event of Dialect=ppp (the events of the dialect are ppp.*)\n" +
				"a.hook:4:4: doubt: the line is about no event of Dialect=ppp (the events of the dialect are ppp.*)"},
		{"dialect of nothing", "-- a --\nType=service\nWhile=online\nDialect=ppp\n",
			"a.hook:4:1: doubt: Dialect= of a hook without On= has nothing to tell"},
		{"one for all failures", "-- a --\nOn=hook.failed\n-- b --\nOn=link.up\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var lines []string
			for _, f := range setOf(t, test.hooks).Doubts() {
				lines = append(lines, f.Error())
			}
			if diff := cmp.Diff(test.want, strings.Join(lines, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// whole is a hook with every key of this version.
const whole = `[Hook]
Format=1
Description=Everything at once
Documentation=man:hookd(8) "file:/a b"
On=link.up interface=eth[0-9]* interface!="eth9 "
On=user.hello
After=a b* legacy:x
Before=c
Reverse=yes
Requires=d e
Parameter=site=a "b" c
Parameter=name
Type=oneshot
Exec=/bin/echo "%{name} x" 100%% \x41\xff 'it''s'
Input=json
Timeout=1h 30min 2s
KillAfter=250ms
Failure=abort
Retry=3
RetryDelay=90s
Instance=%{interface}/%{name} x
WhenBusy=merge
Settle=1.5s
RateLimit=12/1h
OnStart=skip
User=web
Group=root
WorkingDirectory=/var//tmp/
Dialect=ifupdown
Environment=A=1 "B=x y %{site}"
X-Ours=anything
`

// wholeService is a service with every key that only services have, and every key of [Service].
const wholeService = `[Hook]
Type=service
While=default-route family=ipv4 interface!=wl*
While=link-up interface=eth0 interface=eth1
While=interface interface=eth* state=routable
While=online
While=service service=x instance!=a
While=unit unit=dbus.service
StopOn=link.down interface=eth0
StopOn=user.off
Parameter=interface=eth0
Parameter=site=a
ConditionReachable=vpn.%{site}.example.com
ConditionReachable=192.0.2.1
ConditionPathExists=!/run/a b%%c
ConditionUnitActive=x@%{site}.service
ConditionInterfaceUp=! %{interface}
ConditionParameter=site=[a-z]*%
ConditionParameter=!other
Instance=%{interface}
Exec=/bin/true
WhenBusy=restart
[Service]
Type=notify
NotifyAccess=all
Restart=on-failure
RestartSec=1.5
StartLimitIntervalSec=infinity
StartLimitBurst=5
SuccessExitStatus=TEMPFAIL 250 KILL
SuccessExitStatus=7 SIGRTMIN+3
RestartPreventExitStatus=1
RestartForceExitStatus=SIGHUP
TimeoutStartSec=90
RuntimeMaxSec=infinity
WatchdogSec=30s
WatchdogSignal=ABRT
OOMPolicy=continue
TimeoutStopSec=1min 30s
TimeoutAbortSec=5
KillMode=mixed
KillSignal=INT
FinalKillSignal=SIGKILL
SendSIGHUP=on
IgnoreSIGPIPE=no
SendSIGKILL=no
MemoryMax=1.5G
MemoryHigh=1024
MemorySwapMax=0
TasksMax=infinity
CPUQuota=20%
CPUWeight=50
IOWeight=50
LimitNOFILE=1024:4096
LimitNPROC=infinity
LimitCORE=0:1G
LimitMEMLOCK=64M:64M
LimitAS=4G
LimitDATA=1G:2G
LimitSTACK=8M
LimitFSIZE=infinity
Nice=-5
OOMScoreAdjust=500
UMask=77
CapabilityBoundingSet=CAP_NET_ADMIN cap_net_raw
CapabilityBoundingSet=~CAP_NET_RAW
AmbientCapabilities=~CAP_SYS_ADMIN
NoNewPrivileges=true
ProtectSystem=strict
ProtectHome=1
ProtectProc=invisible
PrivateTmp=yes
PrivateDevices=no
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
ReadWritePaths=/var/lib/x "-/a b"
ReadWritePaths=/var/lib/y
ReadOnlyPaths=/etc
InaccessiblePaths=-/home
RuntimeDirectory=vpn vpn/sub
StateDirectory=vpn
CacheDirectory=vpn
LogsDirectory=vpn
RuntimeDirectoryMode=750
StateDirectoryMode=0700
X-Ours=anything
`

// FuzzText: what parses without a fault is written in a canonical form that parses to the same form again, nothing
// panics, and every fault has a place.
func FuzzText(f *testing.F) {
	f.Add(whole, false)
	f.Add(wholeService, false)
	f.Add("[Hook]\nType=service\nOn=user.x\nStopOn=user.y\nUnit=openvpn@%{site}.service\nWhenBusy=keep\n", false)
	f.Add("#!/bin/sh\n# [Hook]\n# Type=service\n# While=unit unit=a.service\n# [Service]\n# Restart=always\n", true)
	archive, err := txtar.ParseFile("testdata/faults.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(string(file.Data), !strings.HasSuffix(file.Name, ".hook"))
	}
	f.Fuzz(func(t *testing.T, text string, script bool) {
		name := "x.hook"
		if script {
			name = "x"
		}
		h, faults := parseText(name, text)
		for _, fault := range faults {
			checkPlace(t, fault, text)
		}
		if len(faults) > 0 {
			return
		}
		canonical := h.Text()
		if script {
			canonical = strings.Replace(canonical, "[Hook]\n", "[Hook]\nExec=/bin/true\n", 1)
		}
		again, faults := parseText("x.hook", canonical)
		if len(faults) > 0 {
			t.Fatalf("%q has the canonical form %q, which has the faults %v", text, canonical, faults)
		}
		if script {
			again.Exec = nil
			canonical = h.Text()
		}
		if diff := cmp.Diff(canonical, again.Text()); diff != "" {
			t.Errorf("%q (-first +second):\n%s", text, diff)
		}
	})
}

// golden holds a text against a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestText(t *testing.T) {
	h, faults := parseText("x.hook", whole)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	golden(t, "testdata/whole.want", h.Text())
	service, faults := parseText("x.hook", wholeService)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	golden(t, "testdata/wholeservice.want", service.Text())
	for _, key := range KeyNames() {
		if !strings.Contains(h.Text()+service.Text(), "\n"+key+"=") && key != "Unit" {
			t.Errorf("the canonical text lacks %s=", key)
		}
	}
	for _, d := range DirectiveKeys() {
		if !strings.Contains(service.Text(), "\n"+d.Key+"=") {
			t.Errorf("the canonical text lacks %s=", d.Key)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]string{"5": "5s", "0": "0", "1.5s": "1s 500ms", "90s": "1min 30s", "1h30min": "1h 30min", "2d 1w": "1w 2d",
		"250us": "250us", "5 min": "5min", "0.5ms": "500us"} {
		d, err := parseDuration(in)
		if got := formatDuration(d); err != nil || got != want {
			t.Errorf("%q is %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "s", "5x", "-1", "1e9s", "infinity", "5 5 x", "..", "99999999999w"} {
		if d, err := parseDuration(in); err == nil {
			t.Errorf("%q is %v", in, d)
		}
	}
}

func manyHooks(n, matching int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "-- h%05d --\n", i)
		if i < matching {
			b.WriteString("On=link.up interface=eth*\n")
		} else {
			b.WriteString("On=default-route.added family=ipv4\n")
		}
		if i > 0 && i < matching {
			fmt.Fprintf(&b, "After=h%05d\n", i-1)
		}
	}
	return b.String()
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		set := setOf(b, manyHooks(n, 10))
		e := eventOf(b, "link.up interface=eth0 index=2 type=ether mtu=1500")
		b.Run(fmt.Sprintf("hooks=%d", n), func(b *testing.B) {
			for b.Loop() {
				if len(set.Plan(e).Jobs) != 10 {
					b.Fatal("not ten jobs")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, faults := parseText("x.hook", whole); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}

// A drop-in gives one parameter another default, and leaves the others as they are.
func TestParameterInDropIn(t *testing.T) {
	h, faults := Parse("a", []Source{
		{Path: "a.hook", Text: "[Hook]\nOn=user.x\nExec=/bin/true\nParameter=host=one\nParameter=port=1\n"},
		{Path: "a.hook.d/b.conf", Text: "[Hook]\nParameter=host=two\n"},
		{Path: "a.hook.d/c.conf", Text: "[Hook]\nParameter=host=three\n"},
	}, Options{Accounts: Host{}})
	if len(faults) > 0 || len(h.Parameters) != 2 || h.Parameters[0].Default != "three" || h.Parameters[0].Place.Path != "a.hook.d/c.conf" || h.Parameters[1].Default != "1" {
		t.Errorf("%v, %v", h.Parameters, faults)
	}
}
