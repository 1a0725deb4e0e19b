// Package hookctl is the command for people: it lists, checks, tests and explains hooks without a daemon, and makes
// events, watches and reloads with one.
package hookctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"hookd/hookspec"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command line that cannot be read.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// errFailed ends the program with status 1 when everything has been said already.
var errFailed = errors.New("failed")

// app is one call of hookctl.
type app struct {
	trust    hookspec.Trust
	out, err io.Writer
	terminal bool // out is one
	cli      *cli.App
}

// Main runs hookctl with a command line and returns its exit status: 0 done, 1 failed, 2 wrong usage.
func Main(args []string, trust hookspec.Trust, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == runPartsCommand {
		return runParts(args)
	}
	out := &checkedWriter{to: stdout}
	a := &app{trust: trust, out: out, err: stderr, terminal: isTerminal(stdout)}
	a.cli = a.build()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 && args[0] == completeCommand {
		a.complete(args[1:])
		return exitDone
	}
	arranged, err := arrange(args, a.cli)
	if err == nil {
		err = a.cli.RunContext(ctx, append([]string{"hookctl"}, arranged...))
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("cannot write the output: %w", out.err)
	}
	return a.exitStatus(err)
}

func (a *app) exitStatus(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(a.err, "hookctl: %s\nTry hookctl help.\n", usage.msg)
		return exitUsage
	case !errors.Is(err, errFailed):
		fmt.Fprintln(a.err, "hookctl:", plain(err.Error()))
	}
	return exitFailed
}

// checkedWriter remembers that something could not be written: an output that is cut off is no success.
type checkedWriter struct {
	to  io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// build describes the commands. What urfave/cli would do by itself with errors, exits, commas and versions is switched
// off: usage errors go to standard error with status 2, and nothing is passed over in silence.
func (a *app) build() *cli.App {
	app := &cli.App{
		Name: "hookctl", Usage: "list, check, test and explain hooks",
		Writer: a.out, ErrWriter: a.err,
		HideVersion: true, DisableSliceFlagSeparator: true,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usagef("%s", err) },
		Action: func(c *cli.Context) error {
			cli.ShowAppHelp(c)
			return nil
		},
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "socket", Usage: "speak to the hookd at `PATH`"},
			&cli.StringSliceFlag{Name: "hooks", Usage: "read hooks from `DIR`; may be repeated"},
			&cli.StringSliceFlag{Name: "policy", Usage: "read policies from `DIR`; may be repeated"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.BoolFlag{Name: "no-color", Usage: "print without colors"},
		},
		Commands: []*cli.Command{
			{Name: "list", Usage: "list hooks", Action: a.args(0, 0, a.list), Flags: []cli.Flag{
				&cli.BoolFlag{Name: "all", Usage: "also files that are masked, overridden, refused or ignored, and why, and old scripts"}, rootFlag()}},
			{Name: "show", Usage: "show a hook and where each key was set", ArgsUsage: "NAME", Action: a.args(1, 1, a.show)},
			{Name: "check", Usage: "find every fault and doubt", ArgsUsage: "[PATH…]", Action: a.args(0, many, a.check), Flags: []cli.Flag{
				&cli.BoolFlag{Name: "legacy", Usage: "old scripts in place of hooks"}, rootFlag()}},
			{Name: "test", Usage: "show what an event would run, and why other hooks would not", ArgsUsage: "EVENT [key=value…]",
				Action: a.args(1, many, a.test), Flags: []cli.Flag{
					&cli.BoolFlag{Name: "run", Usage: "run it here and now"}}},
			{Name: "import", Usage: "make hooks of old scripts", ArgsUsage: "PATH…", Action: a.args(1, many, a.importScripts), Flags: []cli.Flag{
				&cli.BoolFlag{Name: "dry-run", Usage: "only show it"},
				&cli.BoolFlag{Name: "replace", Usage: "put the old scripts aside"},
				&cli.StringFlag{Name: "to", Usage: "write to `DIR` in place of /etc/hookd"}, rootFlag()}},
			{Name: "events", Usage: "list events, or describe one", ArgsUsage: "[NAME]", Action: a.args(0, 1, a.events)},
			{Name: "new", Usage: "print a commented hook file to begin with", ArgsUsage: "NAME", Action: a.args(1, 1, a.create)},
			{Name: "emit", Usage: "make an event by hand", ArgsUsage: "EVENT [key=value…]", Action: a.args(1, many, a.emit),
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "wait", Usage: "wait for its hooks and exit with their outcome"},
					&cli.BoolFlag{Name: "dry-run", Usage: "show what hookd would run"}}},
			{Name: "watch", Usage: "show events and results as they happen", ArgsUsage: "[EVENT [key=glob…]]", Action: a.args(0, many, a.watch)},
			{Name: "history", Usage: "list runs, or show one with its output", ArgsUsage: "[RUN]", Action: a.args(0, 1, a.history), Flags: []cli.Flag{
				&cli.StringFlag{Name: "hook", Usage: "runs of the hook `NAME`"},
				&cli.StringFlag{Name: "event", Usage: "runs for events of a `PATTERN`"},
				&cli.StringFlag{Name: "result", Usage: "runs with a `RESULT`"},
				&cli.StringFlag{Name: "since", Usage: "runs that ended since a `TIME`, or within a span"}}},
			{Name: "status", Usage: "show how hookd is, or a service", ArgsUsage: "[SERVICE]", Action: a.args(0, 1, a.status)},
			{Name: "start", Usage: "start a service", ArgsUsage: "SERVICE [key=value…]", Action: a.args(1, many, a.manage)},
			{Name: "stop", Usage: "stop a service", ArgsUsage: "SERVICE [key=value…]", Action: a.args(1, many, a.manage)},
			{Name: "restart", Usage: "restart a service", ArgsUsage: "SERVICE [key=value…]", Action: a.args(1, many, a.manage)},
			{Name: "reload", Usage: "make hookd read its hooks anew", Action: a.args(0, 0, a.reload)},
			{Name: "flush", Usage: "tell hookd that the disk of its history is there, and have it moved", Action: a.args(0, 0, a.flush)},
			{Name: "adopt", Usage: "have an old system tell hookd what it does, or show which do", ArgsUsage: "[SYSTEM…]",
				Action: a.args(0, many, a.adopt), Flags: []cli.Flag{
					&cli.BoolFlag{Name: "undo", Usage: "take the adoption back"},
					&cli.BoolFlag{Name: "all", Usage: "with --undo, of every system"},
					&cli.BoolFlag{Name: "dry-run", Usage: "say what would change, and change nothing"},
					&cli.BoolFlag{Name: "links", Usage: "by links in its directories, not by PATH"},
					&cli.StringFlag{Name: "root", Usage: "below another root `DIR`"}}},
			{Name: runPartsCommand, Usage: "run the scripts of directories, as run-parts(8) does", ArgsUsage: "[OPTION…] DIRECTORY…", Action: misplacedRunParts, SkipFlagParsing: true},
			{Name: "completion", Usage: "print the completion script of a shell", ArgsUsage: "bash|zsh|fish", Action: a.args(1, 1, a.completion)},
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = app.OnUsageError
		c.HideHelpCommand = true
	}
	return app
}

