// Package compat knows the old dialects: which directories the old systems run, what they hand over to what lies in them,
// and what that is as an event of ours. It is tables and functions of values; it reads no disk.
//
// The facts are those of the programs themselves: ifupdown 0.8.41 and 0.8.45, ifupdown-ng 0.12, ppp 2.5, isc-dhcp 4.4,
// NetworkManager 1.42 and 1.58, networkd-dispatcher 2.2.4 and systemd 252 and 257.
package compat

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"hookd/events"
)

// Where hookctl adopt makes what others look for.
const (
	// Records is the directory of the records: a file with the name of a system says that the system is adopted.
	Records = "/etc/hookd/adopted"
	// Imported has the scripts that have become hooks, below the last part of the directory that they come from. NAME.replaced is
	// an old script that was put aside for its hook.
	Imported = "/etc/hookd/imported"
	// RunParts is found before /usr/bin/run-parts in the PATH of ifup(8) and of Debian's /etc/ppp/ip-up.
	RunParts = "/usr/local/sbin/run-parts"
)

// System is one old system.
type System struct {
	Name   string // as hookctl adopt takes it
	Family string // of its events
	Phases []Phase
	// Args are the parameters that its arguments carry, in order. A script gets all of them, empty ones too.
	Args []string
	// Variables are those of its environment that become parameters. A prefix ends in * on both sides.
	Variables []Variable
	// Path is the PATH it gives to scripts; empty: its own.
	Path string
	// Word is the parameter that names the event, where the directory does not; empty: the directory always does.
	Word string
	// RunParts: its directories are run by run-parts(8) of its PATH, so that another one found first takes over.
	RunParts bool
	// Awaited are the events whose scripts it waits for before it goes on; none: it waits for all.
	Awaited []string
}

// Phase is one directory, and the event that its scripts hear of.
type Phase struct {
	Directory string // absolute, the one that administrators use
	Event     string // empty where the arguments or the environment name it
	Veto      bool   // a hook with Failure=abort fails the old system, which has done nothing yet
}

// Variable is a variable of the environment and the parameter it becomes.
type Variable struct{ Env, Param string }

// same are variables whose parameters have their names, in lower case with dashes.
func same(names ...string) []Variable {
	var out []Variable
	for _, n := range names {
		out = append(out, Variable{n, toParam(n)})
	}
	return out
}

// Systems are all of them, in the order of hookd-compat(7).
func Systems() []System {
	return []System{ifupdown(), ppp(), dhclient(), networkManager(), networkdDispatcher(), systemSleep()}
}

// Names are those of all systems.
func Names() []string {
	var out []string
	for _, s := range Systems() {
		out = append(out, s.Name)
	}
	return out
}

// Find is the system of that name.
func Find(name string) (System, bool) {
	all := Systems()
	i := slices.IndexFunc(all, func(s System) bool { return s.Name == name })
	if i < 0 {
		return System{}, false
	}
	return all[i], true
}

// ForDirectory is the system whose directory this is, and the phase. The directory may lie below another root.
func ForDirectory(dir string) (System, Phase, bool) {
	dir = administrators(path.Clean(dir))
	if !strings.HasSuffix(dir, ".d") && !strings.HasSuffix(dir, "/system-sleep") {
		return System{}, Phase{}, false // without the tables: every start of run-parts(8) asks
	}
	for _, s := range Systems() {
		for _, p := range s.Phases {
			if p.Directory != "" && strings.HasSuffix(dir, p.Directory) {
				return s, p, true
			}
		}
	}
	return System{}, Phase{}, false
}

// administrators is the directory in which an administrator does what packages do in dir. systemd 252 of Debian calls its
// scripts below /lib.
func administrators(dir string) string {
	for _, alike := range [][2]string{
		{"/usr/lib/NetworkManager/dispatcher.d", "/etc/NetworkManager/dispatcher.d"},
		{"/usr/lib/networkd-dispatcher/", "/etc/networkd-dispatcher/"},
		{"/usr/lib/systemd/system-sleep", "/lib/systemd/system-sleep"},
		{"/lib/systemd/system-sleep", "/usr/lib/systemd/system-sleep"},
	} {
		dir = strings.Replace(dir, alike[0], alike[1], 1)
	}
	return dir
}

// ForWord is the phase whose event has this word after the dot: up is ifupdown.up.
func (s System) ForWord(word string) (Phase, bool) {
	i := slices.IndexFunc(s.Phases, func(p Phase) bool { return p.Event == s.Family+"."+word })
	if i < 0 {
		return Phase{}, false
	}
	return s.Phases[i], true
}

