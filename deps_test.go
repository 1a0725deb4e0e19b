package hookd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// room is what a package may import besides the standard library. Tests are free.
type room struct {
	ours   []string
	theirs []string // modules; the package is their door
}

// floorPlan is the law of ARCHITECTURE.md: imports go down.
var floorPlan = map[string]room{
	"events":                {},
	"internal/unitfile":     {},
	"compat":                {[]string{"events"}, nil},
	"compat/adopt":          {[]string{"compat", "events"}, nil},
	"compat/ere":            {},
	"compat/runparts":       {[]string{"compat/ere"}, nil},
	"compat/legacy":         {[]string{"compat", "compat/runparts", "events"}, nil},
	"events/paths":          {[]string{"events"}, []string{"github.com/fsnotify/fsnotify", "golang.org/x/sys"}},
	"events/networkd":       {[]string{"events", "events/paths"}, nil},
	"events/rtnl":           {[]string{"events"}, []string{"github.com/vishvananda/netlink", "golang.org/x/sys"}},
	"hookspec":              {[]string{"compat", "events", "internal/unitfile"}, []string{"golang.org/x/sys"}},
	"runner":                {[]string{"events", "hookspec"}, nil},
	"runner/history":        {[]string{"events", "runner"}, nil},
	"runner/process":        {[]string{"events", "hookspec", "internal/procs", "runner"}, []string{"golang.org/x/sys"}},
	"runner/monitor":        {[]string{"events", "hookspec", "internal/procs", "runner"}, []string{"golang.org/x/sys"}},
	"internal/control":      {[]string{"events", "hookspec", "runner", "runner/history"}, []string{"golang.org/x/sys"}},
	"internal/procs":        {nil, []string{"golang.org/x/sys"}},
	"internal/nstest":       {nil, []string{"golang.org/x/sys"}},
	"cmd/internal/hookd":    {[]string{"events", "events/networkd", "events/paths", "events/rtnl", "hookspec", "internal/procs", "runner", "runner/history", "runner/monitor", "runner/process", "runner/systemd", "internal/control"}, []string{"github.com/coreos/go-systemd/v22", "golang.org/x/sys"}},
	"cmd/internal/hookctl":  {[]string{"compat", "compat/adopt", "compat/legacy", "compat/runparts", "events", "hookspec", "internal/control", "runner", "runner/history", "runner/process"}, []string{"github.com/urfave/cli/v2"}},
	"cmd/internal/hookshim": {[]string{"compat", "compat/adopt", "compat/runparts", "events", "hookspec", "internal/control", "internal/procs", "runner", "runner/monitor", "runner/process"}, []string{"golang.org/x/sys"}},
	"test/bench":            {[]string{"runner", "internal/control", "internal/nstest"}, []string{"golang.org/x/sys"}},
	"cmd/hookd":             {[]string{"cmd/internal/hookd", "hookspec"}, nil},
	"cmd/hookshim":          {[]string{"cmd/internal/hookshim"}, nil},
	"cmd/hookctl":           {[]string{"cmd/internal/hookctl", "hookspec"}, nil},
	"internal/booted":       {[]string{"internal/nstest"}, []string{"golang.org/x/sys"}},
	"runner/systemd":        {[]string{"events", "hookspec", "runner"}, []string{"github.com/coreos/go-systemd/v22", "github.com/godbus/dbus/v5", "golang.org/x/sys"}},
}

type pkg struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestFloorPlan(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "hookd"), "/")
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		room, known := floorPlan[name]
		if !known {
			t.Errorf("package %s has no room in the floor plan", name)
			continue
		}
		seen++
		for _, i := range p.Imports {
			if why := room.refuses(i); why != "" {
				t.Errorf("package %s imports %s: %s", name, i, why)
			}
		}
	}
	if seen != len(floorPlan) {
		t.Errorf("the floor plan has %d rooms, %d packages were found", len(floorPlan), seen)
	}
}

func (r room) refuses(path string) string {
	if ours, found := strings.CutPrefix(path, "hookd/"); found {
		if !slices.Contains(r.ours, ours) {
			return "it is not below"
		}
		return ""
	}
	first, _, _ := strings.Cut(path, "/")
	if !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for _, m := range r.theirs {
		if path == m || strings.HasPrefix(path, m+"/") {
			return ""
		}
	}
	return "another package is the door to that module"
}
