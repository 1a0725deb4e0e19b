package hookspec

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"hookd/events"
	"hookd/internal/unitfile"
)

// JobCondition is a condition of a job, its parameters filled in.
type JobCondition struct {
	Key   string // ConditionReachable
	Not   bool
	Value string
	Place Place
}

func (c JobCondition) String() string {
	if c.Not {
		return c.Key + "=!" + c.Value
	}
	return c.Key + "=" + c.Value
}

func (c Condition) String() string {
	text := c.Value.String()
	if c.Key == conditionOnParameter {
		text = c.Value[0].text // a glob, in which a percent sign is one
	}
	if c.Not {
		text = "!" + text
	}
	return text
}

const conditionOnParameter = "ConditionParameter"

// Judge judges conditions when a job's turn has come: all must hold, and the first one that does not decides. What nobody
// can tell does not hold, negated or not. Without facts (nil) only ConditionParameter= can be told. It returns when ctx ends
// at the latest.
func Judge(ctx context.Context, conditions []JobCondition, params []events.Param, facts Facts) Fact {
	for _, c := range conditions {
		f := c.judge(ctx, params, facts)
		if !f.True {
			f.Why = fmt.Sprintf("%s=%s: %s", c.Key, events.Show(strings.TrimPrefix(c.String(), c.Key+"=")), f.Why)
			return f
		}
	}
	return Fact{True: true, Why: "its conditions hold"}
}

// judge is what is known of one condition, what it negates turned round.
func (c JobCondition) judge(ctx context.Context, params []events.Param, facts Facts) Fact {
	f := c.ask(ctx, params, facts)
	if f.Unknown || f.Again {
		f.True = false
		return f
	}
	f.True = f.True != c.Not
	return f
}

func (c JobCondition) ask(ctx context.Context, params []events.Param, facts Facts) Fact {
	switch {
	case c.Key == conditionOnParameter:
		return c.askParameter(params)
	case facts == nil:
		return Fact{Unknown: true, Why: "nobody here can tell"}
	case c.Value == "":
		return Fact{Why: "there is nothing to ask about"}
	case c.Key == "ConditionReachable":
		return facts.Reachable(ctx, c.Value)
	case c.Key == "ConditionPathExists":
		return facts.PathExists(ctx, c.Value)
	case c.Key == "ConditionUnitActive":
		return facts.UnitActive(ctx, c.Value)
	}
	return facts.InterfaceUp(ctx, c.Value)
}

func (c JobCondition) askParameter(params []events.Param) Fact {
	name, text, hasGlob := strings.Cut(c.Value, "=")
	value, given := events.Event{Params: params}.Get(name)
	glob, _ := events.ParseGlob(text)
	switch {
	case !given:
		return Fact{Why: "there is no parameter " + name}
	case hasGlob && !glob.Match(value):
		return Fact{Why: fmt.Sprintf("%s is %s", name, events.Show(value))}
	}
	return Fact{True: true, Why: fmt.Sprintf("%s is %s", name, events.Show(value))}
}

// conditions are the keys of conditions, in the order of the manual.
func conditions() []key {
	out := []key{}
	for _, c := range []struct {
		name string
		read func(*parser, unitfile.Value, string) (Template, bool)
	}{
		{"ConditionReachable", (*parser).conditionHost}, {"ConditionPathExists", (*parser).conditionPath},
		{"ConditionUnitActive", (*parser).conditionUnit}, {"ConditionInterfaceUp", (*parser).conditionWord},
		{conditionOnParameter, (*parser).conditionParameter},
	} {
		out = append(out, condition(c.name, c.read))
	}
	return out
}

// condition is a key of which each line is one more condition; all of them share one list, in the order of the files.
func condition(name string, read func(*parser, unitfile.Value, string) (Template, bool)) key {
	return key{
		name: name, list: true,
		read: func(p *parser, v unitfile.Value) {
			word := strings.TrimLeft(strings.TrimPrefix(v.Text, "!"), " \t")
			if word == "" {
				p.at(v, len(v.Text), "", "a condition without a value")
				return
			}
			if t, ok := read(p, v, word); ok {
				p.hook.Conditions = append(p.hook.Conditions, Condition{name, v.Text[0] == '!', t, p.place(v.At(0))})
			}
		},
		reset: func(h *Hook) { h.Conditions = without(h.Conditions, name) },
		show: func(h *Hook) []string {
			var lines []string
			for _, c := range h.Conditions {
				if c.Key == name {
					lines = append(lines, c.String())
				}
			}
			return lines
		},
	}
}

func without(conditions []Condition, key string) []Condition {
	var out []Condition
	for _, c := range conditions {
		if c.Key != key {
			out = append(out, c)
		}
	}
	return out
}

// conditionWord is a word without blanks, in which parameters may stand.
func (p *parser) conditionWord(v unitfile.Value, word string) (Template, bool) {
	off := len(v.Text) - len(word)
	if i := strings.IndexAny(word, " \t"); i >= 0 {
		p.at(v, off+i, "write a line for each; all of them must hold", "more than one word")
		return nil, false
	}
	t, wrong, err := parseTemplate(word)
	if err != nil {
		p.at(v, off+wrong, "", "%s", err)
	}
	return t, err == nil
}

// conditionHost is a host, without a port.
func (p *parser) conditionHost(v unitfile.Value, word string) (Template, bool) {
	host, port, found := strings.Cut(word, ":")
	if _, err := strconv.ParseUint(port, 10, 16); found && err == nil && host != "" {
		p.at(v, len(v.Text)-len(port)-1, "the kernel is asked for a route, and nothing is sent: leave the port out", "%s is no host", events.Show(word))
		return nil, false
	}
	return p.conditionWord(v, word)
}

// conditionPath is a path that stands for itself: values never become part of one.
func (p *parser) conditionPath(v unitfile.Value, word string) (Template, bool) {
	off := len(v.Text) - len(word)
	switch t, wrong, err := parseTemplate(word); {
	case err != nil:
		p.at(v, off+wrong, "", "%s", err)
	case !strings.HasPrefix(word, "/"):
		p.at(v, off, "", "%s is no absolute path", events.Show(word))
	case len(t.Params()) > 0:
		p.at(v, off+strings.Index(word, "%{"), "", "a parameter in a path")
	default:
		return t, true
	}
	return nil, false
}

func (p *parser) conditionUnit(v unitfile.Value, word string) (Template, bool) {
	return p.unitTemplate(v, word)
}

// conditionParameter is NAME or NAME=GLOB.
func (p *parser) conditionParameter(v unitfile.Value, word string) (Template, bool) {
	off := len(v.Text) - len(word)
	name, text, _ := strings.Cut(word, "=")
	if !events.IsParamName(name) {
		p.at(v, off, "", "%s is no parameter name", events.Show(name))
		return nil, false
	}
	if _, err := events.ParseGlob(text); err != nil {
		wrong, msg, hint := events.GlobFault(err)
		p.at(v, off+len(name)+1+wrong, hint, "%s", msg)
		return nil, false
	}
	return Template{{text: word}}, true
}
