package hookshim

import (
	"io"
	"strings"

	"hookd/compat/runparts"
)

// base is the last part of a path, as basename(1) finds it in one that does not end in a slash.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// runParts is run-parts(8), with hooks where a directory is adopted. Where it was found in place of the real one, any other
// directory is that one's.
func (p place) runParts(called []string, found bool, stderr io.Writer) int {
	if status, done := coordinate(p, called, stderr); done {
		return status
	}
	if found {
		p.executeReal(called)
	}
	return runparts.Main(called)
}
