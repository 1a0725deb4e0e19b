package hookctl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/compat/legacy"
	"hookd/events"
)

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
