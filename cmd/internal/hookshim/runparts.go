package hookshim

import (
	"strings"

	"hookd/compat/runparts"
)

// asRunParts says with which command line run-parts was called, if it was: by its own name, or as a mode of hookshim.
func asRunParts(args []string) (called []string, found bool) {
	switch {
	case len(args) == 0:
		return nil, false
	case base(args[0]) == "run-parts":
		return args, true
	case len(args) > 1 && args[1] == "run-parts":
		return args[1:], true
	}
	return nil, false
}

// base is the last part of a path, as basename(1) finds it in one that does not end in a slash.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// runParts is run-parts(8).
func runParts(called []string) int { return runparts.Main(called) }
