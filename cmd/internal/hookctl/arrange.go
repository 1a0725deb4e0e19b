package hookctl

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/events"
)

// arrange puts a command line into the order that urfave/cli understands: global flags, the command, its flags, its
// arguments. People write flags anywhere, and the library takes those behind an argument for arguments without a word.
// An unknown flag is an error; behind -- everything is an argument.
func arrange(args []string, app *cli.App) ([]string, error) {
	s := sorter{globals: flagsOf(app.Flags), app: app}
	for len(args) > 0 {
		rest, err := s.take(args)
		if err != nil {
			return nil, err
		}
		args = rest
	}
	if err := s.checkHelp(); err != nil {
		return nil, err
	}
	if err := s.checkGlobals(); err != nil {
		return nil, err
	}
	out := s.global
	if s.command != "" {
		out = append(append(out, s.command), s.own...)
		if len(s.args) > 0 {
			out = append(append(out, "--"), s.args...)
		}
	}
	return out, nil
}

type sorter struct {
	app               *cli.App
	globals, flags    map[string]cli.Flag
	command           string
	global, own, args []string
	named             []string // the global flags that were given
}

// take sorts the first argument in, with its value if it is a flag that has one, and returns the rest.
func (s *sorter) take(args []string) ([]string, error) {
	first := args[0]
	switch {
	case first == "--":
		return nil, s.operands(args[1:])
	case len(first) < 2 || first[0] != '-':
		return args[1:], s.operands(args[:1])
	}
	name, value, hasValue := strings.Cut(strings.TrimLeft(first, "-"), "=")
	if name == "h" || name == "help" {
		s.own = append(s.own, "--help")
		if s.command == "" {
			s.global = append(s.global, "--help")
		}
		return args[1:], nil
	}
	flag, global := s.globals[name]
	if !global {
		flag = s.flags[name]
	}
	n := 1
	switch {
	case flag == nil:
		return nil, s.unknown(first, name)
	case takesValue(flag) && (hasValue && value == "" || !hasValue && (len(args) == 1 || args[1] == "")):
		return nil, usagef("%s needs a value", first)
	case takesValue(flag) && !hasValue:
		n = 2
	}
	if global {
		s.global, s.named = append(s.global, args[:n]...), append(s.named, name)
	} else {
		s.own = append(s.own, args[:n]...)
	}
	return args[n:], nil
}

// operands takes the command first and arguments after it.
func (s *sorter) operands(words []string) error {
	for _, w := range words {
		if s.command != "" {
			s.args = append(s.args, w)
			continue
		}
		if w == "h" {
			w = "help"
		}
		command := s.app.Command(w)
		if command == nil && w != "help" {
			return usagef("unknown command %s%s", events.Show(w), s.suggest(w))
		}
		s.command = w
		if command != nil {
			s.flags = flagsOf(command.Flags)
		}
	}
	return nil
}

// checkHelp guards the command help, which urfave/cli adds by itself.
func (s *sorter) checkHelp() error {
	switch {
	case s.command != "help" || len(s.args) == 0:
		return nil
	case len(s.args) > 1:
		return usagef("help takes no argument %s", events.Show(s.args[1]))
	case s.args[0] == "help" || s.args[0] == "h":
		s.args = nil
		return nil
	case s.app.Command(s.args[0]) == nil:
		return usagef("unknown command %s%s", events.Show(s.args[0]), s.suggest(s.args[0]))
	}
	return nil
}

// checkGlobals refuses a global flag that would have no effect: who names a socket and gets a list of other files has
// been misled.
func (s *sorter) checkGlobals() error {
	var allowed string
	switch s.command {
	case "":
		return nil
	case "list", "show", "check", "test":
		allowed = "hooks policy json no-color"
	case "emit", "watch", "history", "status", "start", "stop", "restart", "reload", "flush":
		allowed = "socket json no-color"
	case "events", "new", "import":
		allowed = "json no-color"
	case "adopt":
		allowed = "socket json no-color"
	case "help":
		allowed = "no-color"
	}
	for _, name := range s.named {
		if !slices.Contains(strings.Fields(allowed), name) {
			return usagef("--%s has no meaning for %s", name, s.command)
		}
	}
	return nil
}

func (s *sorter) suggest(word string) string {
	var names []string
	for _, c := range s.app.Commands {
		names = append(names, c.Name)
	}
	if near := events.Nearest(word, names); near != "" {
		return " (" + events.DidYouMean(near) + ")"
	}
	return ""
}

func (s *sorter) unknown(flag, name string) error {
	var names []string
	for _, m := range []map[string]cli.Flag{s.globals, s.flags} {
		for n := range m {
			names = append(names, n)
		}
	}
	hint := "an argument that begins with - goes behind --"
	if near := events.Nearest(name, names); near != "" {
		hint = events.DidYouMean("--" + near)
	}
	if s.command == "" {
		return usagef("unknown flag %s (%s)", events.Show(flag), hint)
	}
	return usagef("%s has no flag %s (%s)", s.command, events.Show(flag), hint)
}

func flagsOf(flags []cli.Flag) map[string]cli.Flag {
	m := map[string]cli.Flag{}
	for _, f := range flags {
		for _, name := range f.Names() {
			m[name] = f
		}
	}
	return m
}

func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}
