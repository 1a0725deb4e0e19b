package runparts

import (
	"slices"
	"strings"
	"syscall"
)

// Script is an entry whose name counts. What it is, and whether it runs, shows when its turn has come; see Judge.
type Script struct {
	Name string
	Path string // as it is run: the directory as it was given, a slash, the name
}

// Told is what listing says on standard error, and whether that is the end, with status 1.
type Told struct {
	Stderr string
	Failed bool
}

// List finds the scripts of an invocation, in the order in which they run. It leaves directories open that debianutils
// leaves open, so that descriptors that scripts may meet have the same numbers.
func List(o *Options) ([]Script, Told) {
	l := lister{o: o}
	scripts := l.list()
	if o.Reverse {
		slices.Reverse(scripts)
	}
	return scripts, Told{l.text.String(), l.failed}
}

type lister struct {
	o      *Options
	text   strings.Builder // for standard error
	failed bool
}

// list takes the new way unless the old one is asked for, or what it says and does with --debug and --stdin matters. The
// new way finds out when else the two differ.
func (l *lister) list() []Script {
	if asked := l.o.Dialect == V5_7 || l.o.Debug || l.o.Stdin; asked && l.o.Dialect.Old() {
		return l.old()
	}
	return l.new()
}

// old is 5.7's way: one directory, which must be there, and all that it has.
func (l *lister) old() []Script {
	dir := l.o.Directories[0]
	fd, err := openDir(dir)
	if err != nil {
		l.text.WriteString("run-parts: failed to open directory " + dir + ": " + errorText(err) + "\n")
		l.failed = true
		return nil
	}
	names := l.names(fd, true)
	syscall.Close(fd)
	slices.Sort(names)
	return under(dir, names)
}

func under(dir string, names []string) []Script {
	scripts := make([]Script, len(names))
	for i, name := range names {
		scripts[i] = Script{name, dir + "/" + name}
	}
	return scripts
}

// new is the way of 5.21 and later: several directories, of which those that cannot be read count as empty.
func (l *lister) new() []Script {
	var names []string
	for _, dir := range l.o.Directories {
		fd, err := openDir(dir)
		if err != nil && l.o.Dialect.Old() {
			return l.old()
		}
		if err == nil {
			names = append(names, l.names(fd, false)...)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if l.o.Debug && len(names) > 0 {
		l.text.WriteString("list of unique basenames:\n - " + strings.Join(names, "\n - ") + "\n")
	}
	return l.choose(names)
}

// choose takes each name from the first directory where there is something behind it. The old way does not look so early.
func (l *lister) choose(names []string) []Script {
	scripts := make([]Script, 0, len(names))
	for _, name := range names {
		path, found := l.first(name)
		if found {
			scripts = append(scripts, Script{name, path})
		} else if l.o.Dialect.Old() {
			return under(l.o.Directories[0], names)
		}
	}
	return scripts
}

func (l *lister) first(name string) (path string, found bool) {
	for _, dir := range l.o.Directories {
		path = dir + "/" + name
		var st syscall.Stat_t
		found = syscall.Stat(path, &st) == nil
		switch {
		case l.o.Debug && found:
			l.text.WriteString("checking " + path + "... found\n")
		case l.o.Debug:
			l.text.WriteString("checking " + path + "... not found\n")
		}
		if found {
			break
		}
	}
	return path, found
}

func openDir(dir string) (int, error) {
	for {
		fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC|syscall.O_DIRECTORY, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// names reads the good names of a directory, in its own order.
func (l *lister) names(fd int, dots bool) []string {
	var names []string
	buf := make([]byte, 1<<15)
	for {
		n, err := syscall.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return names
		}
		for entry := buf[:n]; len(entry) > 0; {
			length := int(entry[16]) | int(entry[17])<<8 // struct linux_dirent64 of getdents(2)
			if name := entryName(entry[19:length]); l.takes(name, dots) {
				names = append(names, name)
			}
			entry = entry[length:]
		}
	}
}

func entryName(padded []byte) string {
	for i, c := range padded {
		if c == 0 {
			return string(padded[:i])
		}
	}
	return string(padded)
}

func (l *lister) takes(name string, dots bool) bool {
	if !dots && (name == "." || name == "..") {
		return false
	}
	good, why := l.o.goodName(name)
	if l.o.Debug {
		l.text.WriteString(`"` + name + `": ` + why + "\n")
	}
	return good
}
