package hookspec

import (
	"fmt"
	"sort"
	"strings"

	"hookd/events"
	"hookd/internal/unitfile"
)

// Place is where something stands in a file. Line and Col begin at 1, Col counts bytes.
type Place struct {
	Path      string
	Line, Col int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", events.Show(p.Path), p.Line, p.Col) }

// Fault is what makes a hook unusable, with its place. Doubt marks what is only suspicious: the hook still runs.
type Fault struct {
	Place
	Msg   string
	Hint  string // a sentence that helps, or empty
	Hook  string // the hook it belongs to, or empty
	Doubt bool
}

// Error writes the fault as path:line:col: message (hint).
func (f Fault) Error() string {
	msg := f.Place.String() + ": "
	if f.Doubt {
		msg += "doubt: "
	}
	msg += f.Msg
	if f.Hint != "" {
		msg += " (" + f.Hint + ")"
	}
	return msg
}

// Faults are all faults that were found; they are an error when there is one.
type Faults []Fault

func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort orders faults by place.
func (fs Faults) Sort() {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i].Place, fs[j].Place
		if a.Path != b.Path {
			return a.Path < b.Path
		}
		return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col
	})
}

// asDoubts makes faults of files that decide nothing into doubts that belong to no hook.
func (fs Faults) asDoubts() Faults {
	var out Faults
	for _, f := range fs {
		f.Hook, f.Doubt = "", true
		out = append(out, f)
	}
	return out
}

// Hard counts the faults that are more than doubts.
func (fs Faults) Hard() int {
	n := 0
	for _, f := range fs {
		if !f.Doubt {
			n++
		}
	}
	return n
}

func placeOf(path string, pos unitfile.Pos) Place { return Place{path, pos.Line, pos.Col} }

// fileFault is a fault of a whole file: its owner, its mode, its name.
func fileFault(path, hook, hint, format string, args ...any) Fault {
	return Fault{Place: Place{path, 1, 1}, Hook: hook, Msg: fmt.Sprintf(format, args...), Hint: hint}
}
