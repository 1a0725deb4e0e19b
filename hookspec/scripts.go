package hookspec

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"hookd/compat"
	"hookd/events"
)

// Scripts are those of networkd-dispatcher: the file foo in routable.d is run by the hook legacy:foo for networkd.routable,
// one script after the other by name, and so it goes by every other hook's After=. The zero value has none.
type Scripts struct {
	Record string   // networkd-dispatcher is adopted when this file exists
	Dirs   []string // of STATE.d; the first one that has a name wins
}

// AdoptedScripts are those of this host.
func AdoptedScripts() Scripts {
	return Scripts{compat.Records + "/" + scriptDialect, []string{"/etc/networkd-dispatcher", "/usr/lib/networkd-dispatcher"}}
}

// Watch lists the directories that tell when something has changed.
func (s Scripts) Watch() []string {
	if s.Record == "" {
		return nil
	}
	return append([]string{filepath.Dir(s.Record)}, s.Dirs...)
}

// scriptDialect is the old system that scripts belong to, and its family of events.
const (
	scriptDialect = "networkd-dispatcher"
	scriptFamily  = "networkd."
	scriptPrefix  = "legacy:"
)

// scripts finds the scripts of each state. Unlike networkd-dispatcher it lets no file come to life because an earlier one of its
// name was refused, and a file that is empty or a link to /dev/null masks its name.
func (l *loader) scripts() {
	if l.Scripts.Record == "" {
		return
	}
	if _, err := l.Trust.Resolve(l.Scripts.Record); os.IsNotExist(err) {
		return
	} else if err != nil {
		l.fault(l.Scripts.Record, "no script of networkd-dispatcher is run", "%s", reason(err))
		return
	}
	hooks := map[string]*Hook{}
	for _, spec := range events.Table() {
		state, ours := strings.CutPrefix(spec.Name, scriptFamily)
		first := map[string]string{} // path by name
		for _, dir := range l.Scripts.Dirs {
			if dir = filepath.Join(dir, state+".d"); ours {
				l.scriptDir(hooks, first, dir, spec.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hooks)) {
		l.hooks = append(l.hooks, hooks[name])
	}
}

func (l *loader) scriptDir(hooks map[string]*Hook, first map[string]string, dir, event string) {
	for _, f := range l.readDir(dir) {
		c := &candidate{name: scriptPrefix + f.Name(), path: filepath.Join(dir, f.Name())}
		state, why := l.judgeScript(c)
		winner, taken := first[f.Name()]
		switch {
		case state == StateIgnored:
		case taken:
			state, why, c.faults = StateOverridden, "by "+events.Show(winner), c.faults.asDoubts()
		default:
			first[f.Name()] = c.path
		}
		if state == StateLoaded {
			addScript(hooks, c, event)
		}
		l.entry(c.name, c.path, state, why)
		l.faults = append(l.faults, c.faults...)
	}
}

// judgeScript says how a file is used and why. Networkd-dispatcher wants the mode 0755 exactly; here nobody else may be able to
// write it, and it must be executable.
func (l *loader) judgeScript(c *candidate) (state, why string) {
	text, fi, err := l.open(c, c.path)
	base := strings.TrimPrefix(c.name, scriptPrefix)
	switch {
	case err != nil:
	case isNull(fi):
		return StateMasked, "a link to /dev/null"
	case !fi.Mode().IsRegular():
		return StateIgnored, "it is no regular file"
	case text == "":
		return StateMasked, "an empty file"
	case fi.Mode()&0o111 == 0:
		c.refuse("chmod +x "+events.Show(base), "the script is not executable (mode %04o)", fi.Mode().Perm())
	case !isScriptName(base):
		c.refuse("", "the file's name cannot be a script's name: it is longer than 90 bytes or holds *, ?, [, \\ or what cannot be printed")
	default:
		l.doubtScript(c, base, text)
	}
	if c.refused() {
		return StateRefused, c.first()
	}
	return StateLoaded, ""
}

// doubtScript says what is strange about a script that runs all the same, as it does with networkd-dispatcher.
func (l *loader) doubtScript(c *candidate, base, text string) {
	if why := leftover(base); why != "" {
		c.faults = append(c.faults, Fault{Place: Place{c.path, 1, 1}, Hook: c.name, Doubt: true, Msg: "the script is run, but " + why})
	}
	if c.source = (Source{Path: c.path, Text: text}); !strings.HasPrefix(text, "\x7fELF") {
		l.interpreter(c)
	}
}

// isScriptName says whether a file can have a hook: its name becomes that of a control group, which is looked for by a glob.
func isScriptName(base string) bool {
	odd := func(r rune) bool {
		return r == unicode.ReplacementChar || !unicode.IsPrint(r) || strings.ContainsRune(`*?[\`, r)
	}
	return len(base) <= 90 && strings.IndexFunc(base, odd) < 0
}

// addScript has a hook run a script for an event. The hook gets no time limit and no limit of its rate, and everything that
// networkd-dispatcher would have set, if only as an empty value.
func addScript(hooks map[string]*Hook, c *candidate, event string) {
	h, there := hooks[c.name]
	if !there {
		h = newHook(c.name, c.path)
		h.Script, h.Dialect, h.Timeout, h.RateLimit, h.WhenBusy = true, scriptDialect, 0, Rate{}, BusyQueue
		h.scripts = map[string]string{}
		h.Parameters = []Parameter{{Name: "interface", Place: Place{c.path, 1, 1}}}
		for _, name := range []string{"administrative-state", "operational-state", "addr", "ip-addrs", "ip6-addrs", "essid", "json"} {
			h.Parameters = append(h.Parameters, Parameter{Name: name, HasDefault: true})
		}
		hooks[c.name] = h
	}
	h.scripts[event] = c.path
	pattern, err := events.ParsePattern([]string{event})
	if err != nil {
		panic("an event of the table is no pattern: " + event)
	}
	h.On = append(h.On, Trigger{pattern, Place{c.path, 1, 1}})
}

// legacy says whether the hook runs scripts of an old system.
func (h *Hook) legacy() bool { return h.scripts != nil }

// setScript fills in which of its scripts a hook runs for an event, and the state, should the event not say it.
func (j *Job) setScript(e events.Event) {
	path, there := j.Hook.scripts[e.Name]
	if !there {
		return
	}
	j.Program = path
	if _, given := j.get("state"); !given {
		j.Params = append(j.Params[:len(j.Params):len(j.Params)], events.Param{Key: "state", Value: strings.TrimPrefix(e.Name, scriptFamily)})
	}
}

// Runs is the event that a file is the script of, empty for none.
func (h *Hook) Runs(path string) string {
	for event, script := range h.scripts {
		if script == path {
			return event
		}
	}
	return ""
}

// Hears says whether a hook has a line for an event of that name.
func (s *Set) Hears(event string) bool { return len(s.byEvent[event])+len(s.byStop[event]) > 0 }
