package events

import (
	"fmt"
	"slices"
	"strings"
)

// Pattern is NAME [key=glob …] [key!=glob …]. Terms of one key joined by = are alternatives, different keys must all
// hold, and so must every != term. An absent parameter fails = and satisfies !=.
type Pattern struct {
	name  Glob
	names []string // the events of the table that the name means; user.* stands for itself
	Terms []Term
}

// Term is one condition on a parameter.
type Term struct {
	Key  string
	Not  bool
	Glob Glob
}

func (t Term) String() string {
	if t.Not {
		return t.Key + "!=" + t.Glob.String()
	}
	return t.Key + "=" + t.Glob.String()
}

// PatternError is a fault in a pattern: in which word, at which byte of it.
type PatternError struct {
	Word, Off int
	Msg, Hint string
}

func (e *PatternError) Error() string { return hinted(e.Msg, e.Hint) }

func hinted(msg, hint string) string {
	if hint == "" {
		return msg
	}
	return msg + " (" + hint + ")"
}

// outright are the families that a wildcard never means: they tell of our own doing, come in floods, or say again in other
// words what the kernel has said.
var outright = [...]string{"route", "neighbor", "hook", "hookd", "networkd"}

// ParsePattern reads a pattern from its words and checks it against the table.
func ParsePattern(words []string) (Pattern, error) {
	if len(words) == 0 {
		return Pattern{}, &PatternError{Msg: "no event is named"}
	}
	var p Pattern
	if err := p.parseName(words[0]); err != nil {
		return Pattern{}, err
	}
	for i, w := range words[1:] {
		if err := p.parseTerm(i+1, w); err != nil {
			return Pattern{}, err
		}
	}
	return p, nil
}

func (p *Pattern) parseName(word string) error {
	glob, err := ParseGlob(word)
	if err != nil {
		return atWord(0, 0, err)
	}
	p.name = glob
	family, _, _ := strings.Cut(word, ".")
	for _, s := range table() {
		if meansEvent(glob, family, s, len(p.names) > 0) {
			p.names = append(p.names, s.Name)
		}
	}
	if len(p.names) == 0 {
		return atWord(0, 0, p.noEvent(word))
	}
	return nil
}

// noEvent explains a name that means no event; a wildcard that would only mean families named outright gets its own hint.
func (p *Pattern) noEvent(word string) error {
	for _, s := range table() {
		if family, _, _ := strings.Cut(s.Name, "."); isOutright(family) && p.name.Match(s.Name) {
			return &unknownError{What: "event", Name: word, Note: "the events " + family + ".* are named outright, not by a wildcard"}
		}
	}
	return nameError(word)
}

// meansEvent says whether a name means an event of the table. The open family comes last in it: a name with a wildcard
// for the family means it too, if it means another event, so that a mistyped name is still found out.
func meansEvent(glob Glob, family string, s Spec, others bool) bool {
	own, _, _ := strings.Cut(s.Name, ".")
	if s.Open {
		return family == own && (!glob.Plain() || isUserEvent(glob.String())) || family != own && !glob.Plain() && others
	}
	return glob.Match(s.Name) && (own == family || !isOutright(own))
}

func isOutright(family string) bool {
	return slices.Contains(outright[:], family)
}

// nameError explains a name that means no event.
func nameError(name string) error {
	family, _, _ := strings.Cut(name, ".")
	for _, l := range later {
		if l == family {
			return &unknownError{What: "event", Name: name, Note: "the events " + l + ".* are not in this version"}
		}
	}
	if family == "user" {
		return &unknownError{What: "event", Name: name, Note: "write user. and a name of letters a-z, digits and -"}
	}
	var names []string
	for _, s := range table() {
		names = append(names, s.Name)
	}
	return &unknownError{What: "event", Name: name, Near: Nearest(name, names)}
}

func (p *Pattern) parseTerm(i int, word string) error {
	key, glob, found := strings.Cut(word, "=")
	if _, isEvent := Lookup(word); isEvent && !found {
		return &PatternError{i, 0, fmt.Sprintf("%s is a second event", Show(word)), "write a line for each"}
	}
	if !found {
		return &PatternError{i, 0, fmt.Sprintf("%s is no key=glob", Show(word)), "a value with spaces needs quotes"}
	}
	off := len(key) + 1
	key, not := strings.CutSuffix(key, "!")
	if !IsParamName(key) {
		return &PatternError{i, 0, fmt.Sprintf("%s is no parameter name", Show(key)), "letters a-z, digits and -, a letter first"}
	}
	if err := p.knows(key); err != nil {
		return atWord(i, 0, err)
	}
	g, err := ParseGlob(glob)
	if err != nil {
		return atWord(i, off, err)
	}
	p.Terms = append(p.Terms, Term{key, not, g})
	return nil
}

