package hookspec

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"hookd/events"
	"hookd/internal/unitfile"
)

// The methods here read one kind of value each. They report their faults themselves and return false with one.

func (p *parser) text(v unitfile.Value) (string, bool) { return v.Text, true }

// split splits a value and reports what cannot be split.
func (p *parser) split(v unitfile.Value, split func(string) ([]unitfile.Word, error)) ([]unitfile.Word, bool) {
	words, err := split(v.Text)
	if err != nil {
		p.at(v, err.(*unitfile.WordError).Off, "", "%s", err)
		return nil, false
	}
	return words, true
}

func (p *parser) words(v unitfile.Value) ([]string, bool) {
	words, ok := p.split(v, unitfile.Split)
	var out []string
	for _, w := range words {
		out = append(out, w.Text)
	}
	return out, ok
}

func enum(values ...string) func(*parser, unitfile.Value) (string, bool) {
	return func(p *parser, v unitfile.Value) (string, bool) {
		if slices.Contains(values, v.Text) {
			return v.Text, true
		}
		what := "none of"
		if len(values) == 1 {
			what = "not"
		}
		hint := events.DidYouMean(events.Nearest(v.Text, values))
		if said := otherType(v.Text, values); said != "" {
			hint = said
		}
		p.at(v, 0, hint, "%s is %s %s", events.Show(v.Text), what, strings.Join(values, ", "))
		return "", false
	}
}

// otherType says what to write for a word that is a Type= of systemd, and not one of values.
func otherType(word string, values []string) string {
	isType := slices.Contains(strings.Fields("simple exec notify notify-reload forking dbus idle"), word)
	switch {
	case isType && slices.Contains(values, "service"):
		return "a program that goes on running has Type=service here; exec or notify may stand in [Service]"
	case !isType || !slices.Contains(values, "exec") || !slices.Contains(values, "notify"):
		return ""
	case word == "forking":
		return "the program must stay in the foreground; leave out the option that makes it a daemon, and Type="
	}
	return "leave Type= out for a program that does not speak sd_notify(3)"
}

// boolean reads the words that systemd.syntax(7) takes.
func (p *parser) boolean(v unitfile.Value) (bool, bool) {
	switch strings.ToLower(v.Text) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	p.at(v, 0, "", "%s is neither yes nor no", events.Show(v.Text))
	return false, false
}

func (p *parser) input(v unitfile.Value) (bool, bool) {
	word, ok := enum("none", "json")(p, v)
	return word == "json", ok
}

func (p *parser) failure(v unitfile.Value) (bool, bool) {
	word, ok := enum("continue", "abort")(p, v)
	return word == "abort", ok
}

func (p *parser) hookType(v unitfile.Value) (bool, bool) {
	word, ok := enum("oneshot", "service")(p, v)
	p.untyped = !ok
	return word == "service", ok
}

func (p *parser) duration(v unitfile.Value) (time.Duration, bool) {
	d, err := parseDuration(v.Text)
	if err != nil {
		p.at(v, 0, "write 90s, 5min or 1h 30min", "%s", err)
	}
	return d, err == nil
}

func (p *parser) timeout(v unitfile.Value) (time.Duration, bool) {
	if v.Text == "infinity" {
		return 0, true
	}
	d, ok := p.duration(v)
	if ok && d == 0 {
		p.at(v, 0, "write infinity for no limit", "a time limit of nothing would end the hook at once")
		return 0, false
	}
	return d, ok
}

func (p *parser) count(v unitfile.Value) (int, bool) {
	n, err := strconv.ParseUint(v.Text, 10, 16)
	if err != nil {
		p.at(v, 0, "", "%s is no number from 0 to 65535", events.Show(v.Text))
	}
	return int(n), err == nil
}

func (p *parser) rate(v unitfile.Value) (Rate, bool) {
	if v.Text == "infinity" {
		return Rate{}, true
	}
	count, span, found := strings.Cut(v.Text, "/")
	n, err := strconv.ParseUint(count, 10, 16)
	d, spanErr := parseDuration(strings.TrimSpace(span))
	if !found || err != nil || n == 0 || spanErr != nil || d == 0 {
		p.at(v, 0, "write 10/60s for ten in a minute, or infinity for no limit", "%s is no rate", events.Show(v.Text))
		return Rate{}, false
	}
	return Rate{int(n), d}, true
}

func (p *parser) onStart(v unitfile.Value) (bool, bool) {
	word, ok := enum("replay", "skip")(p, v)
	return word == "skip", ok
}

func (p *parser) trigger(v unitfile.Value) ([]Trigger, bool) {
	words, ok := p.split(v, unitfile.SplitRaw)
	if !ok {
		return nil, false
	}
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
	}
	pattern, err := events.ParsePattern(texts)
	if err != nil {
		e := err.(*events.PatternError)
		p.at(v, words[e.Word].At(e.Off), e.Hint, "%s", e.Msg)
		return nil, false
	}
	return []Trigger{{pattern, p.place(v.At(0))}}, true
}

