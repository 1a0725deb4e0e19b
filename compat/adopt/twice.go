package adopt

import (
	"fmt"
	"os"
	"path/filepath"

	"hookd/events"
)

// twice finds what would run every hook twice beside an adoption: links to hookshim(8) that it does not make.
func (h Host) twice(name, by string, dirs []string) error {
	if link, target := h.surplus(by, dirs); link != "" {
		return fmt.Errorf("cannot adopt %s by %s: %s is a link to %s, and both would run everything twice",
			name, by, events.Show(h.at(link)), events.Show(target))
	}
	return nil
}

// surplus is such a link in one of the directories, and where it leads; empty for none.
func (h Host) surplus(by string, dirs []string) (link, target string) {
	for _, dir := range dirs {
		entries, _ := os.ReadDir(h.at(dir))
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if ours := by == ByLinks && e.Name() == OwnScript; !ours && h.leadsToShim(path) {
				target, _ = os.Readlink(h.at(path))
				return path, target
			}
		}
	}
	return "", ""
}

// leadsToShim says whether a path is a link to a program named hookshim, also by other links, below the root.
func (h Host) leadsToShim(path string) bool {
	for range 10 {
		target, err := os.Readlink(h.at(path))
		if err != nil {
			return false
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		if path = target; filepath.Base(path) == "hookshim" {
			return true
		}
	}
	return false
}
