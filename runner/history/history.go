package history

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

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

// History writes entries. One goroutine adds them, and never waits for more than the file system of the directory; a Keeper
// takes finished parts away.
type History struct {
	dir    string
	report func(error)
	wrote  chan struct{} // holds one: something was written since the last seal; full: that is known already
	full   chan struct{} // holds one: a part is full; full: that is known already

	mu     sync.Mutex // guards what follows, and is held over calls of this file system only
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
	h := &History{dir: dir, report: report, wrote: make(chan struct{}, 1), full: make(chan struct{}, 1)}
	h.goOn()
	return h
}

// goOn opens the last part for more. A line that was cut off gets an end, and is passed over by readers.
func (h *History) goOn() {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := parts(h.dir)
	if h.file != nil || len(old) == 0 {
		return
	}
	tell(h.wrote)
	path := old[len(old)-1]
	h.number = numberOf(path)
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
		n, _ := f.Write([]byte{'\n'})
		h.size += int64(n)
	}
}

// seal closes the open part, so that the next entry begins another one, and returns all that are there, oldest first.
func (h *History) seal() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.close()
	untell(h.wrote)
	untell(h.full)
	return parts(h.dir)
}

func tell(hint chan struct{}) {
	select {
	case hint <- struct{}{}:
	default:
	}
}

func untell(hint chan struct{}) {
	select {
	case <-hint:
	default:
	}
}

// parts are the files of a history, oldest first.
func parts(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var found []string
	for _, e := range entries { // in the order of their names
		if path := filepath.Join(dir, e.Name()); partPath(dir, numberOf(path)) == path {
			found = append(found, path)
		}
	}
	return found
}

func partPath(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("part.%08d", number))
}

// numberOf is 0 for what is no part.
func numberOf(path string) (n int) {
	fmt.Sscanf(filepath.Base(path), "part.%d", &n)
	return n
}

// Add writes a run down.
func (h *History) Add(r runner.RunReport) {
	text, err := line(r)
	h.mu.Lock()
	defer h.mu.Unlock()
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
	full := h.file != nil && h.size > 0 && h.size+int64(len(line)) > partSize
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
	tell(h.wrote)
	if full {
		tell(h.full)
	}
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
	f, err := os.OpenFile(partPath(h.dir, h.number+1), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
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
func (h *History) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.close()
}

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
