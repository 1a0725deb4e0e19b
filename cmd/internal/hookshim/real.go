package hookshim

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hookd/compat"
	"hookd/compat/runparts"
)

// realRunParts is what compat.RunParts is found before.
const realRunParts = "/usr/bin/run-parts"

// executeReal becomes the real run-parts where we stand in front of it. It returns where we do not, or there is none.
func (p place) executeReal(called []string) {
	target, err := os.Readlink(filepath.Join("/", p.root, compat.RunParts))
	if err != nil || base(target) != "hookshim" || sameProgram(realRunParts) {
		return
	}
	unix.Exec(realRunParts, called, runparts.Environ())
}

// sameProgram says whether a path leads to ourselves: somebody may have put us there, too. Where /proc is not mounted the link
// tells.
func sameProgram(path string) bool {
	there, err := os.Stat(path)
	for _, ours := range []string{"/proc/self/exe", compat.RunParts} {
		if self, gone := os.Stat(ours); err == nil && gone == nil && os.SameFile(there, self) {
			return true
		}
	}
	return false
}
