package hookctl

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/compat"
	"hookd/events"
)

// offers are all words that could stand there, whatever was typed of them so far. An operand never begins with a dash:
// values stand behind their key, and no hook or event has such a name. So nothing has to be offered behind a -- that
// the person has not typed.
func (t *typed) offers() []offer {
	name, _, hasValue := strings.Cut(strings.TrimLeft(t.word, "-"), "=")
	switch {
	case t.open != "":
		return t.flagValues(t.open, "")
	case !t.literal && strings.HasPrefix(t.word, "-") && hasValue:
		return t.flagValues(name, t.word[:strings.Index(t.word, "=")+1])
	case !t.literal && strings.HasPrefix(t.word, "-"):
		return t.flagNames()
	case t.command == nil:
		return t.commandNames()
	}
	return t.arguments()
}

func (t *typed) commandNames() []offer {
	var out []offer
	for _, c := range t.commands() {
		out = append(out, offer{c.Name, c.Usage})
	}
	return out
}

// flagNames leaves out those that were given and take one value only, and those that are in no help.
func (t *typed) flagNames() []offer {
	var out []offer
	for _, f := range t.flags() {
		_, repeatable := f.(*cli.StringSliceFlag)
		given := slices.ContainsFunc(f.Names(), func(n string) bool { return len(t.given[n]) > 0 })
		if (repeatable || !given) && visible(f) {
			out = append(out, offer{"--" + f.Names()[0], strings.ReplaceAll(usage(f), "`", "")})
		}
	}
	return append(out, offer{"--help", "show help"})
}

func visible(f cli.Flag) bool {
	v, ok := f.(cli.VisibleFlag)
	return !ok || v.IsVisible()
}

func usage(f cli.Flag) string {
	if doc, ok := f.(cli.DocGenerationFlag); ok {
		return doc.GetUsage()
	}
	return ""
}

// flagValues knows a few flags by name. Of others the word that their usage has for the value decides.
func (t *typed) flagValues(name, before string) []offer {
	f := t.flag(name)
	switch {
	case f == nil || !takesValue(f):
		return nil
	case name == "hook":
		return put(before, t.hookNames())
	case name == "event":
		return put(before, t.eventNames(true))
	case name == "result":
		return put(before, plainOffers("done", "failed", "timeout", "canceled", "skipped", "limited", "interrupted"))
	case strings.Contains(usage(f), "`DIR`"):
		return plainOffers(anyDir)
	case strings.Contains(usage(f), "`PATH`") || strings.Contains(usage(f), "`FILE`"):
		return plainOffers(anyFile)
	}
	return nil
}

// arguments reads from the table of commands what a command takes.
func (t *typed) arguments() []offer {
	takes, first := t.command.ArgsUsage, len(t.args) == 0
	switch {
	case strings.Contains(takes, "EVENT") && first:
		return t.eventNames(t.takesGlobs())
	case strings.Contains(takes, "EVENT"):
		return t.parameters()
	case strings.Contains(takes, "PATH"):
		return plainOffers(anyFile)
	case strings.Contains(takes, "SYSTEM"):
		return slices.DeleteFunc(plainOffers(compat.Names()...), func(o offer) bool { return slices.Contains(t.args, o.word) })
	case strings.Contains(takes, "SERVICE") && first:
		return t.serviceNames()
	case !first:
		return nil
	case strings.Contains(takes, "COMMAND"):
		return t.commandNames()
	case strings.Contains(takes, "|"):
		return plainOffers(strings.Split(takes, "|")...)
	case t.command.Name == "show":
		return t.hookNames()
	case t.command.Name == "events":
		return t.eventNames(true)
	}
	return nil
}

func (t *typed) takesGlobs() bool { return strings.Contains(t.command.ArgsUsage, "key=glob") }

func (t *typed) hookNames() []offer {
	var out []offer
	for _, h := range t.live.hooks(t.given["hooks"]) {
		out = append(out, offer{h.Name, h.Description})
	}
	return out
}

func (t *typed) serviceNames() []offer {
	var out []offer
	for _, h := range t.live.hooks(nil) {
		if h.Service {
			out = append(out, offer{h.Name, h.Description})
		}
	}
	return out
}

// eventNames lists the table, and those of the open events that hooks wait for by name. The name of all open events is
// a pattern and not one of them.
func (t *typed) eventNames(patterns bool) []offer {
	var out []offer
	for _, s := range events.Table() {
		if patterns || !s.Open {
			out = append(out, offer{s.Name, s.Doc})
		}
	}
	for _, h := range t.live.hooks(t.given["hooks"]) {
		for _, on := range h.On {
			name, _, _ := strings.Cut(on.String(), " ")
			if s, known := events.Lookup(name); known && s.Open {
				out = append(out, offer{name, "starts " + h.Name})
			}
		}
	}
	return out
}

// parameters lists what the event can carry and the line does not have yet, or the values of the one that is typed.
func (t *typed) parameters() []offer {
	key, _, hasValue := strings.Cut(t.word, "=")
	if hasValue {
		return t.values(key)
	}
	ends := []string{"="}
	if t.takesGlobs() {
		ends = append(ends, "!=")
	}
	var out []offer
	for _, end := range ends {
		for _, s := range t.meant() {
			for _, p := range s.Params {
				if !t.has(p.Name + end) {
					out = append(out, offer{p.Name + end, p.Doc})
				}
			}
		}
	}
	return out
}

// meant are the events that the first argument means, none when it is wrong.
func (t *typed) meant() []events.Spec {
	if t.takesGlobs() {
		p, _ := events.ParsePattern(t.args[:1])
		return p.Specs()
	}
	if s, known := events.Lookup(t.args[0]); known {
		return []events.Spec{s}
	}
	return nil
}

// has says whether an argument begins with key= or key!=.
func (t *typed) has(term string) bool {
	return slices.ContainsFunc(t.args[1:], func(arg string) bool { return strings.HasPrefix(arg, term) })
}

// values lists what can stand behind key= or key!=: the few values that the table knows, or names on this host.
func (t *typed) values(key string) []offer {
	name := key
	if t.takesGlobs() {
		name = strings.TrimSuffix(key, "!")
	}
	carriers := slices.DeleteFunc(t.meant(), func(s events.Spec) bool { return !s.Has(name) })
	if len(carriers) == 0 {
		return nil
	}
	out := t.names(name)
	for _, s := range carriers {
		for _, p := range s.Params {
			if p.Name == name {
				out = append(out, plainOffers(p.Values...)...)
			}
		}
	}
	if t.takesGlobs() {
		asGlobs(out)
	}
	return put(key+"=", out)
}

// names lists what parameters of that name are the names of.
func (t *typed) names(param string) []offer {
	switch param {
	case "interface", "old-interface", "master":
		return plainOffers(t.live.interfaces()...)
	case "hook", "service":
		return t.hookNames()
	case "event":
		return t.eventNames(false)
	}
	return nil
}

// asGlobs makes words mean themselves in a pattern: the kernel takes every one of these bytes in an interface's name.
func asGlobs(offers []offer) {
	literal := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "{", `\{`)
	for i := range offers {
		offers[i].word = literal.Replace(offers[i].word)
	}
}

func plainOffers(words ...string) []offer {
	var out []offer
	for _, w := range words {
		out = append(out, offer{word: w})
	}
	return out
}

// put writes something before each word.
func put(before string, offers []offer) []offer {
	for i := range offers {
		offers[i].word = before + offers[i].word
	}
	return offers
}
