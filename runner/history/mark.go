package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// mark remembers, beside the history, that the lasting directory is there: for the next hookd of this boot, and for readers.
// The device tells it from the empty place below a mount point.
type mark struct {
	Boot      string `json:"boot"`
	Device    uint64 `json:"device"`
	Directory string `json:"directory"`
}

func markPath(dir string) string { return filepath.Join(dir, "lasting") }

// markOf is the mark of a directory that was just said to be there.
func markOf(lasting string) (mark, error) {
	o, err := here()
	if err != nil {
		return mark{}, err
	}
	device, err := deviceOf(lasting)
	return mark{o.Boot, device, lasting}, err
}

func readMark(dir string) (m mark, err error) {
	text, err := os.ReadFile(markPath(dir))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

func (m mark) write(dir string) error {
	os.Mkdir(dir, 0o700) // somebody may have removed it
	text, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(markPath(dir)+".new", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(markPath(dir)+".new", markPath(dir))
	}
	if err != nil {
		return fmt.Errorf("cannot remember where the history lasts: %w", err)
	}
	return nil
}

// deviceOf is the file system that a directory is on, or would be made on.
func deviceOf(dir string) (uint64, error) {
	for {
		fi, err := os.Stat(dir)
		switch up := filepath.Dir(dir); {
		case err == nil:
			return uint64(fi.Sys().(*syscall.Stat_t).Dev), nil
		case !errors.Is(err, os.ErrNotExist) || up == dir:
			return 0, fmt.Errorf("cannot tell where the history lasts: %w", err)
		default:
			dir = up
		}
	}
}