// Awaits says whether the system waits for the scripts of an event before it goes on.
func (s System) Awaits(event string) bool {
	return len(s.Awaited) == 0 || slices.Contains(s.Awaited, event)
}

// Event is the event of a phase with what a script in its directory was given: its arguments without $0, and its
// environment. What the system does not hand over under a name of its table is left out, whoever set it (failures: S7, S8).
func (s System) Event(p Phase, args, environ []string) (events.Event, error) {
	var params []events.Param
	add := func(key, value string) {
		if !slices.ContainsFunc(params, func(p events.Param) bool { return p.Key == key }) {
			params = append(params, events.Param{Key: key, Value: value})
		}
	}
	for i, key := range s.Args {
		if i < len(args) {
			add(key, args[i])
		}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if key := s.param(name); key != "" {
			add(key, value)
		}
	}
	if nested := nested(s, environ); nested != "" {
		add("nested", nested)
	}
	e, err := events.New(s.eventName(p, params), params)
	e.Source = events.SourceShim
	return e, err
}

// eventName is that of the phase, or follows from what the system itself says.
func (s System) eventName(p Phase, params []events.Param) string {
	word, _ := events.Event{Params: params}.Get(s.Word)
	return cmp.Or(p.Event, s.Family+"."+strings.ToLower(word))
}

// param is the parameter that a variable becomes, empty for none.
func (s System) param(env string) string {
	for _, v := range s.Variables {
		prefix, open := strings.CutSuffix(v.Env, "*")
		if !open && env == v.Env {
			return v.Param
		}
		rest, has := strings.CutPrefix(env, prefix)
		key := strings.TrimSuffix(v.Param, "*") + toParam(rest)
		if open && has && rest != "" && events.IsParamName(key) && slices.Equal(s.variables(key), []string{env}) {
			return key
		}
	}
	return ""
}

// toParam and back keep each name apart from every other: what they cannot is no parameter.
func toParam(env string) string { return strings.ToLower(strings.ReplaceAll(env, "_", "-")) }

// variables are those of a parameter: pppd and Debian's scripts around it say some things twice.
func (s System) variables(param string) []string {
	var out []string
	for _, v := range s.Variables {
		prefix, open := strings.CutSuffix(v.Param, "*")
		rest, has := strings.CutPrefix(param, prefix)
		switch {
		case !open && param == v.Param:
			out = append(out, v.Env)
		case open && has && rest != "":
			out = append(out, strings.TrimSuffix(v.Env, "*")+s.spell(strings.ReplaceAll(rest, "-", "_")))
		}
	}
	return out
}

// spell writes the open part of a name: dhclient has small letters.
func (s System) spell(name string) string {
	if s.Family == "dhclient" {
		return name
	}
	return strings.ToUpper(name)
}

// nested lists the interfaces around this one: ifup tells them to the ifup in its scripts as IFUPDOWN_NAME=PHASE, by which
// that one knows that it must not wait for what waits for it.
func nested(s System, environ []string) string {
	var out []string
	for _, entry := range environ {
		word, has := strings.CutPrefix(entry, "IFUPDOWN_")
		if has && s.Family == "ifupdown" && strings.Contains(word, "=") && !strings.ContainsAny(word, " \t\n") {
			out = append(out, word)
		}
	}
	return strings.Join(out, " ")
}

// Nested are the variables that the parameter nested stands for.
func Nested(value string) []string {
	var out []string
	for word := range strings.SplitSeq(value, " ") {
		if strings.Contains(word, "=") {
			out = append(out, "IFUPDOWN_"+word)
		}
	}
	return out
}

// Environ is the environment that the system itself would give a script for the event: its variables and its PATH.
func (s System) Environ(params []events.Param) []string {
	var out []string
	if s.Path != "" {
		out = append(out, "PATH="+s.Path)
	}
	for _, p := range params {
		if p.Key == "nested" && s.Family == "ifupdown" {
			out = append(out, Nested(p.Value)...)
			continue
		}
		for _, name := range s.variables(p.Key) {
			out = append(out, name+"="+p.Value)
		}
	}
	return out
}

// Arguments are those that the system would give a script for the event.
func (s System) Arguments(params []events.Param) []string {
	var out []string
	for _, key := range s.Args {
		value, _ := events.Event{Params: params}.Get(key)
		out = append(out, value)
	}
	return out
}
