package hookd

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"hookd/hookspec"
	"hookd/internal/control"
)

// Version of this program.
const Version = "0.4"

// config is what the command line says.
type config struct {
	Hooks    []string
	Policies []string
	Named    struct{ Hooks, Policies bool } // the directories were named by hand: they must exist
	Scripts  hookspec.Scripts               // of networkd-dispatcher; none where hooks are named by hand
	State    string
	History  string // where the history lasts; empty for nowhere
	Socket   string
	Level    slog.Level

	Executor string // of services: one of the words below
	Shim     string // the path of hookshim; empty for where it is installed
}

// What --executor takes: what services are run by.
const (
	executorAuto    = "auto" // systemd where it runs and lets us, else hookd itself
	executorProcess = "process"
	executorSystemd = "systemd"
)

// errUsage marks a command line that cannot be read; what is wrong has been said.
var errUsage = errors.New("usage")

const usage = `Usage: hookd [--hooks DIR]… [--policy DIR]… [--state DIR] [--socket PATH]
             [--history DIR] [--executor auto|process|systemd]
             [--hookshim PATH]
             [--log-level debug|info|warn|error]

Run hooks on events, in the foreground; see hookd(8).
`

// parseArgs reads the command line.
func parseArgs(args []string, stdout, stderr io.Writer) (config, error) {
	c := config{State: defaultState(), Executor: executorAuto}
	fs := flag.NewFlagSet("hookd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Func("hooks", "", appendTo(&c.Hooks))
	fs.Func("policy", "", appendTo(&c.Policies))
	fs.Func("state", "", set(&c.State))
	fs.Func("history", "", set(&c.History))
	fs.Func("socket", "", set(&c.Socket))
	fs.Func("executor", "", set(&c.Executor))
	fs.Func("hookshim", "", set(&c.Shim))
	fs.Func("log-level", "", func(s string) error {
		if err := c.Level.UnmarshalText([]byte(s)); err != nil {
			return errors.New("it is debug, info, warn or error")
		}
		return nil
	})
	version := fs.Bool("version", false, "")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return c, flag.ErrHelp
	case err != nil:
		return c, usageError(stderr, "%s", err)
	case fs.NArg() > 0:
		return c, usageError(stderr, "unexpected argument %q", fs.Arg(0))
	case *version:
		fmt.Fprintln(stdout, "hookd", Version)
		return c, flag.ErrHelp
	}
	return c.complete(stderr)
}

func (c config) complete(stderr io.Writer) (config, error) {
	switch c.Executor {
	case executorAuto, executorProcess, executorSystemd:
	default:
		return c, usageError(stderr, "--executor is auto, process or systemd, not %q", c.Executor)
	}
	c.Named.Hooks, c.Named.Policies = len(c.Hooks) > 0, len(c.Policies) > 0
	if !c.Named.Hooks {
		c.Hooks = hookspec.HookDirs()
		c.Scripts = adoptedScripts()
	}
	if !c.Named.Policies {
		c.Policies = hookspec.PolicyDirs()
	}
	if c.Socket == "" {
		c.Socket = filepath.Join(c.State, control.SocketName)
	}
	err := c.completeHistory(stderr)
	return c, err
}

// completeHistory gives the hookd of a host its directory. Its name stays right elsewhere: hookctl reads it, too.
func (c *config) completeHistory(stderr io.Writer) error {
	if c.History == "" && os.Geteuid() == 0 && c.State == systemState {
		c.History = "/var/lib/hookd/history"
	}
	if c.History == "" {
		return nil
	}
	full, err := filepath.Abs(c.History)
	if err != nil {
		return usageError(stderr, "--history: %s", err)
	}
	c.History = full
	return nil
}

func usageError(stderr io.Writer, format string, args ...any) error {
	fmt.Fprintf(stderr, "hookd: "+format+"\n%s", append(args, usage)...)
	return errUsage
}

func appendTo(list *[]string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New("a directory has no empty name")
		}
		*list = append(*list, s)
		return nil
	}
}

func set(text *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New("the value is empty")
		}
		*text = s
		return nil
	}
}

// systemState is the state directory of the hookd of a host.
const systemState = "/run/hookd"

// defaultState is where hookd keeps its state unless told otherwise.
func defaultState() string {
	if os.Geteuid() == 0 {
		return systemState
	}
	return filepath.Join("/run/user", strconv.Itoa(os.Geteuid()), "hookd")
}
