package hookspec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hookd/events"
	"hookd/internal/unitfile"
)

// Accounts tells of the host's users and groups. An error means that there is no such one.
type Accounts interface {
	User(name string) (Account, error)
	Group(name string) (Account, error)
}

// Source is one file of a hook: the main file, which is a script or not, or a drop-in.
type Source struct {
	Path   string
	Text   string
	Script bool
}

// Parse reads a hook from its main file and its drop-ins, in that order. With any fault that is more than a doubt the
// hook must not run. Of opt it heeds Accounts and Lenient.
func Parse(name string, sources []Source, opt Options) (*Hook, Faults) {
	p := parser{opt: opt, hook: newHook(name, sources[0].Path), keys: keys()}
	p.hook.Script = sources[0].Script
	for _, s := range sources {
		p.source(s)
	}
	p.finish()
	for i := range p.faults {
		p.faults[i].Hook = name
	}
	return p.hook, p.faults
}

type parser struct {
	opt    Options
	hook   *Hook
	keys   []key
	path   string
	begun  bool // there was a [Hook]
	faults Faults

	untyped bool    // what Type= says is a fault
	service []Place // of the sections [Service]
}

func (p *parser) place(pos unitfile.Pos) Place { return placeOf(p.path, pos) }

func (p *parser) fault(at Place, hint, format string, args ...any) {
	p.faults = append(p.faults, Fault{Place: at, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// at reports a fault at an offset of a value.
func (p *parser) at(v unitfile.Value, off int, hint, format string, args ...any) {
	p.fault(p.place(v.At(off)), hint, format, args...)
}

func (p *parser) source(s Source) {
	p.path = s.Path
	lines := unitfile.Lines(s.Text)
	if s.Script {
		lines, _ = header(lines)
	}
	file, faults := unitfile.Parse(lines)
	for _, f := range faults {
		p.fault(p.place(f.Pos), f.Hint, "%s", f.Msg)
	}
	given := map[string]unitfile.Pos{}
	for _, section := range file.Sections {
		p.section(section, given)
	}
}

func (p *parser) section(s unitfile.Section, given map[string]unitfile.Pos) {
	switch {
	case s.Name == "Hook":
		p.begun = true
		for _, e := range s.Entries {
			p.entry(e, given)
		}
	case strings.HasPrefix(s.Name, "X-"):
	case s.Name == "Service":
		p.service = append(p.service, p.place(s.Pos))
		for _, e := range s.Entries {
			p.directive(e, given)
		}
	default:
		hint := events.DidYouMean(events.Nearest("["+s.Name+"]", []string{"[Hook]", "[Service]"}))
		if s.Name == "Unit" || s.Name == "Install" {
			hint = "a hook is no unit: all its keys stand in [Hook], and how a service runs in [Service]"
		}
		p.fault(p.place(s.Pos), hint, "unknown section %s", events.Show("["+s.Name+"]"))
	}
}

func (p *parser) entry(e unitfile.Entry, given map[string]unitfile.Pos) {
	if strings.HasPrefix(e.Key, "X-") {
		return
	}
	k, known := p.key(e.Key)
	if !known {
		hint := events.DidYouMean(events.Nearest(e.Key, KeyNames()))
		if _, elsewhere := directiveNamed(e.Key); elsewhere {
			hint = "it belongs into the section [Service]"
		}
		p.fault(p.place(e.Pos), hint, "unknown key %s=", e.Key)
		return
	}
	if first, again := given[e.Key]; again && !k.list {
		p.fault(p.place(e.Pos), "", "%s= is given twice, first in line %d", e.Key, first.Line)
	}
	given[e.Key] = e.Pos
	if !k.list || e.Value.Text == "" {
		p.forget(e.Key)
	}
	if e.Value.Text == "" {
		k.reset(p.hook)
		return
	}
	p.hook.Settings = append(p.hook.Settings, Setting{e.Key, e.Value.Text, p.place(e.Pos)})
	k.read(p, e.Value)
}

func (p *parser) key(name string) (key, bool) {
	for _, k := range p.keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// forget drops the settings of a key that a later assignment replaces.
func (p *parser) forget(key string) {
	kept := p.hook.Settings[:0]
	for _, s := range p.hook.Settings {
		if s.Key != key {
			kept = append(kept, s)
		}
	}
	p.hook.Settings = kept
}

// finish judges the hook as a whole.
func (p *parser) finish() {
	if !p.begun {
		if len(p.faults) == 0 {
			p.fault(Place{p.hook.Path, 1, 1}, "begin it with [Hook]", "the file declares no hook")
		}
		return
	}
	p.checkType()
	p.checkProgram()
	p.checkParameters()
	p.checkOrder()
}

// tried says whether a key is set, also when its value was refused: one fault is enough.
func (p *parser) tried(key string) bool { return p.settingPlace(key) != Place{} }

func (p *parser) settingPlace(key string) Place { return p.hook.settingPlace(key) }

// settingPlace is where a key is set; the zero place when it is not.
func (h *Hook) settingPlace(key string) Place {
	for _, s := range h.Settings {
		if s.Key == key {
			return s.Place
		}
	}
	return Place{}
}

func (p *parser) checkParameters() {
	declared := map[string]bool{}
	for _, d := range p.hook.Parameters {
		declared[d.Name] = true
	}
	p.hook.Parameters = p.declaredLast()
	for _, a := range p.hook.Exec {
		p.checkUse(a.Template, a.Place, declared)
	}
	for _, v := range p.hook.Environment {
		p.checkUse(v.Value, v.Place, declared)
	}
	p.checkUse(p.hook.Instance, p.settingPlace("Instance"), declared)
	p.checkUse(p.hook.Unit, p.settingPlace("Unit"), declared)
	for _, c := range p.hook.Conditions {
		p.checkUse(c.Value, c.Place, declared)
	}
	p.checkName()
	p.checkInstances()
}

// declaredLast are the declared parameters, each as the last file has it; to declare one twice in a file is a fault.
func (p *parser) declaredLast() []Parameter {
	var out []Parameter
	for _, d := range p.hook.Parameters {
		i := slices.IndexFunc(out, func(o Parameter) bool { return o.Name == d.Name })
		switch {
		case i < 0:
			out = append(out, d)
		case out[i].Place.Path == d.Place.Path:
			p.fault(d.Place, "", "parameter %s is declared twice", d.Name)
		default:
			out[i] = d
		}
	}
	return out
}

// checkUse refuses a parameter that is not declared and that no event of the hook can carry.
func (p *parser) checkUse(t Template, at Place, declared map[string]bool) {
	for _, name := range t.Params() {
		if declared[name] || len(p.hook.On)+len(p.hook.While) == 0 {
			continue
		}
		carried, near := p.hook.carries(name)
		if !carried {
			p.fault(at, events.DidYouMean(near), "no event of this hook carries the parameter %s, and no Parameter= declares it", name)
		}
	}
}

// carries says whether an event that starts the hook can carry a parameter, else which one is near.
func (h *Hook) carries(param string) (bool, string) {
	near := ""
	for _, on := range h.On {
		carried, other := carry(on.Pattern, param)
		if carried {
			return true, ""
		}
		near = cmp.Or(near, other)
	}
	for _, s := range h.While {
		carried, other := s.carries(param)
		if carried {
			return true, ""
		}
		near = cmp.Or(near, other)
	}
	return false, near
}

// carry says whether an event that a pattern means can carry a parameter, else which one is near.
func carry(pattern events.Pattern, param string) (bool, string) {
	var names []string
	for _, spec := range pattern.Specs() {
		if spec.Has(param) {
			return true, ""
		}
		names = append(names, spec.ParamNames()...)
	}
	return false, events.Nearest(param, names)
}

func (p *parser) checkOrder() {
	for _, refs := range [][]Ref{p.hook.After, p.hook.Before, p.hook.Requires} {
		for _, r := range refs {
			if r.Plain() && r.Match(p.hook.Name) {
				p.fault(r.Place, "", "the hook is ordered against itself")
			}
		}
	}
}

// header returns the lines of a script's comment block that hold the hook, their comment signs taken off: those from
// "# [Hook]" to the first bare # or line that is no comment. The block stands before the first command.
func header(lines []unitfile.Line) ([]unitfile.Line, bool) {
	var out []unitfile.Line
	for _, l := range lines {
		text, isComment := strings.CutPrefix(l.Text, "#")
		blank := strings.TrimSpace(l.Text) == ""
		switch {
		case len(out) == 0 && (blank || isComment && strings.TrimSpace(text) != "[Hook]"):
		case !isComment || strings.TrimSpace(text) == "":
			return out, len(out) > 0
		default:
			cut := 1
			if strings.HasPrefix(text, " ") {
				text, cut = text[1:], 2
			}
			out = append(out, unitfile.Line{Text: text, Pos: unitfile.Pos{Line: l.Pos.Line, Col: l.Pos.Col + cut}})
		}
	}
	return out, len(out) > 0
}

// hasHeader says whether a script declares a hook.
func hasHeader(text string) bool {
	_, found := header(unitfile.Lines(text))
	return found
}
