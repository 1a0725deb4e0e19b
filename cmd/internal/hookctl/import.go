package hookctl

import (
	"errors"
	"fmt"
	"io/fs"
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

// choose says which old scripts the arguments mean: scripts, or all of a directory.
func choose(c *cli.Context, all []legacy.Entry) (map[string]bool, error) {
	chosen := map[string]bool{}
	for _, arg := range c.Args().Slice() {
		path, err := filepath.Abs(arg)
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range all {
			in := filepath.Dir(e.Path) == path
			if found = found || in || e.Path == path; e.Path == path || in && meant(e) {
				chosen[e.Path] = true
			}
		}
		if found {
			continue
		}
		if _, err := os.Lstat(below(c, path)); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s is in no directory of an old system (hookctl list --all)", events.Show(path))
	}
	return chosen, nil
}

// meant says whether a file of a directory is meant with it: not hookd's own, and not what nobody expects to run.
func meant(e legacy.Entry) bool { return !e.Shim && (e.Runs || !e.Expected || e.Absent) }

func importPlace(c *cli.Context) (place, error) {
	if to := c.String("to"); to != "" {
		abs, err := filepath.Abs(to)
		return place{abs, abs}, err
	}
	return place{"/etc/hookd", below(c, "/etc/hookd")}, nil
}

// textsOf reads the scripts, as far as they can be read.
func textsOf(c *cli.Context, all []legacy.Entry, chosen map[string]bool) map[string]string {
	texts := map[string]string{}
	for _, e := range all {
		if chosen[e.Path] && e.Regular {
			if text, err := os.ReadFile(below(c, e.Real)); err == nil {
				texts[e.Path] = string(text)
			}
		}
	}
	return texts
}

// pastOf are the scripts that were imported before: of each there is a copy, or what was put aside, and a hook.
func pastOf(to place, all []legacy.Entry) []legacy.Past {
	var past []legacy.Past
	seen := map[string]bool{}
	for _, e := range all {
		dir := filepath.Base(filepath.Dir(e.Path))
		if seen[dir] {
			continue
		}
		seen[dir] = true
		names, _ := os.ReadDir(filepath.Join(to.real, "imported", dir))
		for _, n := range names {
			script := strings.TrimSuffix(n.Name(), ".replaced")
			for _, hook := range []string{strings.TrimSuffix(dir, ".d") + "-" + script, e.System + "-" + script} {
				if _, err := os.Lstat(filepath.Join(to.real, "hooks.d", hook+".hook")); err == nil {
					past = append(past, legacy.Past{Dir: dir, Script: script, Hook: hook})
				}
			}
		}
	}
	return past
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
	if c.Bool("replace") {
		return i, i.irreplaceable(all)
	}
	return i, ""
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

// write puts the copy into its place, the old script aside and the hook into force, in this order: a failure in between leaves
// a script that runs as before.
func (i *imported) write(c *cli.Context, to place) error {
	entries := i.proposal.Entries
	text, err := os.ReadFile(below(c, entries[0].Real))
	if err != nil {
		return err
	}
	if err := putFile(i.copyFile(to), text, 0o755); err != nil {
		return err
	}
	unfinished := i.copyFile(to) + ".hook" // not among the hooks, where hookd would see it
	if err := putFile(unfinished, []byte(i.Text), 0o644); err != nil {
		return errors.Join(err, os.Remove(i.copyFile(to)))
	}
	if err = os.MkdirAll(filepath.Dir(i.hookFile(to)), 0o755); err == nil && c.Bool("replace") {
		err = i.putAside(c, to)
	}
	if err == nil {
		err = os.Rename(unfinished, i.hookFile(to))
	}
	if err != nil {
		return errors.Join(err, i.putBack(c, to), os.Remove(unfinished), os.Remove(i.copyFile(to)))
	}
	return nil
}

// aside is where an old script lies that a hook stands for: nobody runs it there, and who moves it back has undone it. For
// dpkg(1) a conffile that was moved away was deleted by the administrator, and stays so in upgrades.
func aside(to, script string) string {
	return filepath.Join(to, "imported", filepath.Base(filepath.Dir(script)), filepath.Base(script)+".replaced")
}

func (i *imported) putAside(c *cli.Context, to place) error {
	for _, e := range i.proposal.Entries {
		target := aside(to.real, e.Path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Rename(below(c, e.Path), target); err != nil {
			return err
		}
		i.Replaced = append(i.Replaced, events.Bytes(aside(to.known, e.Path)))
	}
	return nil
}

func (i *imported) putBack(c *cli.Context, to place) error {
	var errs []error
	for n := range i.Replaced {
		path := i.proposal.Entries[n].Path
		errs = append(errs, os.Rename(aside(to.real, path), below(c, path)))
	}
	return errors.Join(errs...)
}

// putFile makes a file that is complete or not there, and never takes the place of another one.
func putFile(path string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
