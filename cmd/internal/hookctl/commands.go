package hookctl

import "github.com/urfave/cli/v2"

// onFiles are the commands that need no hookd.
func (a *app) onFiles() []*cli.Command {
	return []*cli.Command{
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
	}
}

// onHookd are those that speak to one.
func (a *app) onHookd() []*cli.Command {
	return []*cli.Command{
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
	}
}

// onHost are those about old systems and the shell.
func (a *app) onHost() []*cli.Command {
	return []*cli.Command{
		{Name: "adopt", Usage: "have an old system tell hookd what it does, or show which do", ArgsUsage: "[SYSTEM…]",
			Action: a.args(0, many, a.adopt), Flags: []cli.Flag{
				&cli.BoolFlag{Name: "undo", Usage: "take the adoption back"},
				&cli.BoolFlag{Name: "all", Usage: "with --undo, of every system"},
				&cli.BoolFlag{Name: "dry-run", Usage: "say what would change, and change nothing"},
				&cli.BoolFlag{Name: "links", Usage: "by links in its directories, not by PATH"},
				&cli.StringFlag{Name: "root", Usage: "below another root `DIR`"}}},
		{Name: runPartsCommand, Usage: "run the scripts of directories, as run-parts(8) does", ArgsUsage: "[OPTION…] DIRECTORY…", Action: misplacedRunParts, SkipFlagParsing: true},
		{Name: "completion", Usage: "print the completion script of a shell", ArgsUsage: "bash|zsh|fish", Action: a.args(1, 1, a.completion)},
	}
}

func rootFlag() cli.Flag {
	return &cli.StringFlag{Name: "root", Usage: "of the system below `DIR`"}
}
