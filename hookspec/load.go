package hookspec

import (
	"cmp"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// HookDirs are where hooks are looked for; the first directory that has a name wins.
func HookDirs() []string { return under("hooks.d") }

// PolicyDirs are where policies are looked for.
func PolicyDirs() []string { return under("policy.d") }

func under(name string) []string {
	var dirs []string
	for _, d := range []string{"/etc", "/run", "/usr/local/lib", "/usr/lib"} {
		dirs = append(dirs, filepath.Join(d, "hookd", name))
	}
	return dirs
}

// Options say what is loaded.
type Options struct {
	Hooks    []string // directories
	Files    []string // single files, each read as if it stood in a directory of its own
	Policies []string // directories
	MustHave bool     // a directory that does not exist is a fault
	Trust    Trust
	Lenient  bool // owners, modes and users of this host are only doubts: for files on their way to another one
	Accounts Accounts
}

// How a file under a hook directory is used.
const (
	StateLoaded     = "loaded"
	StateKept       = "kept"       // it has faults; the hook as it was read before stays
	StateMasked     = "masked"     // an empty file or a link to /dev/null switches the name off
	StateOverridden = "overridden" // an earlier directory has the name
	StateRefused    = "refused"    // it has faults
	StateIgnored    = "ignored"    // it is no hook
	StateDropIn     = "drop-in"
)

// Entry is a file under a hook directory and what became of it. No file is passed over in silence.
type Entry struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	Named  bool   `json:"-"` // it was one of Options.Files
}

// Load reads all directories. It does not fail: what cannot be used is in the set's faults and entries. A hook that has
// faults now and was good in prev, which may be nil, stays as it was there.
func Load(opt Options, prev *Set) *Set {
	l := loader{Options: opt, found: map[string]*candidate{}, dropIns: map[string]map[string]string{}}
	for _, dir := range opt.Hooks {
		l.directory(dir)
	}
	l.named = true
	for _, p := range opt.Files {
		l.file(map[string]string{}, filepath.Dir(p), filepath.Base(p))
	}
	l.named = false
	for _, dir := range opt.Policies {
		l.policies(dir)
	}
	l.parseAll()
	l.faults.Sort()
	return newSet(l.hooks, l.entries, l.faults, prev)
}

type loader struct {
	Options
	found   map[string]*candidate        // by hook name
	dropIns map[string]map[string]string // by hook name and file name: path
	named   bool                         // the file that is read was named by hand
	hooks   []*Hook
	entries []Entry
	faults  Faults
}

// candidate is the file that decides about a name.
type candidate struct {
	name, path string
	source     Source
	masked     bool
	refused    bool
	why        string // the reason, when no fault of the file itself says it
}

func (l *loader) fault(f Fault) { l.faults = append(l.faults, f) }

func (l *loader) entry(name, path, state, reason string) {
	l.entries = append(l.entries, Entry{name, path, state, reason, l.named})
}

