// Package hookshim is a small program with several modes. It is started often and lives long, so it imports little.
package hookshim

import (
	"fmt"
	"io"

	"hookd/runner/monitor"
)

const usage = `Usage: hookshim monitor

Watch over one service, where systemd does not run. hookd starts this.
`

// Main runs a mode and returns the exit status: 2 for a wrong command line.
func Main(args []string, stdout, stderr io.Writer) int {
	mode := ""
	if len(args) == 1 {
		mode = args[0]
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
