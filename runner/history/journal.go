// Package history keeps on disk what happened: a journal, from which the next hookd of this boot knows what hooks have
// been told and what is still to be done, and a history of runs for people. Both are lines of JSON in the state
// directory, both are bounded, and a line that was cut off is recognised. A Keeper moves the history on to a directory that
// outlives the boot.
package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"hookd/runner"
)

// The journal is rewritten when it is longer than minJournal and four times what it was after the last time.
const (
	minJournal = 1 << 20
	maxLine    = 64 << 20 // a longer line is no line of ours
)

// origin says whose state a journal is: of this boot, and of this network namespace, whose indexes of interfaces it holds.
type origin struct {
	Format int    `json:"hookd"`
	Boot   string `json:"boot"`
	Net    uint64 `json:"net"`
}

func here() (origin, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return origin{}, fmt.Errorf("cannot tell this boot from others: %w", err)
	}
	fi, err := os.Stat("/proc/self/ns/net")
	if err != nil {
		return origin{}, fmt.Errorf("cannot tell this network from others: %w", err)
	}
	return origin{1, strings.TrimSpace(string(boot)), fi.Sys().(*syscall.Stat_t).Ino}, nil
}

// Journal implements runner.Journal in a file. After an error there is none, until a rewriting works again: one that lags
// behind would have the next hookd do again what was done.
type Journal struct {
	path   string
	origin origin
	report func(error)
	file   *os.File
	size   int64
	base   int64 // size after the last rewriting
	broken time.Time
}

// OpenJournal reads the journal in a directory; what another boot or another network has left, or nobody can read, counts
// for nothing. The journal is empty until the first Rewrite. report is called with what cannot be read or written, and
// with nil when that is over.
func OpenJournal(dir string, report func(error)) (*Journal, []runner.Record, error) {
	o, err := here()
	if err != nil {
		return nil, nil, err
	}
	j := &Journal{path: filepath.Join(dir, "journal"), origin: o, report: report, base: minJournal / 4}
	records, err := readJournal(j.path, o)
	if err != nil {
		report(err)
	}
	return j, records, nil
}

func readJournal(path string, o origin) ([]runner.Record, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the journal: %w", err)
	}
	defer f.Close()
	var records []runner.Record
	first := true
	err = lines(f, func(line []byte) error {
		var theirs origin
		if first && (json.Unmarshal(line, &theirs) != nil || theirs != o) {
			return io.EOF
		}
		var r runner.Record
		if !first && json.Unmarshal(line, &r) == nil {
			records = append(records, r)
		}
		first = false
		return nil
	})
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("cannot read the journal: %w", err)
	}
	return records, nil
}

// lines calls each with every whole line of a file, which is one that has an end.
func lines(f io.Reader, each func([]byte) error) error {
	r := bufio.NewReaderSize(f, 64<<10)
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) < maxLine:
			continue
		case errors.Is(err, io.EOF):
			return nil // what was cut off is no line
		case err != nil:
			return err
		}
		if err := each(line); err != nil {
			return err
		}
		line = line[:0]
	}
}

// Append implements runner.Journal. Each call is one write, which the death of hookd cuts off at the end of a line or
// within its last one.
func (j *Journal) Append(records ...runner.Record) (long bool) {
	if gone(j.file) {
		os.Mkdir(filepath.Dir(j.path), 0o700)
		j.file.Close()
		j.file = nil
	}
	if j.file == nil {
		return time.Since(j.broken) > 5*time.Second
	}
	text, err := encode(records)
	if err == nil {
		_, err = j.file.Write(text)
	}
	if err != nil {
		j.fail(fmt.Errorf("cannot write the journal: %w", err))
		return false
	}
	j.size += int64(len(text))
	return j.size > minJournal && j.size > 4*j.base
}

func (j *Journal) fail(err error) {
	j.report(err)
	j.broken = time.Now()
	os.Remove(j.path)
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
}

// Rewrite implements runner.Journal: the new journal takes the place of the old one at once, or not at all.
func (j *Journal) Rewrite(records []runner.Record) {
	f, size, err := j.replace(records)
	if err != nil && j.file != nil { // the long one is as good
		j.base = j.size
		return
	}
	if err != nil {
		j.fail(fmt.Errorf("cannot write the journal: %w", err))
		return
	}
	if j.file != nil {
		j.file.Close()
	}
	j.report(nil)
	j.file, j.size, j.base, j.broken = f, size, size, time.Time{}
}

func (j *Journal) replace(records []runner.Record) (*os.File, int64, error) {
	head, err := json.Marshal(j.origin)
	if err != nil {
		return nil, 0, err
	}
	text, err := encode(records)
	if err != nil {
		return nil, 0, err
	}
	text = append(append(head, '\n'), text...)
	path := j.path + ".new"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, 0, err
	}
	if _, err = f.Write(text); err == nil {
		err = os.Rename(path, j.path)
	}
	if err != nil {
		f.Close()
		os.Remove(path)
		return nil, 0, err
	}
	return f, int64(len(text)), nil
}

func encode(records []runner.Record) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, r := range records {
		if err := e.Encode(r); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// Close closes the file; nothing is written any more.
func (j *Journal) Close() {
	if j.file != nil {
		j.file.Close()
	}
}
