package hookspec

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"hookd/events"
)

func (l *loader) dropInDir(hook, dir string, distrust error) {
	if distrust == nil {
		_, distrust = l.Trust.Resolve(dir)
	}
	if distrust != nil {
		f := fileFault(dir, hook, "nothing in it is used", "%s", reason(distrust))
		f.Doubt = l.Lenient
		l.dropInFaults[hook] = append(l.dropInFaults[hook], f)
		if !l.Lenient {
			return
		}
	}
	for _, f := range l.readDir(dir) {
		l.dropIn(hook, filepath.Join(dir, f.Name()), f.Name())
	}
}

func (l *loader) dropIn(hook, path, base string) {
	if l.dropIns[hook] == nil {
		l.dropIns[hook] = map[string]string{}
	}
	first, taken := l.dropIns[hook][base]
	switch why := leftover(base); {
	case why != "":
		l.entry(hook, path, StateIgnored, why)
	case !strings.HasSuffix(base, ".conf"):
		l.entry(hook, path, StateIgnored, "a drop-in's name ends in .conf")
	case taken:
		l.entry(hook, path, StateOverridden, "by "+events.Show(first))
	default:
		l.dropIns[hook][base] = path
	}
}

// takeDropIns reads the drop-ins of a hook in the order of their names.
func (l *loader) takeDropIns(c *candidate) []Source {
	c.faults = append(c.faults, l.dropInFaults[c.name]...)
	delete(l.dropInFaults, c.name)
	files := l.dropIns[c.name]
	delete(l.dropIns, c.name)
	var sources []Source
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := files[name]
		l.entry(c.name, path, StateDropIn, "")
		text, fi, err := l.open(c, path)
		switch {
		case err != nil:
		case isNull(fi) || text == "": // masks a drop-in of the same name
		case !fi.Mode().IsRegular() || len(text) > maxFile:
			c.faults = append(c.faults, fileFault(path, c.name, "", "it is no regular file of at most 1 MiB"))
		default:
			sources = append(sources, Source{Path: path, Text: text})
		}
	}
	return sources
}

// orphans tells of drop-ins for hooks that do not exist.
func (l *loader) orphans() {
	for hook, files := range l.dropIns {
		for _, path := range files {
			l.entry(hook, path, StateIgnored, "there is no hook "+events.Show(hook))
		}
	}
	for _, faults := range l.dropInFaults {
		l.faults = append(l.faults, faults.asDoubts()...)
	}
}
