package hookctl

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/compat/legacy"
	"hookd/events"
	"hookd/hookspec"
)

// imported is a hook made of an old script, in JSON.
type imported struct {
	Name     string         `json:"name"`
	Scripts  []events.Bytes `json:"scripts"`
	System   string         `json:"system"`
	Path     events.Bytes   `json:"path"`
	Copy     events.Bytes   `json:"copy"`
	Text     events.Bytes   `json:"text"`
	Old      started        `json:"old"`
	New      started        `json:"new"`
	Differs  []string       `json:"differs,omitempty"`
	Replaced []events.Bytes `json:"replaced,omitempty"`

	proposal legacy.Proposal
}

// started is how a program is started for an event.
type started struct {
	Args        []events.Bytes `json:"args"`
	Environment []events.Bytes `json:"environment"`
}

// refusedScript is an old script that no hook stands for, in JSON.
type refusedScript struct {
	Path events.Bytes `json:"path"`
	Line int          `json:"line,omitempty"`
	Why  string       `json:"why"`
}

// place is where imported things go: as the host knows it, and as we reach it.
type place struct{ known, real string }

func (a *app) importScripts(c *cli.Context) error {
	all := legacy.Read(c.String("root"))
	chosen, err := choose(c, all)
	if err != nil {
		return err
	}
	to, err := importPlace(c)
	if err != nil {
		return err
	}
	proposals, refusals := legacy.Propose(all, chosen, textsOf(c, all, chosen), pastOf(to, all))
	done := []imported{}
	for _, p := range proposals {
		i, why := makeImport(c, to, p, all)
		if why == "" && !c.Bool("dry-run") {
			why = errText(i.write(c, to))
		}
		if why != "" {
			refusals = append(refusals, legacy.Refusal{Path: p.Entries[0].Path, Why: why})
			continue
		}
		done = append(done, i)
	}
	return a.toldImports(c, done, refusals)
}

// makeImport is the hook, or why there is none. It parses what it has made: a hook with a fault would never run.
func makeImport(c *cli.Context, to place, p legacy.Proposal, all []legacy.Entry) (imported, string) {
	i := imported{Name: p.Name, System: p.System, Differs: p.Differs, proposal: p,
		Path: events.Bytes(filepath.Join(to.known, "hooks.d", p.Name+".hook")), Copy: events.Bytes(filepath.Join(to.known, "imported", p.Copy()))}
	for _, e := range p.Entries {
		i.Scripts = append(i.Scripts, events.Bytes(e.Path))
	}
	i.Text = events.Bytes("[Hook]\n" + strings.Join(p.Lines, "\n") + "\nExec=" + strings.Join(i.exec(), " ") + "\n")
	h, faults := hookspec.Parse(p.Name, []hookspec.Source{{Path: string(i.Path), Text: string(i.Text)}}, hookspec.Options{Accounts: hookspec.Host{}})
	if len(faults) > 0 {
		return i, "the hook would have a fault: " + faults[0].Error()
	}
	i.Old, i.New = beside(p, h)
	for _, there := range []string{i.hookFile(to), i.copyFile(to)} {
		if _, err := os.Lstat(there); err == nil {
			return i, "there is a " + events.Show(there) + " already"
		}
	}
	if why := errText(i.inside(c)); why != "" || !c.Bool("replace") {
		return i, why
	}
	return i, i.irreplaceable(all)
}

// inside refuses what would be written out of the root.
func (i imported) inside(c *cli.Context) error {
	h, err := adoptHost(c)
	var paths []events.Bytes
	if c.String("to") == "" {
		paths = append(paths, i.Path, i.Copy)
	}
	if c.Bool("replace") {
		paths = append(paths, i.Scripts...)
	}
	for _, p := range paths {
		err = cmp.Or(err, h.Inside(string(p)))
	}
	return err
}

func (i imported) hookFile(to place) string { return filepath.Join(to.real, "hooks.d", i.Name+".hook") }
func (i imported) copyFile(to place) string {
	return filepath.Join(to.real, "imported", i.proposal.Copy())
}

// exec are the words of Exec=.
func (i imported) exec() []string {
	words := append([]string{word(string(i.Copy))}, i.proposal.Args...)
	if i.proposal.Shell {
		words = append([]string{"/bin/sh"}, words...)
	}
	return words
}

// word writes a path as one word of Exec=.
func word(path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if !strings.ContainsAny(path, " \t\n\"'\\;") {
		return path
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(path) + `"`
}

// irreplaceable says why the old script cannot be put aside.
func (i imported) irreplaceable(all []legacy.Entry) string {
	for _, e := range i.proposal.Entries {
		switch {
		case !e.Adopted:
			return "nothing would run it any more: " + notAdopted(e)
		case strings.HasPrefix(e.Path, "/usr/"):
			return "it belongs to a package, which would bring it back: without --replace it runs twice"
		}
		for _, other := range all {
			others := !slices.ContainsFunc(i.proposal.Entries, func(m legacy.Entry) bool { return m.Path == other.Path })
			if others && other.Real == e.Path && other.Path != e.Path {
				return "the link " + other.Path + " leads to it and would lead nowhere"
			}
		}
	}
	return ""
}

// notAdopted says why the hook would never hear of its event.
func notAdopted(e legacy.Entry) string {
	return e.System + " does not tell hookd of its events (hookctl adopt " + e.System + ")"
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
