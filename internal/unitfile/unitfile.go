// Package unitfile reads the syntax of systemd's unit files and keeps the position of everything it reads.
//
// The syntax is that of systemd.syntax(7): sections, Key=value, comments that begin with # or ;, and lines that a
// backslash at their end continues. The package knows no section and no key; it is the floor that hookspec stands on.
package unitfile

import (
	"fmt"
	"sort"
	"strings"
)

// Pos is a place in a file. Both numbers begin at 1; Col counts bytes.
type Pos struct{ Line, Col int }

// Fault says what is wrong at a place. Hint is empty or a sentence that helps to mend it.
type Fault struct {
	Pos  Pos
	Msg  string
	Hint string
}

// Line is one line of input without its line end. Pos is where Text begins in the file, which is not column 1 when the
// line stood in a comment of a script.
type Line struct {
	Text string
	Pos  Pos
}

// File is what was read, in the order of the file; sections of one name are not joined.
type File struct{ Sections []Section }

// Section is a [Name] and the entries below it.
type Section struct {
	Name    string
	Pos     Pos
	Entries []Entry
}

// Entry is one Key=value. Pos is the place of the key.
type Entry struct {
	Key   string
	Pos   Pos
	Value Value
}

// Value is the text right of the equals sign, continued lines joined by a space, white space at both ends removed.
type Value struct {
	Text  string
	spans []span
}

// span says that Text[off:] was read at pos, up to the next span.
type span struct {
	off int
	pos Pos
}

// At returns the place in the file of the byte at offset off of the value.
func (v Value) At(off int) Pos {
	after := sort.Search(len(v.spans), func(i int) bool { return v.spans[i].off > off })
	if after == 0 {
		return Pos{1, 1}
	}
	s := v.spans[after-1]
	return Pos{s.pos.Line, s.pos.Col + off - s.off}
}

// Part returns the bytes from one offset to another as a value of their own, in the same place.
func (v Value) Part(from, to int) Value {
	part := Value{Text: v.Text[from:to], spans: []span{{0, v.At(from)}}}
	for _, s := range v.spans {
		if s.off > from && s.off < to {
			part.spans = append(part.spans, span{s.off - from, s.pos})
		}
	}
	return part
}

// Lines cuts a text into lines. A byte order mark and carriage returns before line ends are dropped.
func Lines(text string) []Line {
	col := 1
	if rest, found := strings.CutPrefix(text, "\ufeff"); found {
		text, col = rest, 4
	}
	var lines []Line
	for n, t := range strings.Split(text, "\n") {
		lines = append(lines, Line{strings.TrimSuffix(t, "\r"), Pos{n + 1, col}})
		col = 1
	}
	return lines
}

// Parse reads lines and returns all faults with what could be read.
func Parse(lines []Line) (File, []Fault) {
	p := parser{lines: lines}
	for len(p.lines) > 0 {
		p.line()
	}
	return p.file, p.faults
}

type parser struct {
	lines  []Line
	file   File
	faults []Fault
}

func (p *parser) fault(pos Pos, hint, format string, args ...any) {
	p.faults = append(p.faults, Fault{pos, fmt.Sprintf(format, args...), hint})
}

const blank = " \t\r\f\v"

// trimmed drops the white space at both ends and moves the position along.
func (l Line) trimmed() Line {
	t := strings.TrimLeft(l.Text, blank)
	return Line{strings.TrimRight(t, blank), Pos{l.Pos.Line, l.Pos.Col + len(l.Text) - len(t)}}
}

func (l Line) comment() bool {
	return l.Text != "" && (l.Text[0] == '#' || l.Text[0] == ';')
}

func (p *parser) next() Line {
	l := p.lines[0]
	p.lines = p.lines[1:]
	if i := strings.IndexByte(l.Text, 0); i >= 0 {
		p.fault(Pos{l.Pos.Line, l.Pos.Col + i}, "", "a NUL byte")
	}
	return l
}

func (p *parser) line() {
	l := p.next().trimmed()
	switch {
	case l.Text == "" || l.comment():
	case l.Text[0] == '[':
		p.section(l)
	default:
		p.entry(l)
	}
}

func (p *parser) section(l Line) {
	name, rest, closed := strings.Cut(l.Text[1:], "]")
	switch {
	case !closed:
		p.fault(l.Pos, "", "section header %q has no closing bracket", l.Text)
	case rest != "":
		p.fault(Pos{l.Pos.Line, l.Pos.Col + len(name) + 2}, "", "text %q after the section header", rest)
	}
	// An unreadable header still opens a section, so that what follows is not charged to the one before.
	p.file.Sections = append(p.file.Sections, Section{Name: name, Pos: l.Pos})
}

func (p *parser) entry(l Line) {
	joined := p.joined(l)
	key, _, assigned := strings.Cut(joined.Text, "=")
	name := strings.TrimRight(key, blank)
	switch {
	case !assigned:
		p.fault(l.Pos, "a line is a [Section], a Key=value or a # comment", "%q is no assignment", clip(l.Text))
		return
	case !isKey(name):
		p.fault(l.Pos, "a key is made of letters, digits and -", "%q is no key", clip(name))
		return
	case len(p.file.Sections) == 0:
		p.fault(l.Pos, "begin the file with [Hook]", "%s= before the first section", name)
		return
	}
	s := &p.file.Sections[len(p.file.Sections)-1]
	s.Entries = append(s.Entries, Entry{name, l.Pos, joined.from(len(key) + 1)})
}

// joined returns the logical line that begins with l. As in systemd, comments between continued lines are skipped, and
// a backslash that another one escapes continues nothing.
func (p *parser) joined(l Line) (v Value) {
	v = Value{spans: []span{{0, l.Pos}}}
	var b strings.Builder
	defer func() { v.Text = b.String() }()
	for {
		slashes := len(l.Text) - len(strings.TrimRight(l.Text, `\`))
		if slashes%2 == 0 {
			b.WriteString(l.Text)
			return v
		}
		text := l.Text[:len(l.Text)-1]
		b.WriteString(text + " ")
		for len(p.lines) > 0 && p.lines[0].trimmed().comment() {
			p.next()
		}
		if len(p.lines) == 0 {
			p.fault(Pos{l.Pos.Line, l.Pos.Col + len(text)}, "", "the file ends after a line that a backslash continues")
			return v
		}
		l = p.next()
		l.Text = strings.TrimRight(l.Text, blank)
		v.spans = append(v.spans, span{b.Len(), l.Pos})
	}
}

// from returns the value that begins at offset off, trimmed.
func (v Value) from(off int) Value {
	for off < len(v.Text) && strings.IndexByte(blank, v.Text[off]) >= 0 {
		off++
	}
	out := Value{Text: strings.TrimRight(v.Text[off:], blank), spans: []span{{0, v.At(off)}}}
	for _, s := range v.spans {
		if s.off > off {
			out.spans = append(out.spans, span{s.off - off, s.pos})
		}
	}
	return out
}

func isKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// clip keeps a message readable when the input is not.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
