// Package adopt puts hookd beside the old systems, and takes it away again. What that changes on the disk is values first: a
// list of changes, computed from what is there. They are carried out one by one, after a record of them was written.
package adopt

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hookd/events"
)

// Kind says what a change makes.
type Kind string

// The kinds of changes.
const (
	Directory Kind = "directory"
	Link      Kind = "link" // to Content
	File      Kind = "file" // with Content
	Stop      Kind = "stop" // a unit that ran
	Mask      Kind = "mask" // a unit, by a link as systemctl(1) makes it
)

// Change is one thing that adoption makes where there was nothing.
type Change struct {
	Kind    Kind
	Path    string // of a unit its name
	Content string
}

// Host is the system whose disk is changed.
type Host struct {
	Root string // where its root directory is, absolute; empty: /
	// Systemctl is systemctl(1). It is nil where systemd does not run, and below another root.
	Systemctl func(args ...string) error
	// Trusted says why others than root may have written a path, or what is on the way to it. It is nil where nobody asks.
	Trusted func(path string) error
}

// at is where a path is.
func (h Host) at(path string) string { return filepath.Join(h.Root, path) }

// where is a path that a change makes.
func (c Change) where() string {
	if c.Kind == Mask {
		return "/etc/systemd/system/" + c.Path
	}
	return c.Path
}

// state is how far a change is true.
type state int

const (
	absent  state = iota // nothing is there
	made                 // what the change makes is there
	foreign              // something else is there
)

// look says how far a change is true, and what is there that is foreign.
func (h Host) look(c Change) (state, string) {
	if c.Kind == Stop {
		return h.lookAtUnit(c.Path), ""
	}
	if !h.within(c.where()) {
		return foreign, "leads out of " + h.Root
	}
	info, err := os.Lstat(h.at(c.where()))
	switch {
	case os.IsNotExist(err):
		return absent, ""
	case err != nil:
		return foreign, "cannot be looked at: " + err.Error()
	case c.is(h, info):
		return made, ""
	}
	return foreign, h.describe(c, info)
}

// lookAtUnit says whether a unit has been stopped.
func (h Host) lookAtUnit(unit string) state {
	if h.Systemctl != nil && h.Systemctl("--quiet", "is-active", unit) == nil {
		return absent
	}
	return made
}

// is says whether what is there is what the change makes.
func (c Change) is(h Host, info fs.FileInfo) bool {
	path := h.at(c.where())
	switch c.Kind {
	case Directory:
		return h.isDir(c.Path)
	case File:
		text, err := os.ReadFile(path)
		return info.Mode().IsRegular() && err == nil && string(text) == c.Content
	}
	target, err := os.Readlink(path)
	return err == nil && target == c.target()
}

func (c Change) target() string {
	if c.Kind == Mask {
		return "/dev/null"
	}
	return c.Content
}

func (h Host) describe(c Change, info fs.FileInfo) string {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(h.at(c.where()))
		return "is a link to " + events.Show(target)
	case info.IsDir():
		return "is a directory"
	case c.Kind == File && info.Mode().IsRegular():
		return "has another text"
	}
	return "is a file of somebody else"
}

func (h Host) isDir(path string) bool {
	info, err := os.Stat(h.at(path))
	return err == nil && info.IsDir()
}

// Inside refuses a path below another root that links lead out of: an absolute one leads into the root of this host.
func (h Host) Inside(path string) error {
	if !h.within(path) {
		return fmt.Errorf("%s leads out of %s", events.Show(h.at(path)), events.Show(h.Root))
	}
	return nil
}

func (h Host) within(path string) bool {
	if h.Root == "" {
		return true
	}
	root, err := filepath.EvalSymlinks(h.Root)
	for dir := filepath.Dir(h.at(path)); err == nil; dir = filepath.Dir(dir) {
		real, missing := filepath.EvalSymlinks(dir)
		if missing == nil {
			return real == root || strings.HasPrefix(real, strings.TrimSuffix(root, "/")+"/")
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
	return false
}

// verbs say a change and its end, as done and as what would be done.
type verbs struct{ done, do, undone, undo string }

func (c Change) verbs() verbs {
	switch c.Kind {
	case Directory:
		return verbs{"made", "make", "removed", "remove"}
	case Link:
		return verbs{"linked", "link", "removed the link", "remove the link"}
	case Stop:
		return verbs{"stopped", "stop", "started", "start"}
	case Mask:
		return verbs{"masked", "mask", "unmasked", "unmask"}
	}
	return verbs{"wrote", "write", "removed", "remove"}
}

// what is what a change is about.
func (h Host) what(c Change) string {
	switch c.Kind {
	case Stop, Mask:
		return events.Show(c.Path)
	case Directory:
		return "the directory " + events.Show(h.at(c.Path))
	}
	return events.Show(h.at(c.Path))
}

// tell says a change, as done or as what would be done.
func (h Host) tell(c Change, done bool) string {
	what := h.what(c)
	if c.Kind == Link {
		what += " to " + events.Show(c.Content)
	}
	if done {
		return c.verbs().done + " " + what
	}
	return "would " + c.verbs().do + " " + what
}

// tellBack says that a change was taken back, or would be.
func (h Host) tellBack(c Change, done bool) string {
	if done {
		return c.verbs().undone + " " + h.what(c)
	}
	return "would " + c.verbs().undo + " " + h.what(c)
}

// failed says what could not be done.
func (h Host) failed(c Change, err error) error {
	return fmt.Errorf("cannot %s %s: %w", c.verbs().do, h.what(c), err)
}
