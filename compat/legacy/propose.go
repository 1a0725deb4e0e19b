package legacy

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"hookd/compat"
)

// Proposal is a hook that does what an old script does.
type Proposal struct {
	Name    string   // of the hook
	System  string   // and its dialect
	Entries []Entry  // the script, in each of its directories
	Lines   []string // of the hook file, without Exec=
	Shell   bool     // the kernel cannot execute it, and /bin/sh is to read it
	Args    []string // as Exec= has them
	Differs []string // what is not the same for it
}

// Copy is where its script is to lie below the directory of imported ones: the name of the old directory and its own, at which
// scripts look in $0.
func (p Proposal) Copy() string {
	return path.Join(path.Base(path.Dir(p.Entries[0].Path)), path.Base(p.Entries[0].Path))
}

// Refusal is an old script that no hook can stand for.
type Refusal struct {
	Path string
	Line int // of the script; 0: it is not about a line
	Why  string
}

// Past is a script of a directory that a hook stands for already.
type Past struct {
	Dir    string // the last part of its path
	Script string
	Hook   string
}

// Propose makes hooks of the chosen ones among all old scripts. One script in several directories is one hook, if it cannot
// tell the difference. The texts are those of the scripts, by path.
func Propose(all []Entry, chosen map[string]bool, texts map[string]string, past []Past) ([]Proposal, []Refusal) {
	var groups []*Proposal
	var refused []Refusal
	for _, e := range all {
		if !chosen[e.Path] {
			continue
		}
		text, read := texts[e.Path]
		if line, why := objection(e, text, read); why != "" {
			refused = append(refused, Refusal{e.Path, line, why})
			continue
		}
		g := groupOf(groups, e, text)
		if g == nil {
			g = &Proposal{System: e.System, Shell: !File{Start: text}.format()}
			groups = append(groups, g)
		}
		g.Entries = append(g.Entries, e)
	}
	for _, g := range groups {
		g.name()
	}
	var out []Proposal
	for _, g := range groups {
		g.write(all, groups, past)
		out = append(out, *g)
	}
	return out, refused
}

// groupOf is the hook that a script belongs to: the same file under the same name, for phases that treat a failure alike,
// unless it looks at $0 to see where it was called.
func groupOf(groups []*Proposal, e Entry, text string) *Proposal {
	for _, g := range groups {
		first := g.Entries[0]
		if first.System == e.System && first.ID == e.ID && e.ID != "" && path.Base(first.Path) == path.Base(e.Path) &&
			veto(first) == veto(e) && !looksAtItself(text) {
			return g
		}
	}
	return nil
}

func (p *Proposal) name() {
	first := p.Entries[0]
	p.Name = strings.TrimSuffix(path.Base(path.Dir(first.Path)), ".d") + "-" + path.Base(first.Path)
	if len(p.Entries) > 1 {
		p.Name = p.System + "-" + path.Base(first.Path)
	}
}

func phase(e Entry) compat.Phase {
	_, p, _ := compat.ForDirectory(path.Dir(e.Path))
	return p
}

func veto(e Entry) bool { return phase(e).Veto }

// write makes the lines of the hook file. Nothing of the old systems has the limits that hooks have by default.
func (p *Proposal) write(all []Entry, groups []*Proposal, past []Past) {
	s, _ := compat.Find(p.System)
	var from []string
	for _, e := range p.Entries {
		from = append(from, e.Path)
	}
	p.Lines = []string{"Description=Imported from " + strings.Join(from, ", ")}
	for _, e := range p.Entries {
		p.Lines = append(p.Lines, "On="+trigger(e))
	}
	after, before := p.order(all, groups)
	after, before = p.among(past, after, before)
	if len(after) > 0 {
		p.Lines = append(p.Lines, "After="+strings.Join(after, " "))
	}
	if len(before) > 0 {
		p.Lines = append(p.Lines, "Before="+strings.Join(before, " "))
	}
	p.Lines = append(p.Lines, "Timeout="+limit(p.System))
	if veto(p.Entries[0]) {
		p.Lines = append(p.Lines, "Failure=abort")
	}
	if p.System == "networkmanager" || p.System == "networkd-dispatcher" {
		p.Lines = append(p.Lines, "Instance=one") // these run one script at a time on the whole host
	}
	p.Lines = append(p.Lines, "RateLimit=infinity", "WorkingDirectory=/", "Dialect="+p.System)
	for _, a := range s.Args {
		p.Args = append(p.Args, "%{"+a+"}")
	}
	p.Differs = differs(p.Entries)
}

