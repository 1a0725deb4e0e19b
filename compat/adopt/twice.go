package adopt

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
			if ours := by == ByLinks && e.Name() == OwnScript; !ours && h.isShim(path) {
				if target, err := os.Readlink(h.at(path)); err == nil {
					return path, target
				}
				return path, "the same file"
			}
		}
	}
	return "", ""
}

// isShim says whether a path is hookshim(8), by whatever name, below the root.
func (h Host) isShim(path string) bool {
	path = h.follow(path)
	info, err := os.Stat(h.at(path))
	return filepath.Base(path) == "hookshim" || err == nil && slices.ContainsFunc(shims[:], func(shim string) bool {
		ours, err := os.Stat(h.at(shim))
		return err == nil && os.SameFile(info, ours)
	})
}

// follow is where links lead to below the root.
func (h Host) follow(path string) string {
	for range 10 {
		target, err := os.Readlink(h.at(path))
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return path
}
