package hookctl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/compat"
	"hookd/compat/legacy"
	"hookd/events"
	"hookd/hookspec"
)

// beside starts the old script and the hook for one event, on paper.
func beside(p legacy.Proposal, h *hookspec.Hook) (old, new started) {
	s, _ := compat.Find(p.System)
	e := sample(s, p.Sample())
	old.Args = events.AllBytes(append([]string{p.Entries[0].Path}, s.Arguments(e.Params)...))
	old.Environment = events.AllBytes(s.Environ(e.Params))
	for _, j := range hookspec.NewSet([]*hookspec.Hook{h}).Plan(e).Jobs {
		args := j.Args
		if p.Shell {
			args = args[1:] // the shell's $0 is the script
		}
		new.Args, new.Environment = events.AllBytes(args), events.AllBytes(j.Environ(e, "RUN"))
	}
	return old, new
}

// sample is an event with all its parameters, each with its name for a value.
func sample(s compat.System, name string) events.Event {
	spec, _ := events.Lookup(name)
	_, last, _ := strings.Cut(name, ".")
	var params []events.Param
	for _, p := range spec.Params {
		value := p.Name
		switch {
		case p.Name == "interface":
			value = "eth0"
		case p.Name == "nested":
			value = "br0=pre-up"
		case p.Name == s.Word:
			value = last
		case len(p.Values) > 0:
			value = p.Values[0]
		}
		params = append(params, events.Param{Key: p.Name, Value: value})
	}
	for _, prefix := range spec.Prefixes {
		params = append(params, events.Param{Key: prefix + "example", Value: prefix + "example"})
	}
	e, _ := events.New(name, params)
	e.Source = events.SourceShim
	return e
}

// toldImports prints what was made and what was not. Who asked for a script that cannot be imported has failed.
func (a *app) toldImports(c *cli.Context, done []imported, refusals []legacy.Refusal) error {
	refused := []refusedScript{}
	for _, r := range refusals {
		r.Path = below(c, r.Path)
		refused = append(refused, refusedScript{events.Bytes(r.Path), r.Line, r.Why})
		if !c.Bool("json") {
			fmt.Fprintln(a.err, "hookctl: not imported: "+plain(r.String()))
		}
	}
	if c.Bool("json") {
		if err := a.json(map[string]any{"hooks": done, "refused": refused}); err != nil {
			return err
		}
	} else {
		for _, i := range done {
			a.showImport(c, i)
		}
	}
	if len(refused) > 0 {
		return errFailed
	}
	return nil
}

func (a *app) showImport(c *cli.Context, i imported) {
	fmt.Fprintf(a.out, "%s:\n", events.Show(string(i.Path)))
	fmt.Fprint(a.out, indent(string(i.Text), "  "))
	rows := [][]string{{"", "  OLD", "NEW"}}
	for n, arg := range i.Old.Args {
		rows = append(rows, sideBySide(fmt.Sprintf("$%d", n), events.Show(string(arg)), shownAt(i.New.Args, n)))
	}
	var only []string
	for _, v := range i.Old.Environment {
		name, value, _ := strings.Cut(string(v), "=")
		rows = append(rows, sideBySide(name, events.Show(value), valueOf(i.New.Environment, name)))
	}
	for _, v := range i.New.Environment {
		name, _, _ := strings.Cut(string(v), "=")
		if valueOf(i.Old.Environment, name) == "-" {
			only = append(only, name)
		}
	}
	a.table(rows)
	fmt.Fprintf(a.out, "  new: %s\n", strings.Join(only, " "))
	for _, d := range i.Differs {
		fmt.Fprintf(a.out, "  not the same: %s\n", d)
	}
	a.afterwards(c, i)
}

// afterwards says what becomes of the old script, and how to go back.
func (a *app) afterwards(c *cli.Context, i imported) {
	if first := i.proposal.Entries[0]; !first.Adopted {
		fmt.Fprintln(a.out, "  not yet: "+notAdopted(first))
	}
	switch {
	case c.Bool("dry-run"):
		fmt.Fprintln(a.out, "  nothing was written")
	case len(i.Replaced) == 0:
		fmt.Fprintln(a.out, "  the old script goes on running, too (--replace puts it aside)")
	}
	for n, r := range i.Replaced {
		fmt.Fprintf(a.out, "  undo: mv %s %s\n", events.Show(below(c, string(r))), events.Show(below(c, string(i.Scripts[n]))))
	}
	if len(i.Replaced) > 0 {
		fmt.Fprintf(a.out, "  undo: rm %s %s\n", events.Show(below(c, string(i.Path))), events.Show(below(c, string(i.Copy))))
	}
}

func sideBySide(name, old, new string) []string {
	if old == new {
		new = "the same"
	}
	return []string{"  " + name, "  " + old, new}
}

func shownAt(list []events.Bytes, n int) string {
	if n < len(list) {
		return events.Show(string(list[n]))
	}
	return "-"
}

func valueOf(environ []events.Bytes, name string) string {
	n := slices.IndexFunc(environ, func(v events.Bytes) bool { return strings.HasPrefix(string(v), name+"=") })
	if n < 0 {
		return "-"
	}
	return events.Show(string(environ[n])[len(name)+1:])
}