// refs reads names and globs of hooks.
func (p *parser) refs(v unitfile.Value) ([]Ref, bool) {
	words, ok := p.split(v, unitfile.SplitRaw)
	var refs []Ref
	for _, w := range words {
		glob, err := events.ParseGlob(w.Text)
		if err != nil {
			off, msg, hint := events.GlobFault(err)
			p.at(v, w.At(off), hint, "%s", msg)
			return nil, false
		}
		if name := strings.TrimPrefix(w.Text, "legacy:"); glob.Plain() && !IsName(name) {
			p.at(v, w.Off, "names go without .hook, more than one with spaces between", "%s cannot be a hook's name", events.Show(w.Text))
			return nil, false
		}
		refs = append(refs, Ref{glob, p.place(v.At(w.Off))})
	}
	return refs, ok
}

// names reads names of hooks only.
func (p *parser) names(v unitfile.Value) ([]Ref, bool) {
	refs, ok := p.refs(v)
	for _, r := range refs {
		switch {
		case !r.Plain():
			p.fault(r.Place, "After= takes globs", "%s is a glob; Requires= takes names", r)
			return nil, false
		case !IsName(r.Text()):
			p.fault(r.Place, "After= may name it", "%s has no result that Requires= could ask for", r)
			return nil, false
		}
	}
	return refs, ok
}

func (p *parser) parameter(v unitfile.Value) ([]Parameter, bool) {
	name, value, has := strings.Cut(v.Text, "=")
	if !events.IsParamName(name) {
		p.at(v, 0, "letters a-z, digits and -, a letter first", "%s is no parameter name", events.Show(name))
		return nil, false
	}
	return []Parameter{{name, value, has, p.place(v.At(0))}}, true
}

func (p *parser) template(v unitfile.Value) (Template, bool) {
	t, off, err := parseTemplate(v.Text)
	if err != nil {
		p.at(v, off, "", "%s", err)
	}
	return t, err == nil
}

func (p *parser) exec(v unitfile.Value) ([]Arg, bool) {
	words, ok := p.split(v, unitfile.Split)
	if !ok || !p.program(v, words[0]) {
		return nil, false
	}
	var args []Arg
	for _, w := range words {
		if w.Text == ";" && v.Text[w.Off] == ';' {
			p.at(v, w.Off, `one hook runs one program; write ";" for the character`, "a ; between commands")
			return nil, false
		}
		t, off, err := parseTemplate(w.Text)
		if err != nil {
			p.at(v, w.At(off), "", "%s", err)
			return nil, false
		}
		args = append(args, Arg{t, p.place(v.At(w.Off))})
	}
	return args, true
}

// program checks the first word of Exec=: an absolute path, the same for every event.
func (p *parser) program(v unitfile.Value, w unitfile.Word) bool {
	switch {
	case w.Text != "" && strings.IndexByte("@-:+!|", w.Text[0]) >= 0:
		p.at(v, w.Off, "systemd's prefixes have no meaning here; see Failure= and User=", "the path of the program begins with %c", w.Text[0])
	case !strings.HasPrefix(w.Text, "/"):
		p.at(v, w.Off, "there is no search path; for a shell line write Exec=/bin/sh -c '…'", "%s is no absolute path", events.Show(w.Text))
	case strings.HasSuffix(w.Text, "/"):
		p.at(v, w.Off, "", "%s is a directory", events.Show(w.Text))
	case strings.Contains(strings.ReplaceAll(w.Text, "%%", ""), "%{"):
		p.at(v, w.Off, "", "a parameter in the path of the program")
	default:
		return true
	}
	return false
}

func (p *parser) directory(v unitfile.Value) (string, bool) {
	switch {
	case !strings.HasPrefix(v.Text, "/"):
		p.at(v, 0, "", "%s is no absolute path", events.Show(v.Text))
	case strings.Contains(v.Text, "%{"):
		p.at(v, strings.Index(v.Text, "%{"), "", "a parameter in a path")
	default:
		return v.Text, true
	}
	return "", false
}

func (p *parser) environment(v unitfile.Value) ([]Variable, bool) {
	words, ok := p.split(v, unitfile.Split)
	var vars []Variable
	for _, w := range words {
		name, value, found := strings.Cut(w.Text, "=")
		switch {
		case !found || !isVariable(name):
			p.at(v, w.Off, "a value with spaces needs quotes around NAME=value", "%s is no NAME=value", events.Show(w.Text))
			return nil, false
		case strings.HasPrefix(name, "HOOK_") || strings.HasPrefix(name, "EVENT_"):
			p.at(v, w.Off, "hookd sets the variables HOOK_… and EVENT_…", "%s cannot be set here", name)
			return nil, false
		}
		t, off, err := parseTemplate(value)
		if err != nil {
			p.at(v, w.At(len(name)+1+off), "", "%s", err)
			return nil, false
		}
		vars = append(vars, Variable{name, t, p.place(v.At(w.Off))})
	}
	return vars, ok
}

func isVariable(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
