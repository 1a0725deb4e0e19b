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
	"slices"
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
		Commands: slices.Concat(a.onFiles(), a.onHookd(), a.onHost()),
	}
	for _, c := range app.Commands {
		c.OnUsageError = app.OnUsageError
		c.HideHelpCommand = true
	}
	return app
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
