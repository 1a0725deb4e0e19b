package hookspec

import (
	"fmt"
	"strings"

	"hookd/events"
)

// Template is a word in which %{name} stands for a parameter and %% for a percent sign. What a parameter holds never
// becomes more than one word.
type Template []piece

// piece is a literal text or, with param, a parameter.
type piece struct{ text, param string }

// parseTemplate returns the offset of a fault with it.
func parseTemplate(s string) (Template, int, error) {
	var t Template
	for at := 0; at < len(s); {
		i := strings.IndexByte(s[at:], '%')
		if i < 0 {
			return append(t, piece{text: s[at:]}), 0, nil
		}
		if i > 0 {
			t = append(t, piece{text: s[at : at+i]})
		}
		at += i
		p, n, err := parsePercent(s[at:])
		if err != nil {
			return nil, at, err
		}
		t, at = append(t, p), at+n
	}
	return t, 0, nil
}

func parsePercent(s string) (piece, int, error) {
	if strings.HasPrefix(s, "%%") {
		return piece{text: "%"}, 2, nil
	}
	name, _, closed := strings.Cut(strings.TrimPrefix(s, "%{"), "}")
	if !strings.HasPrefix(s, "%{") || !closed {
		return piece{}, 0, fmt.Errorf("a %% that is no %%{parameter}; write %%%% for a percent sign")
	}
	if !events.IsParamName(name) {
		return piece{}, 0, fmt.Errorf("%s is no parameter name", events.Show(name))
	}
	return piece{param: name}, len(name) + 3, nil
}

// Params lists the parameters that the template names.
func (t Template) Params() []string {
	var names []string
	for _, p := range t {
		if p.param != "" {
			names = append(names, p.param)
		}
	}
	return names
}

// Expand puts the parameters in. With a parameter that get does not know it returns that one's name.
func (t Template) Expand(get func(string) (string, bool)) (text, missing string) {
	var b strings.Builder
	for _, p := range t {
		value, known := p.text, true
		if p.param != "" {
			value, known = get(p.param)
		}
		if !known {
			return "", p.param
		}
		b.WriteString(value)
	}
	return b.String(), ""
}

// String writes the template as parseTemplate reads it.
func (t Template) String() string {
	var b strings.Builder
	for _, p := range t {
		if p.param != "" {
			b.WriteString("%{" + p.param + "}")
		} else {
			b.WriteString(strings.ReplaceAll(p.text, "%", "%%"))
		}
	}
	return b.String()
}
