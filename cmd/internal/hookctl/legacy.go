package hookctl

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"hookd/compat/legacy"
	"hookd/events"
	"hookd/hookspec"
)

// What list says of an old script.
const (
	stateRuns  = "runs"
	stateNever = "never runs"
)

// oldScripts are those of the host, or below --root. Who names other directories of hooks asks about those alone.
func (a *app) oldScripts(c *cli.Context) ([]legacy.Entry, error) {
	root := c.String("root")
	if root == "" && len(c.StringSlice("hooks"))+len(c.StringSlice("policy")) > 0 {
		return nil, nil
	}
	if root != "" {
		if _, err := os.ReadDir(root); err != nil {
			return nil, err
		}
	}
	return legacy.Read(root), nil
}

// below is where a path of a host lies that is not running.
func below(c *cli.Context, path string) string {
	if root := c.String("root"); root != "" {
		return filepath.Join(root, path)
	}
	return path
}

func allBelow(c *cli.Context, paths []string) {
	for i := range paths {
		paths[i] = below(c, paths[i])
	}
}

// oldRows are old scripts as list shows them, in JSON.
func oldRows(c *cli.Context, entries []legacy.Entry) []listed {
	var rows []listed
	for _, e := range entries {
		row := listed{Name: events.Bytes(filepath.Base(e.Path)), Path: events.Bytes(below(c, e.Path)), State: stateRuns, System: e.System,
			When: e.When, Order: e.Order, Adopted: e.Adopted, Expected: e.Expected}
		row.Notes = events.AllBytes(slices.Concat(e.Remarks, e.Notes))
		if !e.Runs {
			row.State, row.Reason = stateNever, events.Bytes(e.Why)
		}
		row.shown, row.known = oldState(e), e.Path
		rows = append(rows, row)
	}
	return rows
}

// oldState is what becomes of an old script, in words.
func oldState(e legacy.Entry) string {
	switch {
	case !e.Runs:
		return stateNever + ": " + e.Why
	case e.Shim:
		return "runs, and tells hookd"
	case e.OnePlan:
		return "runs, in one plan with hooks"
	case e.Adopted:
		return "runs, beside hooks"
	}
	return stateRuns
}

// oldTable prints old scripts, with the paths that their own system knows: those below a root are long enough without it.
func (a *app) oldTable(c *cli.Context, rows []listed) {
	table := [][]string{{"SYSTEM", "WHEN", "ORDER", "FILE", "STATE"}}
	for _, r := range rows {
		order, color := "-", green
		if r.Order > 0 {
			order = strconv.Itoa(r.Order)
		}
		switch {
		case r.State == stateNever && r.Expected:
			color = ""
		case r.State == stateNever:
			color = red
		}
		state := a.paint(c, color, plain(r.shown))
		for _, n := range r.Notes {
			state += "; " + plain(string(n))
		}
		table = append(table, []string{r.System, r.When, order, events.Show(r.known), state})
	}
	a.table(table)
}

// checkLegacy prints what is wrong with old scripts, and with adoptions: of scripts all of it doubts, for nobody but the old
// system decides what they are good for.
func (a *app) checkLegacy(c *cli.Context) error {
	if c.NArg() > 0 || len(c.StringSlice("hooks"))+len(c.StringSlice("policy")) > 0 {
		return usagef("check --legacy reads the directories of old systems and takes no other")
	}
	entries, err := a.oldScripts(c)
	if err != nil {
		return err
	}
	faults := a.adoptionFaults(c)
	for _, e := range entries {
		for _, text := range oldDoubts(e) {
			faults = append(faults, hookspec.Fault{Place: hookspec.Place{Path: below(c, e.Path), Line: 1, Col: 1}, Msg: text, Doubt: true})
		}
	}
	return a.tellFaults(c, faults)
}

// tellFaults prints faults and fails where one is more than a doubt.
func (a *app) tellFaults(c *cli.Context, faults hookspec.Faults) error {
	faults.Sort()
	if err := a.printFaults(c, faults); err != nil {
		return err
	}
	if faults.Hard() > 0 {
		return errFailed
	}
	return nil
}

// adoptionFaults are what has become of the adoptions of the host. Who names files or directories asks about those alone.
func (a *app) adoptionFaults(c *cli.Context) hookspec.Faults {
	h, err := a.believer(c)
	if err != nil || c.NArg()+len(c.StringSlice("hooks"))+len(c.StringSlice("policy")) > 0 {
		return nil // the error is about a relative root in a directory that is gone
	}
	var faults hookspec.Faults
	for _, s := range h.Look() {
		if s.Trouble != "" {
			faults = append(faults, hookspec.Fault{Place: hookspec.Place{Path: string(s.Record), Line: 1, Col: 1}, Msg: string(s.Trouble)})
		}
	}
	return faults
}

func oldDoubts(e legacy.Entry) []string {
	if e.Runs || e.Expected {
		return e.Notes
	}
	return []string{"the script never runs: " + e.Why}
}