// trigger is the line for a directory.
func trigger(e Entry) string {
	if e.When == "networkmanager.*" {
		return e.When + " action!=*pre-*" // pre-up and pre-down have directories of their own
	}
	return e.When
}

// limit is how long the old system lets a script run: NetworkManager-dispatcher(8) and systemd say so, the others do not.
func limit(system string) string {
	return cmp.Or(map[string]string{"networkmanager": "10min", "system-sleep": "90s"}[system], "infinity")
}

// order are the neighbours in each directory: of those that become hooks the one before, of the scripts that stay the one before
// and the one behind. Systems that run all at the same time have none.
func (p *Proposal) order(all []Entry, groups []*Proposal) (after, before []string) {
	for _, mine := range p.Entries {
		var hook, script string
		behind := false
		for _, e := range all {
			if e.System != mine.System || e.When != mine.When || e.Order == 0 || mine.Order == 0 {
				continue
			}
			g := holder(groups, e)
			switch name := path.Base(e.Path); {
			case g == p:
			case g != nil && e.Order < mine.Order:
				hook = g.Name
			case g == nil && !plainName(name):
			case g == nil && e.Order < mine.Order:
				script = "legacy:" + name
			case g == nil && !behind:
				before, behind = add(before, "legacy:"+name), true
			}
		}
		after = add(add(after, hook), script)
	}
	return after, before
}

// among adds the nearest ones that were imported before: hooks that no order binds run side by side.
func (p *Proposal) among(past []Past, after, before []string) ([]string, []string) {
	for _, mine := range p.Entries {
		var last, next Past
		for _, other := range past {
			switch name := path.Base(mine.Path); {
			case other.Dir != path.Base(path.Dir(mine.Path)) || mine.Order == 0 || other.Hook == p.Name:
			case other.Script < name && other.Script >= last.Script:
				last = other
			case other.Script > name && (next.Script == "" || other.Script < next.Script):
				next = other
			}
		}
		after, before = add(after, last.Hook), add(before, next.Hook)
	}
	return after, before
}

func holder(groups []*Proposal, e Entry) *Proposal {
	for _, g := range groups {
		if slices.ContainsFunc(g.Entries, func(o Entry) bool { return o.Path == e.Path }) {
			return g
		}
	}
	return nil
}

func add(list []string, word string) []string {
	if word == "" || slices.Contains(list, word) {
		return list
	}
	return append(list, word)
}

// differs says what a hook cannot do as the old system does it.
func differs(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		switch {
		case veto(e):
			out = add(out, "a failure in the run around all interfaces does not stop ifup -a any more")
		case e.When == "ifupdown.up":
			out = add(out, "a failure does not make ifup fail any more")
		case e.System == "networkd-dispatcher":
			out = add(out, "the variables of networkd-dispatcher itself are not there")
		case len(e.Remarks) > 0 && strings.Contains(e.Remarks[0], "no-wait.d"):
			out = add(out, "it takes its turn among the others")
		}
	}
	return out
}

// plainName says whether a name can stand in the name of a hook.
func plainName(s string) bool { return only(s, "_.@+-", true) && len(s) <= 80 }

// Sample is the event that a directory's scripts hear of, with a value for each parameter that is always there.
func (p Proposal) Sample() string {
	s, _ := compat.Find(p.System)
	e := p.Entries[0]
	if event := phase(e).Event; event != "" {
		return event
	}
	return s.Family + "." + map[string]string{"networkmanager.*": "up", "networkmanager.*pre-up": "pre-up", "networkmanager.*pre-down": "pre-down"}[e.When]
}

// String says where a refusal stands.
func (r Refusal) String() string { return fmt.Sprintf("%s:%d:1: %s", r.Path, max(r.Line, 1), r.Why) }