func (l *loader) directory(dir string) {
	if _, err := l.Trust.Resolve(dir); err != nil {
		missing := os.IsNotExist(err)
		switch {
		case missing && !l.MustHave:
		case missing:
			l.fault(fileFault(dir, "", "", "the directory does not exist"))
		case l.Lenient:
			l.untrusted(dir, "", err)
		default:
			l.fault(fileFault(dir, "", "nothing in it is read", "%s", reason(err)))
			return
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		l.fault(fileFault(dir, "", "", "cannot read the directory: %s", reason(err)))
	}
	names := map[string]string{}
	for _, f := range files {
		l.file(names, dir, f.Name())
	}
}

// reason drops the operation and path that the os package puts before an error.
func reason(err error) string {
	if e, ok := err.(*os.PathError); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// untrusted reports a violation of trust; with Lenient it is a doubt.
func (l *loader) untrusted(path, hook string, err error) {
	f := fileFault(path, hook, "", "%s", reason(err))
	f.Doubt = l.Lenient
	l.fault(f)
}

// file sorts one directory entry in. here holds the names that this directory has given so far.
func (l *loader) file(here map[string]string, dir, base string) {
	path := filepath.Join(dir, base)
	if hook, isDropIns := strings.CutSuffix(base, ".hook.d"); isDropIns {
		l.dropInDir(hook, path)
		return
	}
	if why := leftover(base); why != "" {
		l.entry(base, path, StateIgnored, why)
		return
	}
	name, isUnit := strings.CutSuffix(base, ".hook")
	c := &candidate{name: name, path: path}
	if !l.read(c, isUnit) {
		return
	}
	l.settle(here, c)
}

// leftover says why a file is none that anybody meant to be a hook.
func leftover(base string) string {
	for _, suffix := range []string{"~", ".bak", ".swp", ".swo", ".swx", ".tmp", ".orig", ".rej", ".dpkg-new", ".dpkg-old",
		".dpkg-tmp", ".dpkg-dist", ".dpkg-bak", ".ucf-new", ".ucf-old", ".ucf-dist", ".rpmnew", ".rpmsave", ".rpmorig"} {
		if strings.HasSuffix(base, suffix) {
			return "left over by an editor or a package manager (" + suffix + ")"
		}
	}
	switch {
	case strings.HasPrefix(base, "#"):
		return "left over by an editor (#)"
	case strings.HasPrefix(base, "."):
		return "its name begins with a dot"
	}
	return ""
}

// read fills a candidate in from its file; false when the file is no hook.
func (l *loader) read(c *candidate, isUnit bool) bool {
	if target, err := os.Readlink(c.path); err == nil && target == "/dev/null" {
		c.masked = true
		return true
	}
	resolved, err := l.Trust.Resolve(c.path)
	if err != nil {
		c.refused = !l.Lenient
		l.untrusted(c.path, c.name, err)
		if resolved = c.path; c.refused {
			return true
		}
	}
	text, fi, err := readFile(resolved)
	if err != nil {
		c.refused = true
		l.fault(fileFault(c.path, c.name, "", "cannot read the file: %s", reason(err)))
		return true
	}
	if !fi.Mode().IsRegular() {
		l.entry(c.name, c.path, StateIgnored, "it is no regular file")
		return false
	}
	return l.judge(c, isUnit, text, fi)
}

func (l *loader) judge(c *candidate, isUnit bool, text string, fi os.FileInfo) bool {
	c.source = Source{Path: c.path, Text: text, Script: !isUnit}
	switch {
	case text == "":
		c.masked = true
	case !isUnit && !HasHeader(text):
		l.entry(c.name, c.path, StateIgnored, "it has no # [Hook] block before its first command, and its name does not end in .hook")
		return false
	case !IsName(c.name):
		c.refused = true
		l.fault(fileFault(c.path, c.name, "letters, digits and _.@+-, a letter or digit first, at most 100", "the file's name cannot be a hook's name"))
	case isUnit && len(text) > maxFile:
		c.refused = true
		l.fault(fileFault(c.path, c.name, "", "the file is larger than 1 MiB"))
	case !isUnit && fi.Mode()&0o111 == 0:
		c.refused = true
		l.fault(fileFault(c.path, c.name, "chmod +x "+filepath.Base(c.path), "the script is not executable (mode %04o)", fi.Mode().Perm()))
	}
	return true
}

// settle gives the name to the candidate unless an earlier directory has it.
func (l *loader) settle(here map[string]string, c *candidate) {
	first, twice := here[c.name]
	if !twice {
		here[c.name] = c.path
	}
	winner, taken := l.found[c.name]
	switch {
	case twice && winner.path == first:
		winner.refused, winner.masked, winner.why = true, false, "there is "+filepath.Base(c.path)+" in the same directory"
		l.fault(fileFault(c.path, c.name, "remove one of them", "%s declares the same hook in the same directory", filepath.Base(first)))
		l.entry(c.name, c.path, StateRefused, "there is "+filepath.Base(first)+" in the same directory")
	case taken && l.named:
		l.found[c.path] = c // both shall be looked at
	case taken:
		l.entry(c.name, c.path, StateOverridden, "by "+winner.path)
	default:
		l.found[c.name] = c
	}
}

func (l *loader) dropInDir(hook, dir string) {
	if _, err := l.Trust.Resolve(dir); err != nil {
		l.untrusted(dir, hook, err)
		if !l.Lenient {
			return
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		l.fault(fileFault(dir, hook, "", "cannot read the directory: %s", reason(err)))
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if l.dropIns[hook] == nil {
			l.dropIns[hook] = map[string]string{}
		}
		first, taken := l.dropIns[hook][f.Name()]
		switch {
		case !strings.HasSuffix(f.Name(), ".conf"):
			l.entry(hook, path, StateIgnored, "a drop-in's name ends in .conf")
		case taken:
			l.entry(hook, path, StateOverridden, "by "+first)
		default:
			l.dropIns[hook][f.Name()] = path
		}
	}
}

func (l *loader) policies(dir string) {
	files, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		l.fault(fileFault(dir, "", "", "cannot read the directory: %s", reason(err)))
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if strings.HasSuffix(f.Name(), ".policy") {
			l.fault(fileFault(path, "", "the file is not applied", "policies are not in this version"))
			l.entry(f.Name(), path, StateRefused, "policies are not in this version")
		} else {
			l.entry(f.Name(), path, StateIgnored, "a policy's name ends in .policy")
		}
	}
}

// parseAll reads every candidate with its drop-ins, by name.
func (l *loader) parseAll() {
	var names []string
	for name := range l.found {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		l.parse(l.found[name])
	}
	for hook, files := range l.dropIns {
		for _, path := range files {
			l.entry(hook, path, StateIgnored, "there is no hook "+hook)
		}
	}
}

func (l *loader) parse(c *candidate) {
	sources := append([]Source{c.source}, l.takeDropIns(c)...)
	if c.masked {
		l.entry(c.name, c.path, StateMasked, "an empty file or a link to /dev/null")
		return
	}
	if c.refused {
		l.entry(c.name, c.path, StateRefused, cmp.Or(c.why, l.firstFault(c.name)))
		return
	}
	hook, faults := Parse(c.name, sources, l.Options)
	l.faults = append(l.faults, faults...)
	l.program(hook)
	if why := l.firstFault(c.name); why != "" {
		l.entry(c.name, c.path, StateRefused, why)
		return
	}
	l.entry(c.name, c.path, StateLoaded, "")
	l.hooks = append(l.hooks, hook)
}

// takeDropIns reads the drop-ins of a hook in the order of their names.
func (l *loader) takeDropIns(c *candidate) []Source {
	files := l.dropIns[c.name]
	delete(l.dropIns, c.name)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	var sources []Source
	for _, name := range names {
		path := files[name]
		l.entry(c.name, path, StateDropIn, "")
		resolved, err := l.Trust.Resolve(path)
		if err != nil {
			l.untrusted(path, c.name, err)
			resolved = path
			if !l.Lenient {
				continue
			}
		}
		text, fi, err := readFile(resolved)
		if err != nil || !fi.Mode().IsRegular() || len(text) > maxFile {
			l.fault(fileFault(path, c.name, "", "cannot read the drop-in: it is no regular file of at most 1 MiB"))
			continue
		}
		sources = append(sources, Source{Path: path, Text: text})
	}
	return sources
}

// program checks what the hook executes. A program that is not there is a doubt: it may come later, and running the
// hook fails with the reason.
func (l *loader) program(h *Hook) {
	path, place := h.Program()
	if path == "" {
		return
	}
	resolved, err := l.Trust.Resolve(path)
	f := Fault{Place: place, Hook: h.Name}
	switch {
	case os.IsNotExist(err):
		f.Msg, f.Doubt = "there is no "+path, true
	case err != nil:
		f.Msg, f.Doubt = reason(err), l.Lenient
	default:
		if f.Msg = notExecutable(resolved); f.Msg == "" {
			return
		}
	}
	l.fault(f)
}

func notExecutable(path string) string {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return reason(err)
	case !fi.Mode().IsRegular():
		return path + " is no regular file"
	case fi.Mode()&0o111 == 0:
		return path + " is not executable"
	}
	return ""
}

// Program is the path of what the hook executes and the place that says so.
func (h *Hook) Program() (string, Place) {
	if h.Script {
		return h.Path, Place{h.Path, 1, 1}
	}
	if len(h.Exec) == 0 {
		return "", Place{}
	}
	text, _ := h.Exec[0].Expand(func(string) (string, bool) { return "", false })
	return text, h.Exec[0].Place
}

// firstFault is the first hard fault of a hook, as the reason in its entry.
func (l *loader) firstFault(hook string) string {
	for _, f := range l.faults {
		if f.Hook == hook && !f.Doubt {
			return f.Msg
		}
	}
	return ""
}
