package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"hookd/events"
	"hookd/runner"
)

// Filter says which runs are meant; what is not set means any.
type Filter struct {
	Run    string
	Hook   string // a job of this hook
	Event  *events.Pattern
	Result runner.Result // of the run, or of a job of Hook
	Since  time.Time     // the run ended then or later
}

// Match says whether the filter means the entry.
func (f Filter) Match(e Entry) bool {
	result := f.Result == "" || e.Result == f.Result
	hook := f.Hook == ""
	for _, j := range e.Jobs {
		if j.Hook == f.Hook {
			hook = true
			result = f.Result == "" || j.Result == f.Result
			break
		}
		result = result || f.Hook == "" && j.Result == f.Result
	}
	return hook && result && (f.Run == "" || e.Run == f.Run) && (f.Event == nil || f.Event.Match(e.Event)) &&
		(f.Since.IsZero() || !e.Ended.Before(f.Since))
}

// Read calls each with the entries of a history that a filter means, oldest first: those that were moved to a lasting
// directory, then those beside them. Anybody may call it who may read the files; parts that go meanwhile are passed over.
func Read(dir string, f Filter, each func(Entry) error) error {
	if _, err := os.ReadDir(dir); err != nil {
		return fmt.Errorf("cannot read the history: %w", err)
	}
	// These are opened first: what a keeper moves from now on is still read here, what it moved before is there.
	fresh, err := openParts(dir)
	defer closeAll(fresh)
	if err != nil {
		return err
	}
	seen := map[string]bool{} // an entry may be in both places, and twice in one when a hookd was killed
	once := func(e Entry) error {
		if seen[e.Run] {
			return nil
		}
		seen[e.Run] = true
		return each(e)
	}
	lost := readLasting(dir, f, once)
	for _, file := range fresh {
		if err := readPart(file, f, once); err != nil {
			return err
		}
	}
	return lost
}

// readLasting opens one part after the other: those that go meanwhile were too old, those that change have grown.
func readLasting(dir string, f Filter, each func(Entry) error) error {
	m, err := readMark(dir)
	if err != nil {
		return nil // nobody has said that there is a lasting directory
	}
	for _, path := range parts(m.Directory) {
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot read the history: %w", err)
		}
		err = readPart(file, f, each)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// openParts opens the parts in a directory, oldest first; one that is not there has none.
func openParts(dir string) (files []*os.File, err error) {
	for _, path := range parts(dir) {
		file, err := os.Open(path)
		switch {
		case err == nil:
			files = append(files, file)
		case !errors.Is(err, os.ErrNotExist):
			return files, fmt.Errorf("cannot read the history: %w", err)
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func readPart(file *os.File, f Filter, each func(Entry) error) error {
	return lines(file, func(line []byte) error {
		if f.Run != "" && !bytes.Contains(line, []byte(strings.TrimSpace(f.Run))) {
			return nil
		}
		var e Entry
		if json.Unmarshal(line, &e) != nil || !f.Match(e) {
			return nil
		}
		return each(e)
	})
}
