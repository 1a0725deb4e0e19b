// Package hookshim is a small program with several modes. It is started often and lives long, so it imports little.
package hookshim

import (
	"fmt"
	"io"

	"hookd/runner/monitor"
)

const usage = `Usage: hookshim monitor
       hookshim run-parts [OPTION]... DIRECTORY...

Watch over one service, where systemd does not run. hookd starts this.
Run the scripts of directories, as run-parts(8) does; so does a hookshim
that is called run-parts.
`

// Main runs a mode and returns the exit status: 2 for a wrong command line. The first argument is the name it was called by.
func Main(args []string, stdout, stderr io.Writer) int {
	if called, found := asRunParts(args); found {
		return runParts(called)
	}
	mode := ""
	if len(args) == 2 {
		mode = args[1]
	}
	switch mode {
	case "monitor":
		return monitor.Serve(stderr)
	case "enter": // what a monitor starts, to become the program of its service
		return monitor.Enter()
	case "--help", "-h":
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprint(stderr, usage)
	return 2
}
