package hookshim

import (
	"strings"

	"hookd/compat/runparts"
)

// base is the last part of a path, as basename(1) finds it in one that does not end in a slash.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// runParts is run-parts(8).
func runParts(called []string) int { return runparts.Main(called) }
