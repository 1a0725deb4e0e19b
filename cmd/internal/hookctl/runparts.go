package hookctl

import (
	"github.com/urfave/cli/v2"

	"hookd/compat/runparts"
)

// runPartsCommand stands first in a line that is all run-parts(8)'s: nothing of it goes through arrange.
const runPartsCommand = "run-parts"

// runParts runs the scripts of directories. It takes over the process, so it comes before anything else is set up.
func runParts(args []string) int { return runparts.Main(args) }

// misplacedRunParts is for a line with something before run-parts.
func misplacedRunParts(*cli.Context) error { return usagef("run-parts takes no flags of hookctl") }
