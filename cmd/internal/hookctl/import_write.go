package hookctl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"hookd/events"
)

// write puts the copy into its place, the old script aside and the hook into force, in this order: a failure in between leaves
// a script that runs as before.
func (i *imported) write(c *cli.Context, to place) error {
	entries := i.proposal.Entries
	text, err := os.ReadFile(below(c, entries[0].Real))
	if err != nil {
		return err
	}
	if err := putFile(i.copyFile(to), text, 0o755); err != nil {
		return err
	}
	unfinished := i.copyFile(to) + ".hook" // not among the hooks, where hookd would see it
	if err := putFile(unfinished, []byte(i.Text), 0o644); err != nil {
		return errors.Join(err, os.Remove(i.copyFile(to)))
	}
	if err = os.MkdirAll(filepath.Dir(i.hookFile(to)), 0o755); err == nil && c.Bool("replace") {
		err = i.putAside(c, to)
	}
	if err == nil {
		err = os.Rename(unfinished, i.hookFile(to))
	}
	if err != nil {
		return errors.Join(err, i.putBack(c, to), os.Remove(unfinished), os.Remove(i.copyFile(to)))
	}
	return nil
}

// aside is where an old script lies that a hook stands for: nobody runs it there, and who moves it back has undone it. For
// dpkg(1) a conffile that was moved away was deleted by the administrator, and stays so in upgrades.
func aside(to, script string) string {
	return filepath.Join(to, "imported", filepath.Base(filepath.Dir(script)), filepath.Base(script)+".replaced")
}

func (i *imported) putAside(c *cli.Context, to place) error {
	for _, e := range i.proposal.Entries {
		target := aside(to.real, e.Path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Rename(below(c, e.Path), target); err != nil {
			return err
		}
		i.Replaced = append(i.Replaced, events.Bytes(aside(to.known, e.Path)))
	}
	return nil
}

func (i *imported) putBack(c *cli.Context, to place) error {
	var errs []error
	for n := range i.Replaced {
		path := i.proposal.Entries[n].Path
		errs = append(errs, os.Rename(aside(to.real, path), below(c, path)))
	}
	return errors.Join(errs...)
}

// putFile makes a file that is complete or not there, and never takes the place of another one.
func putFile(path string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
