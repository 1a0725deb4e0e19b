package hookspec

import (
	"slices"
	"strings"

	"hookd/events"
	"hookd/internal/unitfile"
)

// stateSpec is a word that While= can begin with: the event that tells of the state for the first time, and the keys that
// may follow. A key that the event has under another name stands as key:name.
type stateSpec struct {
	name, event string
	keys        []string
}

// states are what While= can name; hookd.hook(5) is held against them by a test.
func states() []stateSpec {
	return []stateSpec{
		{"link-up", "link.up", []string{"interface", "kind"}},
		{"address", "address.added", []string{"interface", "family", "scope", "address"}},
		{"default-route", "default-route.added", []string{"family", "interface"}},
		{"interface", "interface.state", []string{"interface", "state:to"}},
		{"online", "network.online", nil},
		{"service", "service.started", []string{"service", "instance"}},
		{"unit", "", []string{"unit"}},
	}
}

// StateNames lists the words that While= can begin with.
func StateNames() []string {
	var names []string
	for _, s := range states() {
		names = append(names, s.name)
	}
	return names
}

func stateNamed(name string) (stateSpec, bool) {
	for _, s := range states() {
		if s.name == name {
			return s, true
		}
	}
	return stateSpec{}, false
}

func (s stateSpec) keyNames() []string {
	var names []string
	for _, k := range s.keys {
		name, _, _ := strings.Cut(k, ":")
		names = append(names, name)
	}
	return names
}

// inEvent is what the state's event calls a key of the state.
func (s stateSpec) inEvent(key string) string {
	for _, k := range s.keys {
		if name, other, differs := strings.Cut(k, ":"); differs && name == key {
			return other
		}
	}
	return key
}

func (s State) String() string { return s.Text }

// carries says whether what tells of the state carries a parameter, else which one is near.
func (s State) carries(param string) (bool, string) {
	if s.Unit != "" {
		return param == "unit", events.Nearest(param, []string{"unit"})
	}
	return carry(s.Pattern, param)
}

// state reads a While= line.
func (p *parser) state(v unitfile.Value) ([]State, bool) {
	words, ok := p.split(v, unitfile.SplitRaw)
	if !ok {
		return nil, false
	}
	spec, known := stateNamed(words[0].Text)
	if !known {
		p.at(v, 0, events.DidYouMean(events.Nearest(words[0].Text, StateNames())), "%s is no state", events.Show(words[0].Text))
		return nil, false
	}
	texts := []string{spec.event}
	canonical := []string{spec.name}
	for _, w := range words[1:] {
		t, good := p.term(v, w, spec)
		ok = ok && good
		texts = append(texts, spec.inEvent(t.Key)+strings.TrimPrefix(t.String(), t.Key))
		canonical = append(canonical, t.String())
	}
	if !ok {
		return nil, false
	}
	s := State{Name: spec.name, Text: strings.Join(canonical, " "), Place: p.place(v.At(0))}
	if spec.event == "" {
		return p.unitState(v, words, s)
	}
	pattern, err := events.ParsePattern(texts)
	if err != nil {
		p.at(v, 0, "", "%s", err)
		return nil, false
	}
	s.Pattern = pattern
	return []State{s}, true
}

// unitState names exactly one unit: a supervisor is told by name which ones to watch.
func (p *parser) unitState(v unitfile.Value, words []unitfile.Word, s State) ([]State, bool) {
	const hint = "write While=unit unit=NAME.service, one line for each"
	if len(words) != 2 || strings.HasPrefix(words[1].Text, "unit!=") {
		p.at(v, 0, hint, "the state unit takes one unit=NAME")
		return nil, false
	}
	off := len("unit=")
	glob, _ := events.ParseGlob(words[1].Text[off:])
	if !glob.Plain() {
		p.at(v, words[1].At(off), hint, "%s is a glob", events.Show(glob.String()))
		return nil, false
	}
	if why, wrong := badUnit(glob.Text()); why != "" {
		p.at(v, words[1].At(off+wrong), unitHint, "%s", why)
		return nil, false
	}
	s.Unit = glob.Text()
	return []State{s}, true
}

// term reads one key=glob or key!=glob of a state.
func (p *parser) term(v unitfile.Value, w unitfile.Word, spec stateSpec) (events.Term, bool) {
	key, text, found := strings.Cut(w.Text, "=")
	key, not := strings.CutSuffix(key, "!")
	if !found || !slices.Contains(spec.keyNames(), key) {
		p.at(v, w.Off, events.DidYouMean(events.Nearest(key, spec.keyNames())), "%s is no key=glob of %s", events.Show(w.Text), spec.name)
		return events.Term{}, false
	}
	glob, err := events.ParseGlob(text)
	if err != nil {
		off, msg, hint := events.GlobFault(err)
		p.at(v, w.At(len(w.Text)-len(text)+off), hint, "%s", msg)
		return events.Term{}, false
	}
	return events.Term{Key: key, Not: not, Glob: glob}, true
}
