package hookctl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/compat"
	"hookd/compat/adopt"
	"hookd/compat/runparts"
	"hookd/events"
	"hookd/hookspec"
)

// together is how the hooks of a plan run with the scripts of an adopted system. The zero value is hooks alone.
type together struct {
	by    string          // how the system is adopted
	where string          // the directory of the scripts, or the system where the event alone does not name it
	steps []hookspec.Step // the one order, where hookd makes one
}

// planTogether is a plan in JSON, with the one order of scripts and hooks where there is one.
type planTogether struct {
	hookspec.PlanReport
	Steps []hookspec.Step `json:"steps,omitempty"`
}

// together looks at the scripts of the host. Who names other directories of hooks asks about those alone.
func (a *app) together(c *cli.Context, set *hookspec.Set, p hookspec.Plan) (together, error) {
	if len(c.StringSlice("hooks")) > 0 {
		return together{}, nil
	}
	h, err := a.believer(c)
	if err != nil {
		return together{}, err
	}
	return withScripts(h, set, p)
}

func withScripts(h adopt.Host, set *hookspec.Set, p hookspec.Plan) (together, error) {
	family, word, _ := strings.Cut(p.Event.Name, ".")
	system, old := familyOf(family)
	if !old || len(p.Jobs) == 0 {
		return together{}, nil
	}
	record, err := h.Read(system.Name)
	if err != nil || record == nil {
		return together{}, err
	}
	t := together{by: record.By, where: system.Name}
	if phase, found := system.ForWord(word); found {
		t.where = filepath.Join("/", h.Root, phase.Directory)
	}
	if t.by == adopt.ByPath {
		if names := scriptsOf(t.where); len(names) > 0 {
			t.steps = set.Steps(p, names)
		}
	}
	return t, nil
}

// familyOf is the old system whose events are of a family.
func familyOf(family string) (compat.System, bool) {
	all := compat.Systems()
	i := slices.IndexFunc(all, func(s compat.System) bool { return s.Family == family })
	if i < 0 {
		return compat.System{}, false
	}
	return all[i], true
}

// scriptsOf are the names that run-parts(8) takes in a directory, in its order.
func scriptsOf(dir string) []string {
	scripts, _ := runparts.List(&runparts.Options{Directories: []string{dir}})
	var names []string
	for _, s := range scripts {
		names = append(names, s.Name)
	}
	return names
}

// tellTogether prints where the hooks run among the scripts.
func (a *app) tellTogether(t together) {
	switch {
	case t.by == adopt.ByLinks:
		fmt.Fprintf(a.out, "hooks run where the link hookd stands among the scripts of %s\n", events.Show(t.where))
	case len(t.steps) > 0:
		fmt.Fprintf(a.out, "with the scripts of %s, in this order:\n", events.Show(t.where))
		for _, s := range t.steps {
			fmt.Fprintf(a.out, "  %s\n", t.step(s))
		}
	}
}

func (t together) step(s hookspec.Step) string {
	name := string(s.Script)
	if name == "" {
		return strings.Join(s.Hooks, ", ")
	}
	return events.Show(name) + " (script" + notRunning(filepath.Join(t.where, name)) + ")"
}

// notRunning says why run-parts(8) passes over a script whose name it takes.
func notRunning(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return ", not there"
	case !info.Mode().IsRegular():
		return ", no file: it does not run"
	case info.Mode()&0o111 == 0:
		return ", not executable: it does not run"
	}
	return ""
}
