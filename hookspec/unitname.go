package hookspec

import (
	"fmt"
	"slices"
	"strings"

	"hookd/events"
	"hookd/internal/unitfile"
)

// maxUnit is the longest name of a unit, in bytes.
const maxUnit = 255

const unitHint = "a unit's name is made of letters, digits and :-_.\\@ and ends in .service, .socket, .target or the like"

// unitTemplate reads the name of a unit in which parameters may stand.
func (p *parser) unitTemplate(v unitfile.Value, word string) (Template, bool) {
	off := len(v.Text) - len(word)
	t, wrong, err := parseTemplate(word)
	if err != nil {
		p.at(v, off+wrong, "", "%s", err)
		return nil, false
	}
	// With a letter for each parameter it must be a name, and none may stand in the suffix.
	var b strings.Builder
	for _, piece := range t {
		if b.WriteString(piece.text); piece.param != "" {
			b.WriteString("x")
		}
	}
	why, wrong := badUnit(b.String())
	if last := t[len(t)-1]; why == "" && unitSuffix(last.text) == "" {
		why, wrong = "a parameter in the suffix of the unit's name", len(word)-len(last.text)
	} else if why != "" && len(t.Params()) > 0 {
		why, wrong = events.Show(word)+" is no name of a unit", 0
	}
	if why != "" {
		p.at(v, off+wrong, unitHint, "%s", why)
	}
	return t, why == ""
}

func (p *parser) unit(v unitfile.Value) (Template, bool) { return p.unitTemplate(v, v.Text) }

func unitSuffix(name string) string {
	dot := strings.LastIndexByte(name, '.')
	suffixes := []string{".service", ".timer", ".socket", ".target", ".mount", ".path", ".scope", ".slice"}
	if dot < 0 || !slices.Contains(suffixes, name[dot:]) {
		return ""
	}
	return name[dot:]
}

// badUnit says why s cannot be the name of a unit that runs, and where; empty when it can.
func badUnit(s string) (string, int) {
	suffix := unitSuffix(s)
	for i := range len(s) {
		if !isUnitByte(s[i]) && s[i] != '@' {
			return fmt.Sprintf("%s cannot stand in the name of a unit", events.Show(s[i:i+1])), i
		}
	}
	switch {
	case suffix == "":
		return events.Show(s) + " has no suffix of a unit", len(s)
	case len(s) == len(suffix) || s[0] == '@':
		return events.Show(s) + " is no name of a unit", 0
	case strings.HasSuffix(strings.TrimSuffix(s, suffix), "@"):
		return events.Show(s) + " is a template, not a unit", 0
	case len(s) > maxUnit:
		return fmt.Sprintf("the name of the unit has %d bytes, and %d are the most", len(s), maxUnit), maxUnit
	}
	return "", 0
}

func isUnitByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(`:-_.\`, c) >= 0
}

// EscapeUnit writes any bytes as a part of the name of a unit, as systemd-escape(1) does.
func EscapeUnit(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/':
			b.WriteByte('-')
		case c == '-' || c == '\\' || c == '.' && i == 0 || !isUnitByte(c):
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unitName expands the name of a unit. Values become escaped, so that they stay a part of the name.
func unitName(t Template, get func(string) (string, bool)) (name, missing, why string) {
	empty := ""
	name, missing = t.Expand(func(param string) (string, bool) {
		value, known := get(param)
		if known && value == "" {
			empty = param
		}
		return EscapeUnit(value), known
	})
	switch {
	case missing != "":
	case empty != "":
		why = "the parameter " + empty + " is empty"
	default:
		why, _ = badUnit(name)
	}
	return name, missing, why
}
