package hookspec

import (
	"maps"
	"slices"
	"strings"

	"hookd/events"
	"hookd/internal/unitfile"
)

// The methods here read values of keys whose running is not in this version.

// notYet checks a value with read and then refuses the key.
func notYet[T any](p *parser, name string, v unitfile.Value, read func(*parser, unitfile.Value) (T, bool)) {
	if _, ok := read(p, v); ok {
		p.fault(p.current(), "", "%s= is not in this version", name)
	}
}

// states are what While= can name, with the keys of its terms; design of the values: hookd.hook(5).
func states() map[string][]string {
	return map[string][]string{
		"link-up": {"interface", "kind"}, "address": {"interface", "family", "scope", "address"},
		"default-route": {"family", "interface"}, "interface": {"interface", "state"}, "online": nil,
		"service": {"service", "instance"}, "unit": {"unit"},
	}
}

func (p *parser) state(v unitfile.Value) (string, bool) {
	words, ok := p.split(v, unitfile.SplitRaw)
	if !ok {
		return "", false
	}
	keys, known := states()[words[0].Text]
	if !known {
		names := slices.Sorted(maps.Keys(states()))
		p.at(v, 0, events.DidYouMean(events.Nearest(words[0].Text, names)), "%s is no state", events.Show(words[0].Text))
		return "", false
	}
	for _, w := range words[1:] {
		ok = p.term(v, w, words[0].Text, keys) && ok
	}
	return words[0].Text, ok
}

// term checks one key=glob or key!=glob of a state.
func (p *parser) term(v unitfile.Value, w unitfile.Word, state string, keys []string) bool {
	key, glob, found := strings.Cut(w.Text, "=")
	key = strings.TrimSuffix(key, "!")
	if !found || !slices.Contains(keys, key) {
		p.at(v, w.Off, events.DidYouMean(events.Nearest(key, keys)), "%s is no key=glob of %s", events.Show(w.Text), state)
		return false
	}
	if _, err := events.ParseGlob(glob); err != nil {
		off, msg, hint := events.GlobFault(err)
		p.at(v, w.At(len(w.Text)-len(glob)+off), hint, "%s", msg)
		return false
	}
	return true
}

// condition reads what follows a ! or stands alone; valid says what is wrong with it, empty for nothing.
func condition(valid func(string) string) func(*parser, unitfile.Value) (string, bool) {
	return func(p *parser, v unitfile.Value) (string, bool) {
		word := strings.TrimLeft(strings.TrimPrefix(v.Text, "!"), " ")
		why := "a condition without a value"
		if word != "" {
			why = valid(word)
		}
		if why != "" {
			p.at(v, len(v.Text)-len(word), "", "%s", why)
		}
		return word, why == ""
	}
}

func anyWord(string) string { return "" }

func absolute(word string) string {
	if strings.HasPrefix(word, "/") {
		return ""
	}
	return events.Show(word) + " is no absolute path"
}

func parameterName(word string) string {
	if events.IsParamName(word) {
		return ""
	}
	return events.Show(word) + " is no parameter name"
}
