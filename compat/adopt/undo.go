package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"hookd/compat"
	"hookd/events"
)

// Undo takes back what the record of a system lists and is still as it was made, last things first, and says each; dry
// only says it. A system that is not adopted is no fault.
func (h Host) Undo(name string, dry bool, say func(string)) error {
	r, err := h.Read(name)
	if err != nil || r == nil {
		return err
	}
	var gone []string
	for _, c := range slices.Backward(r.Changes) {
		if why := h.keep(c, name, gone); why != "" {
			say(why)
			continue
		}
		if err := h.take(c, dry); err != nil {
			return fmt.Errorf("cannot undo the adoption of %s: %w", name, err)
		}
		gone = append(gone, c.where())
		say(h.tellBack(c, !dry))
	}
	h.sayReplaced(name, say)
	return h.removeRecord(name, dry, say)
}

// sayReplaced tells of scripts that hooks stand for (hookctl import --replace): nobody tells these of their events any more.
func (h Host) sayReplaced(name string, say func(string)) {
	system, _ := compat.Find(name)
	for _, p := range system.Phases {
		aside, _ := filepath.Glob(h.at(filepath.Join(compat.Imported, path.Base(p.Directory), "*.replaced")))
		for _, file := range aside {
			script := filepath.Join(p.Directory, strings.TrimSuffix(filepath.Base(file), ".replaced"))
			say(fmt.Sprintf("nothing runs %s any more, whose hook hears of nothing; to have it back: mv %s %s",
				events.Show(script), events.Show(file), events.Show(h.at(script))))
		}
	}
}

// keep says why a change is not taken back. What is gone was, or would have been, before it.
func (h Host) keep(c Change, system string, gone []string) string {
	path := events.Show(h.at(c.where()))
	if other := h.sharedBy(c, system); other != "" {
		return fmt.Sprintf("left %s: the adoption of %s needs it", path, other)
	}
	now, what := h.look(c)
	switch {
	case c.Kind == Stop && (h.Systemctl == nil || now == absent):
		return "left " + c.Path + " as it is"
	case c.Kind == Stop:
		return ""
	case now == absent:
		return path + " is gone already"
	case now == foreign:
		return fmt.Sprintf("left %s alone: it %s, and not hookd's", path, what)
	case c.Kind == Directory && !h.empty(c.Path, gone):
		return "left the directory " + path + ": it is not empty"
	}
	return ""
}

// empty says whether nothing is in a directory but what is gone, or would be.
func (h Host) empty(dir string, gone []string) bool {
	entries, err := os.ReadDir(h.at(dir))
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !slices.Contains(gone, filepath.Join(dir, e.Name()))
	})
}

// take takes a change back.
func (h Host) take(c Change, dry bool) error {
	switch {
	case dry:
		return nil
	case c.Kind == Stop:
		return h.Systemctl("start", c.Path)
	}
	err := os.Remove(h.at(c.where()))
	if c.Kind == Mask && err == nil {
		err = h.reload()
	}
	return err
}

func (h Host) removeRecord(name string, dry bool, say func(string)) error {
	path := h.recordPath(name)
	if dry {
		say("would remove the record " + events.Show(path))
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the record of %s: %w", name, err)
	}
	say("removed the record " + events.Show(path))
	return nil
}
