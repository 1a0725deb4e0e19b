package hookspec

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hookd/events"
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
	Hooks        []string // directories
	Files        []string // single files, each read as if it stood in a directory of its own
	Policies     []string // directories
	NeedHooks    bool     // a hook directory that does not exist is a fault
	NeedPolicies bool     // likewise
	Trust        Trust
	Lenient      bool // owners, modes and users of this host are only doubts: for files on their way to another one
	Accounts     Accounts
	Scripts      Scripts // of networkd-dispatcher
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
	Name   string
	Path   string
	State  string
	Reason string
	Named  bool // it was one of Options.Files
	Policy bool // it stands under a policy directory
}

// Load reads all directories. It does not fail: what cannot be used is in the set's faults and entries. A hook that has
// faults now and was good in prev, which may be nil, stays as it was there.
func Load(opt Options, prev *Set) *Set {
	l := loader{Options: opt, found: map[string]*candidate{}, dropIns: map[string]map[string]string{}, dropInFaults: map[string]Faults{}, beside: map[string]bool{}}
	for _, dir := range opt.Hooks {
		l.directory(dir)
	}
	for _, path := range opt.Files {
		l.single(path)
	}
	for _, name := range slices.Sorted(maps.Keys(l.found)) {
		l.parse(l.found[name])
	}
	l.orphans()
	l.scripts()
	for _, dir := range opt.Policies {
		l.policies(dir)
	}
	l.faults.Sort()
	return newSet(&l, prev)
}

type loader struct {
	Options
	found        map[string]*candidate        // by hook name
	dropIns      map[string]map[string]string // by hook name and file name: path
	dropInFaults map[string]Faults            // of the directories of drop-ins, by hook name
	named        bool                         // the file that is read was named by hand
	hooks        []*Hook
	refused      []*Hook
	beside       map[string]bool // names in the directories of single files
	unread       []string        // directories that could not be read
	written      bool            // somebody has a file open for writing
	entries      []Entry
	faults       Faults
}

// single reads a file that was named by hand, with the drop-ins beside it. A drop-in stands for the hook that it changes.
func (l *loader) single(path string) {
	dir, base := filepath.Split(filepath.Clean(path))
	if hook, isDropIns := strings.CutSuffix(filepath.Base(dir), ".hook.d"); isDropIns && strings.HasSuffix(base, ".conf") {
		dir = filepath.Dir(filepath.Clean(dir))
		base = hook + ".hook"
		if _, err := os.Lstat(filepath.Join(dir, base)); err != nil {
			base = hook
		}
	}
	if dir == "" {
		dir = "."
	}
	l.named = true
	defer func() { l.named = false }()
	l.file(map[string]string{}, dir, base, nil)
	name := strings.TrimSuffix(base, ".hook")
	for _, f := range l.readDir(dir) {
		l.beside[strings.TrimSuffix(f.Name(), ".hook")] = true
		if f.Name() == name+".hook.d" {
			l.dropInDir(name, filepath.Join(dir, f.Name()), nil)
		}
	}
}

func (l *loader) entry(name, path, state, reason string) {
	l.entries = append(l.entries, Entry{Name: name, Path: path, State: state, Reason: reason, Named: l.named})
}

func (l *loader) fault(path, hint, format string, args ...any) {
	l.faults = append(l.faults, fileFault(path, "", hint, format, args...))
}

// directory sorts in what stands in a hook directory. In one that is not trusted the names count, so that what they
// override or mask does not come to life, but nothing is read.
func (l *loader) directory(dir string) {
	_, distrust := l.Trust.Resolve(dir)
	switch {
	case distrust == nil:
	case os.IsNotExist(distrust) && !l.NeedHooks:
		return
	case os.IsNotExist(distrust):
		l.fault(dir, "", "the directory does not exist")
		return
	case l.Lenient:
		l.fault(dir, "", "%s", reason(distrust))
		l.faults[len(l.faults)-1].Doubt = true
		distrust = nil
	default:
		l.fault(dir, "nothing in it is used", "%s", reason(distrust))
	}
	here := map[string]string{}
	for _, f := range l.readDir(dir) {
		l.file(here, dir, f.Name(), distrust)
	}
}

