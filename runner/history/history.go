package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hookd/events"
	"hookd/runner"
)

// The history holds keepParts files of partSize bytes; the oldest one goes when something was written into a new one. The
// outputs of a run that would be longer than maxEntry bytes are cut.
const (
	partSize  = 512 << 10
	keepParts = 16
	maxEntry  = 256 << 10
)

// Entry is one run of the history.
type Entry struct {
	runner.RunReport
	Ended time.Time `json:"ended"`
}

// History writes entries. It is used by one goroutine.
type History struct {
	dir    string
	report func(error)
	file   *os.File
	number int
	size   int64
	broken bool
}

// Open makes the directory. What was written before stays as long as there is room. report is called with what cannot be
// written, and with nil when that is over.
func Open(dir string, report func(error)) *History {
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		report(fmt.Errorf("cannot make the history: %w", err))
	}
	h := &History{dir: dir, report: report}
	if old := parts(dir); len(old) > 0 {
		fmt.Sscanf(filepath.Base(old[len(old)-1]), "part.%d", &h.number)
		h.goOn(old[len(old)-1])
	}
	return h
}

// goOn opens the last part for more. A line that was cut off gets an end, and is passed over by readers.
func (h *History) goOn(path string) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return // the next part is begun
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return
	}
	h.file, h.size = f, fi.Size()
	last := []byte{'\n'}
	if f.ReadAt(last, h.size-1); last[0] != '\n' {
		f.Write([]byte{'\n'})
	}
}

// parts are the files of a history, oldest first.
func parts(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, "part.*"))
	slices.Sort(found)
	return found
}

// Add writes a run down.
func (h *History) Add(r runner.RunReport) {
	text, err := line(r)
	if err == nil {
		err = h.write(text)
	}
	switch {
	case err != nil && !h.broken:
		h.report(fmt.Errorf("cannot write the history: %w", err))
	case err == nil && h.broken:
		h.report(nil)
	}
	h.broken = err != nil
}

// line is a run in JSON, with less output where it would be longer than maxEntry.
func line(r runner.RunReport) ([]byte, error) {
	for most := maxEntry; ; most /= 4 {
		text, err := json.Marshal(Entry{shortened(r, most), time.Now()})
		if err != nil || len(text) <= maxEntry || most == 0 {
			return append(text, '\n'), err
		}
	}
}

// write begins a new part when the present one is full. What was written by halves is taken off again.
func (h *History) write(line []byte) error {
	full := h.size > 0 && h.size+int64(len(line)) > partSize
	if gone(h.file) {
		os.Mkdir(h.dir, 0o700)
		h.close()
	}
	if h.file == nil || full {
		if err := h.begin(); err != nil {
			return err
		}
	}
	n, err := h.file.Write(line)
	if err != nil {
		if n > 0 && h.file.Truncate(h.size) != nil {
			h.close()
		}
		return err
	}
	h.size += int64(n)
	for old := parts(h.dir); len(old) > keepParts; old = old[1:] {
		os.Remove(old[0])
	}
	return nil
}

// gone says whether somebody has removed the file.
func gone(f *os.File) bool {
	if f == nil {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Sys().(*syscall.Stat_t).Nlink == 0
}

func (h *History) begin() error {
	path := filepath.Join(h.dir, fmt.Sprintf("part.%08d", h.number+1))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	h.close()
	h.file, h.size = f, 0
	h.number++
	return nil
}

func (h *History) close() {
	if h.file != nil {
		h.file.Close()
	}
	h.file = nil
}

// Close closes the file; nothing is written any more.
func (h *History) Close() { h.close() }

// shortened cuts the outputs of a run, each to the same length, to so many bytes in all.
func shortened(r runner.RunReport, most int) runner.RunReport {
	if len(r.Jobs) == 0 {
		return r
	}
	r.Jobs = slices.Clone(r.Jobs)
	half := most / len(r.Jobs) / 2
	for i := range r.Jobs {
		j := &r.Jobs[i]
		if n := len(j.Output); n > 2*half {
			j.Output = j.Output[:half] + j.Output[n-half:]
			j.Cut += int64(n - 2*half)
		}
	}
	return r
}

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

// Read calls each with the entries of a history that a filter means, oldest first. Anybody may call it who may read the
// files; parts that go meanwhile are passed over.
func Read(dir string, f Filter, each func(Entry) error) error {
	if _, err := os.ReadDir(dir); err != nil {
		return fmt.Errorf("cannot read the history: %w", err)
	}
	seen := map[string]bool{} // a hookd that dies between history and journal is followed by one that writes the run again
	once := func(e Entry) error {
		if seen[e.Run] {
			return nil
		}
		seen[e.Run] = true
		return each(e)
	}
	for _, path := range parts(dir) {
		if err := readPart(path, f, once); err != nil {
			return err
		}
	}
	return nil
}

func readPart(path string, f Filter, each func(Entry) error) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the history: %w", err)
	}
	defer file.Close()
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
