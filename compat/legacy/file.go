package legacy

import (
	"encoding/binary"
	"path"
	"strings"
)

// File describes a file in an old directory: all that any of the old systems looks at.
type File struct {
	Path string
	Name string
	Link string // what stands in it, if it is a link
	Real string // where it leads to, links followed; empty if nowhere

	ID       string // the same for all links of one file
	Kind     byte   // of Real: - file, d directory, p FIFO, s socket, c device, ? nothing
	Mode     uint32 // permissions of Real with set-id and sticky bits
	UID, GID uint32
	Size     int64
	Start    string // how it begins
	Secret   bool   // nobody but its owner may see that

	Dir Owner // the directory it stands in, links not followed

	Missing string // the interpreter, or the program of env(1), that it names and that is not there
	Unfit   string // why an interpreter that is there is none
}

// Owner is to whom something belongs, and its permissions. Those of a link are 0777.
type Owner struct {
	Mode     uint32
	UID, GID uint32
}

func byName(a, b File) int { return strings.Compare(a.Name, b.Name) }

func (f File) isDir() bool { return f.Kind == 'd' }

func (f File) isShim() bool { return path.Base(f.Real) == "hookshim" }

// placeholder says whether nobody expects the file to run.
func (f File) placeholder() bool {
	return strings.HasPrefix(f.Name, ".") && f.Size == 0 && f.Kind == '-' || strings.HasPrefix(f.Name, "README")
}

// null says whether the text of the link is that by which people switch a name off.
func (f File) null() bool { return f.Link == "/dev/null" }

// format says whether the kernel can execute it: as a script with an interpreter, or as a program (execve(2)).
func (f File) format() bool {
	return strings.HasPrefix(f.Start, "#!") || f.program()
}

// program looks at what the kernel looks at first: that it is a program by its type, which the sixth byte says how to read (elf(5)).
func (f File) program() bool {
	const header, executable, shared = 64, 2, 3
	if !f.elf() || len(f.Start) < header {
		return false
	}
	kind := binary.LittleEndian.Uint16([]byte(f.Start[16:]))
	if f.Start[5] == 2 {
		kind = binary.BigEndian.Uint16([]byte(f.Start[16:]))
	}
	return kind == executable || kind == shared
}

func (f File) elf() bool { return strings.HasPrefix(f.Start, "\x7fELF") }

// interpreter is the one that a script names, and its argument.
func (f File) interpreter() (program, arg string) {
	line, is := strings.CutPrefix(f.Start, "#!")
	if !is {
		return "", ""
	}
	line, _, _ = strings.Cut(line, "\n")
	program, arg, _ = strings.Cut(strings.Trim(line, " \t"), " ")
	return program, strings.TrimSpace(arg)
}
