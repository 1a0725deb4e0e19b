package hookspec

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// candidate is a file that may decide about a name.
type candidate struct {
	name, path string
	named      bool
	source     Source
	masked     bool
	faults     Faults
}

func (c *candidate) refuse(hint, format string, args ...any) {
	c.faults = append(c.faults, fileFault(c.path, c.name, hint, format, args...))
}

func (c *candidate) refused() bool { return c.faults.Hard() > 0 }

// first is the first hard fault, as the reason in the candidate's entry.
func (c *candidate) first() string {
	for _, f := range c.faults {
		if !f.Doubt {
			return f.Msg
		}
	}
	return ""
}

// read fills a candidate in from its file, or says why the file is no hook.
func (l *loader) read(c *candidate, isUnit bool) (why string) {
	text, fi, err := l.open(c, c.path)
	switch {
	case err != nil:
		return ""
	case isNull(fi):
		c.masked = true
		return ""
	case !fi.Mode().IsRegular():
		return "it is no regular file"
	}
	c.source = Source{Path: c.path, Text: text, Script: !isUnit}
	switch {
	case text == "":
		c.masked = true
	case !isUnit && !hasHeader(text):
		return "it has no # [Hook] block before its first command, and its name does not end in .hook"
	case !IsName(c.name):
		c.refuse("letters, digits and _.@+-, a letter, digit or _ first, at most 100", "the file's name cannot be a hook's name")
	case isUnit && len(text) > maxFile:
		c.refuse("", "the file is larger than 1 MiB")
	case !isUnit && fi.Mode()&0o111 == 0:
		c.refuse("chmod +x "+filepath.Base(c.path), "the script is not executable (mode %04o)", fi.Mode().Perm())
	}
	return ""
}

// open reads a file of a candidate if it is trusted. What is wrong becomes the candidate's fault.
func (l *loader) open(c *candidate, path string) (string, os.FileInfo, error) {
	resolved, err := l.Trust.Resolve(path)
	if err != nil {
		f := fileFault(path, c.name, "", "%s", reason(err))
		f.Doubt = l.Lenient && !os.IsNotExist(err)
		c.faults = append(c.faults, f)
		if !f.Doubt {
			return "", nil, err
		}
		resolved, err = filepath.EvalSymlinks(path)
	}
	var text string
	var fi os.FileInfo
	if err == nil {
		text, fi, err = readFile(resolved)
	}
	if err != nil {
		l.written = l.written || errors.Is(err, errWritten)
		c.faults = append(c.faults, fileFault(path, c.name, "", "cannot read the file: %s", reason(err)))
	}
	return text, fi, err
}

// isNull says whether a file is the null device (null(4)), by whatever path.
func isNull(fi os.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && fi.Mode()&os.ModeCharDevice != 0 && st.Rdev == unix.Mkdev(1, 3)
}