// knows refuses a parameter that none of the pattern's events can carry: such a line would never fire.
func (p *Pattern) knows(key string) error {
	var near []string
	for _, name := range p.names {
		spec := p.spec(name)
		if spec.Has(key) && (!spec.Open || len(p.names) == 1) {
			return nil
		}
		near = append(near, spec.ParamNames()...)
	}
	return &unknownError{What: "parameter", Name: key, Of: p.name.String(), Near: Nearest(key, near)}
}

func (p *Pattern) spec(name string) Spec {
	for _, s := range table() {
		if s.Name == name {
			return s
		}
	}
	return Spec{}
}

func atWord(i, off int, err error) error {
	switch e := err.(type) {
	case *globError:
		return &PatternError{i, off + e.off, e.msg, e.hint}
	case *unknownError:
		return &PatternError{i, off, e.message(), e.hint()}
	}
	return &PatternError{i, off, err.Error(), ""}
}

// Specs lists the events of the table that the pattern's name means.
func (p Pattern) Specs() []Spec {
	var specs []Spec
	for _, name := range p.names {
		specs = append(specs, p.spec(name))
	}
	return specs
}

// Names says whether the pattern's name means the event of that name.
func (p Pattern) Names(event string) bool {
	for _, name := range p.names {
		if name == event || name == "user.*" && isUserEvent(event) && p.name.Match(event) {
			return true
		}
	}
	return false
}

// Match says whether the pattern means the event.
func (p Pattern) Match(e Event) bool { return p.Against(e) == "" }

// Against returns the first reason why the pattern does not mean the event, empty when it does.
func (p Pattern) Against(e Event) string {
	if !p.Names(e.Name) {
		return "it is for " + p.name.String()
	}
	for i, t := range p.Terms {
		value, carried := e.Get(t.Key)
		switch {
		case t.Not && carried && t.Glob.Match(value):
			return fmt.Sprintf("%s is %s, which %s forbids", t.Key, Show(value), t)
		case t.Not || p.anyOf(t.Key, value, carried) || p.earlier(i):
		case !carried:
			return fmt.Sprintf("the event carries no %s, which %s asks for", t.Key, p.alternatives(t.Key))
		default:
			return fmt.Sprintf("%s is %s, not %s", t.Key, Show(value), p.alternatives(t.Key))
		}
	}
	return ""
}

// MayMean says whether the pattern may mean an event about the same thing as this one: it judges only the parameters
// that are the same in all of them. Of events that tell of no state it means each for itself.
func (p Pattern) MayMean(e Event) bool {
	if _, isState := e.Phase(); !isState {
		return p.Match(e)
	}
	q := Pattern{name: p.name, names: []string{e.Name}}
	for _, t := range p.Terms {
		if _, carried := e.Get(t.Key); carried && slices.Contains(lasting(e.Family()), t.Key) {
			q.Terms = append(q.Terms, t)
		}
	}
	return q.Against(e) == ""
}

// lasting are parameters that do not change while a topic of the family exists.
func lasting(family string) []string {
	switch family {
	case "default-route":
		return []string{"family"}
	case "service":
		return []string{"service", "instance"}
	case "route":
		return []string{"family", "destination", "table", "type", "interface", "gateway", "protocol", "metric"}
	}
	return []string{"interface", "index", "kind", "type", "family", "address"}
}

func (p Pattern) anyOf(key, value string, carried bool) bool {
	for _, t := range p.Terms {
		if carried && !t.Not && t.Key == key && t.Glob.Match(value) {
			return true
		}
	}
	return false
}

// earlier says whether term i repeats a key that an earlier = term has already judged.
func (p Pattern) earlier(i int) bool {
	for _, t := range p.Terms[:i] {
		if !t.Not && t.Key == p.Terms[i].Key {
			return true
		}
	}
	return false
}

func (p Pattern) alternatives(key string) string {
	var globs []string
	for _, t := range p.Terms {
		if !t.Not && t.Key == key {
			globs = append(globs, t.Glob.String())
		}
	}
	return key + "=" + strings.Join(globs, " or ")
}

// String writes the pattern in its canonical form.
func (p Pattern) String() string {
	words := []string{p.name.String()}
	for _, t := range p.Terms {
		words = append(words, t.String())
	}
	return strings.Join(words, " ")
}
