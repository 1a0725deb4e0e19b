package history

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// move takes one part to the end of a lasting directory.
type move struct {
	source, dir string
	target      string // the part that it becomes, or becomes the end of
	text        []byte // all of the target; nil when nothing is to be written
}

// steps are what is to be done, in order. After each of them every entry is somewhere: at the worst in both places, which
// readers see through, and the next move of the same part too.
func (m *move) steps() []func() error {
	return []func() error{m.compose, m.write, m.rename, m.sync, m.remove, m.prune}
}

// compose reads what there is. The last part takes more as long as it has room, so that many small moves make few parts.
func (m *move) compose() error {
	text, err := whole(m.source)
	if err != nil {
		return err
	}
	number, last := 0, []byte(nil)
	if old := parts(m.dir); len(old) > 0 {
		m.target = old[len(old)-1]
		number = numberOf(m.target)
		last, _ = whole(m.target) // one that nobody can read any more stays as it is
	}
	text = behind(last, text)
	switch {
	case len(text) == 0:
	case len(last) > 0 && len(last)+len(text) <= partSize:
		m.text = append(last, text...)
	default:
		m.target, m.text = partPath(m.dir, number+1), text
	}
	return nil
}

// whole reads a part; a line that was cut off gets an end. One that is gone is empty.
func whole(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return text, err
}

// behind is what a part has more than was moved of it: a hookd that dies before it can remove a part leaves it to the next
// one, which may go on with it. What was moved is the end of the last lasting part then, and whole lines of it.
func behind(last, text []byte) []byte {
	for n := len(text); n > 0; n = bytes.LastIndexByte(text[:n-1], '\n') + 1 {
		if bytes.HasSuffix(last, text[:n]) && (n == len(last) || last[len(last)-n-1] == '\n') {
			return text[n:]
		}
	}
	return text
}

func (m *move) unfinished() string { return filepath.Join(m.dir, "unfinished") }

func (m *move) write() error {
	if m.text == nil {
		return nil
	}
	f, err := os.OpenFile(m.unfinished(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(m.text); err == nil {
		err = f.Sync()
	}
	if bad := f.Close(); err == nil {
		err = bad
	}
	if err != nil {
		os.Remove(m.unfinished()) // it may be what fills the disk
	}
	return err
}

func (m *move) rename() error {
	if m.text == nil {
		return nil
	}
	return os.Rename(m.unfinished(), m.target)
}

// sync has the directory know the part for good before the source goes.
func (m *move) sync() error {
	d, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (m *move) remove() error {
	if err := os.Remove(m.source); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// prune takes the oldest parts away that there is no room for.
func (m *move) prune() error {
	old, size := parts(m.dir), int64(0)
	for i := len(old) - 1; i >= 0; i-- {
		if fi, err := os.Lstat(old[i]); err == nil {
			size += fi.Size()
		}
		if size <= maxLasting {
			continue
		}
		if err := os.Remove(old[i]); err != nil {
			return err
		}
	}
	return nil
}
