package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"hookd/compat"
	"hookd/events"
)

// The ways of adoption.
const (
	ByPath  = "path"  // a run-parts(8) that is found first
	ByLinks = "links" // a script named hookd in each directory
	ByMask  = "mask"  // hookd takes the place of the whole program
)

// Record is what was changed for a system, in the order in which it was.
type Record struct {
	System  string
	By      string
	Changes []Change
}

func (h Host) recordPath(system string) string { return h.at(compat.Records + "/" + system) }

// Read reads the record of a system, nil when it is not adopted. A record that others than root may have written is none:
// what stands in it is removed one day, and decides what root runs.
func (h Host) Read(system string) (*Record, error) {
	err := h.Inside(compat.Records + "/" + system)
	if err == nil && h.exists(compat.Records+"/"+system) {
		if err := h.believed(compat.Records + "/" + system); err != nil {
			return nil, fmt.Errorf("the record of %s is not to be believed: %w", system, err)
		}
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(h.recordPath(system))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the record of %s: %w", system, err)
	}
	r, err := parse(system, string(text))
	if err != nil {
		return nil, fmt.Errorf("cannot read the record %s: %w", events.Show(h.recordPath(system)), err)
	}
	return r, nil
}

// believed judges a path, or of one that is not there the directories that are.
func (h Host) believed(path string) error {
	for h.Trusted != nil && path != "/" {
		if err := h.Trusted(h.at(path)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		path = filepath.Dir(path)
	}
	return nil
}

// parse reads a record: a line for each change, its words quoted as in Go where they must be.
func parse(system, text string) (*Record, error) {
	r := &Record{System: system}
	n := 0
	for line := range strings.Lines(text) {
		n++
		words, err := split(strings.TrimSpace(line))
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case len(words) == 0:
		case words[0] == "by" && len(words) == 2:
			r.By = words[1]
		default:
			c, err := change(words)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			r.Changes = append(r.Changes, c)
		}
	}
	return r, nil
}

// change reads the words of a change. What it names is removed one day, so nothing is guessed.
func change(words []string) (Change, error) {
	c := Change{Kind: Kind(words[0])}
	want := map[Kind]int{Directory: 2, Link: 3, File: 3, Stop: 2, Mask: 2}[c.Kind]
	if len(words) != want {
		return c, fmt.Errorf("%s is no change", events.Show(strings.Join(words, " ")))
	}
	c.Path = words[1]
	if want == 3 {
		c.Content = words[2]
	}
	unit := c.Kind == Stop || c.Kind == Mask
	if unit && strings.Contains(c.Path, "/") || !unit && filepath.Clean("/"+c.Path) != c.Path {
		return c, fmt.Errorf("%s cannot have been changed", events.Show(c.Path))
	}
	return c, nil
}

// split splits a line into words. A comment has none.
func split(line string) ([]string, error) {
	var words []string
	for line != "" && line[0] != '#' {
		word, rest, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s has no end", events.Show(line))
			}
			rest = strings.TrimPrefix(line[len(quoted):], " ")
			word, _ = strconv.Unquote(quoted)
		}
		words, line = append(words, word), rest
	}
	return words, nil
}

// String is the text of the record.
func (r Record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What hookctl adopt has made for %s. It is taken away with: hookctl adopt --undo %s\nby %s\n", r.System, r.System, r.By)
	for _, c := range r.Changes {
		b.WriteString(string(c.Kind) + " " + quote(c.Path))
		if c.Kind == Link || c.Kind == File {
			b.WriteString(" " + quote(c.Content))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func quote(word string) string {
	if word == "" || strings.ContainsAny(word, " #\"") || strconv.Quote(word) != `"`+word+`"` {
		return strconv.Quote(word)
	}
	return word
}

// write puts a record on the disk before anything of it is done, so that an adoption that was cut off can be undone.
func (h Host) write(r Record) error {
	dir := h.at(compat.Records)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = replace(filepath.Join(dir, r.System), r.String())
	}
	if err != nil {
		return fmt.Errorf("cannot write the record of %s: %w", r.System, err)
	}
	return nil
}

// replace writes a file that is there as a whole or as it was before, also when the power goes.
func replace(path, text string) error {
	unfinished := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := writeSynced(unfinished, text); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o644), f.Sync())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// sharedBy is another system whose record has the same change, empty for none.
func (h Host) sharedBy(c Change, system string) string {
	for _, name := range compat.Names() {
		other, _ := h.Read(name)
		if name != system && other != nil && slices.Contains(other.Changes, c) {
			return name
		}
	}
	return ""
}
