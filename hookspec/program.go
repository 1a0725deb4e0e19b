package hookspec

import (
	"fmt"
	"os"
	"strings"

	"hookd/events"
)

// program checks what the hook executes. A program that is not there is a doubt: it may come later, and running the
// hook fails with the reason.
func (l *loader) program(c *candidate, h *Hook) {
	path, place := h.Program()
	if h.Script {
		l.interpreter(c)
		return // else it has been judged as the file it is
	}
	if path == "" {
		return
	}
	if _, err := os.Stat(h.Dir); err != nil {
		c.faults = append(c.faults, Fault{Place: h.settingPlace("WorkingDirectory"), Hook: h.Name, Doubt: true,
			Msg: "the working directory " + events.Show(h.Dir) + " is not there: " + reason(err)})
	}
	resolved, err := l.Trust.Resolve(path)
	f := Fault{Place: place, Hook: h.Name}
	switch {
	case os.IsNotExist(err):
		f.Msg, f.Doubt = "there is no "+events.Show(path), true
	case err != nil:
		f.Msg, f.Doubt = reason(err), l.Lenient
	default:
		if f.Msg = notExecutable(resolved); f.Msg == "" {
			return
		}
	}
	c.faults = append(c.faults, f)
}

// interpreter looks for what the first line of a script names.
func (l *loader) interpreter(c *candidate) {
	line, _, _ := strings.Cut(c.source.Text, "\n")
	rest, found := strings.CutPrefix(line, "#!")
	words := strings.Fields(rest)
	doubt := Fault{Place: Place{c.path, 1, 1}, Hook: c.name, Doubt: true}
	switch {
	case !found || len(words) == 0:
		doubt.Msg, doubt.Hint = "the script has no #! line, and the kernel will not run it", "begin it with #!/bin/sh"
	default:
		if _, err := os.Stat(words[0]); err == nil {
			return
		}
		doubt.Msg = "there is no interpreter " + events.Show(words[0])
	}
	c.faults = append(c.faults, doubt)
}

func notExecutable(path string) string {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return reason(err)
	case !fi.Mode().IsRegular():
		return events.Show(path) + " is no regular file"
	case fi.Mode()&0o111 == 0:
		return fmt.Sprintf("%s is not executable (mode %04o)", events.Show(path), fi.Mode().Perm())
	}
	return ""
}
