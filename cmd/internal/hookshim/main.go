// Package hookshim is a small program with several modes. It is started often and lives long, so it imports little.
package hookshim

import (
	"fmt"
	"io"

	"hookd/compat"
	"hookd/hookspec"
	"hookd/runner/monitor"
)

const usage = `Usage: hookshim SYSTEM [PHASE] [ARGUMENT...]
       hookshim run-parts [OPTION]... DIRECTORY...
       hookshim monitor

Tell hookd what an old system does, and wait for the hooks: SYSTEM is ifupdown,
ppp, dhclient, networkmanager, networkd-dispatcher or system-sleep. A link in a
directory of that system does the same.
Run the scripts of directories, as run-parts(8) does; so does a hookshim
that is called run-parts.
Watch over one service, where systemd does not run. hookd starts this.

Flags before SYSTEM, for tests: --socket PATH, --hooks DIRECTORY[:DIRECTORY...]
`

// Main runs a mode and returns the exit status: 2 for a wrong command line. The first argument is the name it was called by.
// What an old system hands over is never wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	return trusting(args, hookspec.TrustOf, stdout, stderr)
}

func trusting(args []string, trust func() hookspec.Trust, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		args = []string{"hookshim"}
	}
	at := standard(trust)
	if base(args[0]) == "run-parts" {
		return at.runParts(args, true, stderr)
	}
	if system, phase, found := linked(args[0]); found {
		return newShim(at, system, phase, args[1:], stderr).asLink(args[0])
	}
	words, err := at.flags(args[1:])
	switch {
	case err != nil || len(words) == 0:
	case words[0] == "run-parts":
		return at.runParts(words, false, stderr)
	case len(words) == 1 && words[0] == "monitor":
		return monitor.Serve(stderr)
	case len(words) == 1 && words[0] == "enter": // what a monitor starts, to become the program of its service
		return monitor.Enter()
	case words[0] == "--help", words[0] == "-h":
		fmt.Fprint(stdout, usage)
		return 0
	default:
		var system compat.System
		var phase compat.Phase
		if system, phase, words, err = outright(words); err == nil {
			return newShim(at, system, phase, words, stderr).run()
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "hookshim: %s\n", err)
	}
	fmt.Fprint(stderr, usage)
	return 2
}