func (l *loader) readDir(dir string) []os.DirEntry {
	files, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		l.fault(dir, "", "cannot read the directory: %s", reason(err))
		l.unread = append(l.unread, filepath.Clean(dir))
	}
	return files
}

// reason drops the operation and path that the os package puts before an error.
func reason(err error) string {
	if e, ok := err.(*os.PathError); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// file sorts one directory entry in. here holds the names that this directory has given so far; distrust is why nothing
// in the directory is read.
func (l *loader) file(here map[string]string, dir, base string, distrust error) {
	path := filepath.Join(dir, base)
	if why := leftover(base); why != "" {
		l.entry(base, path, StateIgnored, why)
		return
	}
	if hook, isDropIns := strings.CutSuffix(base, ".hook.d"); isDropIns {
		l.dropInDir(hook, path, distrust)
		return
	}
	name, isUnit := strings.CutSuffix(base, ".hook")
	c := &candidate{name: name, path: path, named: l.named}
	if distrust != nil {
		c.refuse("", "the directory is not trusted: %s", reason(distrust))
	} else if why := l.read(c, isUnit); why != "" {
		l.entry(name, path, StateIgnored, why)
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

// settle gives the name to the candidate unless an earlier directory has it. What is wrong with a file that is
// overridden matters to nobody, so it is only a doubt.
func (l *loader) settle(here map[string]string, c *candidate) {
	first, twice := here[c.name]
	if !twice {
		here[c.name] = c.path
	}
	winner, taken := l.found[c.name]
	switch {
	case twice && winner.path == first:
		winner.refuse("remove one of them", "%s declares the same hook in the same directory", events.Show(filepath.Base(c.path)))
		l.entry(c.name, c.path, StateRefused, "there is "+events.Show(filepath.Base(first))+" in the same directory")
	case taken && l.named:
		l.found[c.path] = c // both shall be looked at
	case taken:
		l.entry(c.name, c.path, StateOverridden, "by "+events.Show(winner.path))
		l.faults = append(l.faults, c.faults.asDoubts()...)
	default:
		l.found[c.name] = c
	}
}

// policies lists policy files, which this version does not apply.
func (l *loader) policies(dir string) {
	if _, err := os.Stat(dir); os.IsNotExist(err) && l.NeedPolicies {
		l.fault(dir, "", "the directory does not exist")
	}
	for _, f := range l.readDir(dir) {
		e := Entry{Name: f.Name(), Path: filepath.Join(dir, f.Name()), State: StateIgnored, Policy: true}
		e.Reason = "a policy's name ends in .policy"
		if strings.HasSuffix(f.Name(), ".policy") {
			e.State, e.Reason = StateRefused, "policies are not in this version"
			l.fault(e.Path, "the file is not applied", "%s", e.Reason)
		}
		l.entries = append(l.entries, e)
	}
}

// parse reads the candidate that decides about a name, with its drop-ins.
func (l *loader) parse(c *candidate) {
	masked := c.masked && !c.refused()
	dropIns := l.takeDropIns(c)
	l.named = c.named
	defer func() { l.named = false }()
	if masked {
		l.entry(c.name, c.path, StateMasked, "an empty file or a link to /dev/null")
		l.faults = append(l.faults, c.faults.asDoubts()...)
		return
	}
	var hook *Hook
	if !c.refused() {
		var faults Faults
		hook, faults = Parse(c.name, append([]Source{c.source}, dropIns...), l.Options)
		c.faults = append(c.faults, faults...)
		l.program(c, hook)
	}
	if c.refused() {
		l.entry(c.name, c.path, StateRefused, c.first())
		if hook != nil {
			l.refused = append(l.refused, hook)
		}
	} else {
		l.entry(c.name, c.path, StateLoaded, "")
		l.hooks = append(l.hooks, hook)
	}
	l.faults = append(l.faults, c.faults...)
}