func rootFlag() cli.Flag {
	return &cli.StringFlag{Name: "root", Usage: "of the system below `DIR`"}
}

const many = 1 << 20

// args guards an action against too few and too many arguments.
func (a *app) args(least, most int, action func(*cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		switch n := c.NArg(); {
		case n < least:
			return usagef("%s needs %s", c.Command.Name, c.Command.ArgsUsage)
		case n > most:
			return usagef("%s takes no argument %q", c.Command.Name, c.Args().Get(most))
		}
		return action(c)
	}
}

// options are what the global flags say about which files are read.
func (a *app) options(c *cli.Context) hookspec.Options {
	o := hookspec.Options{Hooks: c.StringSlice("hooks"), Policies: c.StringSlice("policy"), Trust: a.trust, Accounts: hookspec.Host{}}
	o.NeedHooks, o.NeedPolicies = len(o.Hooks) > 0, len(o.Policies) > 0
	if len(o.Hooks) == 0 {
		o.Hooks, o.Scripts = hookspec.HookDirs(), hookspec.AdoptedScripts()
		allBelow(c, o.Hooks)
		allBelow(c, o.Scripts.Dirs)
		o.Scripts.Record = below(c, o.Scripts.Record)
	}
	if len(o.Policies) == 0 {
		o.Policies = hookspec.PolicyDirs()
	}
	return o
}

func (a *app) load(c *cli.Context) *hookspec.Set { return hookspec.Load(a.options(c), nil) }

// isTerminal says whether the output is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}
