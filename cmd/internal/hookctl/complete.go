package hookctl

import (
	"embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/hookspec"
)

// completeCommand is what the scripts call, with the words of the line behind hookctl, the one under the cursor last.
// It is in no help and never goes through arrange, for the words are unfinished. It prints one word in each line, with
// a tab and what it means behind, or one of the lines below. It always exits with 0.
const completeCommand = "__complete"

// Lines that leave the word, or what follows --flag= in it, to the shell, which knows files and their quoting best.
const (
	anyFile = ":files"
	anyDir  = ":dirs"
)

//go:embed completion
var scripts embed.FS

// completion prints the script of a shell.
func (a *app) completion(c *cli.Context) error {
	shell := c.Args().First()
	script, err := scripts.ReadFile("completion/hookctl." + shell)
	if err != nil {
		return usagef("completion takes %s, not %s", strings.ReplaceAll(c.Command.ArgsUsage, "|", ", "), events.Show(shell))
	}
	_, err = a.out.Write(script)
	return err
}

// complete prints what can stand at the last of the words. While somebody types there is nobody to read an error.
func (a *app) complete(words []string) {
	fmt.Fprint(a.out, answer(complete(words, a.cli, machine{a.trust})))
}

// answer writes each word in a line. One that would not come through a line, or that a terminal cannot show as it is,
// is left out: bytes that are no UTF-8, control bytes, marks that turn the direction of text. The kernel takes them all
// in names of interfaces.
func answer(offers []offer) string {
	var b strings.Builder
	for _, o := range offers {
		if !printable(o.word) {
			continue
		}
		b.WriteString(o.word)
		if o.doc != "" && printable(o.doc) {
			b.WriteString("\t" + o.doc)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}

// live is what completion asks of the host at this moment. It is asked only for what the word needs.
type live interface {
	hooks(dirs []string) []*hookspec.Hook // in force in these directories; in those of hookd when none is given
	interfaces() []string
}

// machine is the host that hookctl runs on.
type machine struct{ trust hookspec.Trust }

func (m machine) hooks(dirs []string) []*hookspec.Hook {
	opt := hookspec.Options{Trust: m.trust, Accounts: hookspec.Host{}}
	for _, dir := range dirs {
		opt.Hooks = append(opt.Hooks, m.path(dir))
	}
	if len(dirs) == 0 {
		opt.Hooks = hookspec.HookDirs()
	}
	return hookspec.Load(opt, nil).Hooks
}

// path puts the home directory in for ~, which no shell has done in a line that is still being typed.
func (machine) path(typed string) string {
	home, err := os.UserHomeDir()
	if below, found := strings.CutPrefix(typed, "~/"); found && err == nil {
		return filepath.Join(home, below)
	}
	return typed
}

func (machine) interfaces() []string {
	var names []string
	all, _ := net.Interfaces()
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}

// offer is a word that can stand under the cursor, and what it means.
type offer struct{ word, doc string }

// complete says what the last of the words can become. It is pure but for what it asks of live.
func complete(words []string, app *cli.App, live live) []offer {
	if len(words) == 0 {
		return nil
	}
	last := len(words) - 1
	t := typed{app: app, live: live, given: map[string][]string{}, word: words[last]}
	for _, w := range words[:last] {
		if !t.take(w) {
			return nil
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(t.offers(), func(o offer) bool {
		twice := seen[o.word]
		seen[o.word] = true
		return twice || !strings.HasPrefix(o.word, t.word) && o.word != anyFile && o.word != anyDir
	})
}

// typed is a line up to the word under the cursor.
type typed struct {
	app     *cli.App
	live    live
	word    string
	command *cli.Command        // nil before it is named
	args    []string            // of the command
	given   map[string][]string // the values of flags, by name
	open    string              // the flag whose value comes next
	literal bool                // behind --, where everything is an argument
}

// take reads one word. It returns false where anything offered would be a guess: behind an unknown command or flag.
func (t *typed) take(word string) bool {
	switch {
	case t.open != "":
		t.give(t.open, word)
		t.open = ""
	case word == "--" && !t.literal:
		t.literal = true
	case !t.literal && len(word) > 1 && word[0] == '-':
		return t.takeFlag(word)
	case t.command == nil:
		t.command = t.find(word)
		return t.command != nil
	default:
		t.args = append(t.args, word)
	}
	return true
}

func (t *typed) takeFlag(word string) bool {
	name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	f := t.flag(name)
	switch {
	case name == "help" || name == "h":
	case f == nil:
		return false
	case takesValue(f) && !hasValue:
		t.open = name
	default:
		t.give(name, value)
	}
	return true
}

func (t *typed) give(name, value string) { t.given[name] = append(t.given[name], value) }

// find returns the command of that name, nil if there is none.
func (t *typed) find(name string) *cli.Command {
	for _, c := range t.commands() {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// commands are those of the table, and help, which urfave/cli adds when it runs.
func (t *typed) commands() []*cli.Command {
	help := &cli.Command{Name: "help", Aliases: []string{"h"}, Usage: "show help", ArgsUsage: "[COMMAND]"}
	return append(t.app.VisibleCommands(), help)
}

// flags are those that can stand on the line: the command's own, and the global ones that have a meaning for it.
func (t *typed) flags() []cli.Flag {
	if t.command == nil {
		return t.app.Flags
	}
	flags := slices.Clone(t.command.Flags)
	for _, f := range t.app.Flags {
		if t.hasMeaning(f) {
			flags = append(flags, f)
		}
	}
	return flags
}

// hasMeaning asks arrange, which refuses a global flag that would have no effect.
func (t *typed) hasMeaning(global cli.Flag) bool {
	flag := "--" + global.Names()[0]
	if takesValue(global) {
		flag += "=x"
	}
	_, err := arrange([]string{flag, t.command.Name}, t.app)
	return err == nil
}

// flag returns the flag of that name, nil if there is none.
func (t *typed) flag(name string) cli.Flag { return flagsOf(t.flags())[name] }
