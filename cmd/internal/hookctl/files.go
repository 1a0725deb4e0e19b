package hookctl

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/hookspec"
)

// listed is one line of list, in JSON.
type listed struct {
	Name     events.Bytes `json:"name"`
	Type     string       `json:"type,omitempty"`
	On       []string     `json:"on,omitempty"`
	While    []string     `json:"while,omitempty"`
	StopOn   []string     `json:"stopOn,omitempty"`
	After    []string     `json:"after,omitempty"`
	Before   []string     `json:"before,omitempty"`
	Requires []string     `json:"requires,omitempty"`
	Path     events.Bytes `json:"path"`
	State    string       `json:"state"`
	Reason   events.Bytes `json:"reason,omitempty"`

	// Of old scripts.
	System   string         `json:"system,omitempty"`
	When     string         `json:"when,omitempty"`
	Order    int            `json:"order,omitempty"`
	Notes    []events.Bytes `json:"notes,omitempty"`
	Adopted  bool           `json:"adopted,omitempty"`
	Expected bool           `json:"expected,omitempty"`

	shown, known string // what becomes of it, in words; its path on the host
}

func (a *app) list(c *cli.Context) error {
	set := a.load(c)
	rows := []listed{}
	for _, e := range set.Entries {
		if e.State == hookspec.StateLoaded || e.State == hookspec.StateRefused || c.Bool("all") {
			rows = append(rows, describe(set, e))
		}
	}
	old, err := a.oldList(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.json(append(rows, old...))
	}
	a.hookTable(c, rows)
	if len(old) > 0 {
		fmt.Fprintln(a.out)
		a.oldTable(c, old)
	}
	a.tellRest(c, set)
	return nil
}

// oldList is what list --all shows besides hooks.
func (a *app) oldList(c *cli.Context) ([]listed, error) {
	if !c.Bool("all") {
		return nil, nil
	}
	entries, err := a.oldScripts(c)
	return oldRows(c, entries), err
}

func (a *app) hookTable(c *cli.Context, rows []listed) {
	table := [][]string{{"NAME", "TYPE", "ON", "ORDER", "FILE", "STATE"}}
	for _, r := range rows {
		state := a.paint(c, colorOf(r.State), r.State)
		if r.Reason != "" {
			state += ": " + plain(string(r.Reason))
		}
		table = append(table, []string{events.Show(string(r.Name)), r.Type, r.when(), r.order(), events.Show(string(r.Path)), state})
	}
	a.table(table)
}

// tellRest says on standard error what the list does not show.
func (a *app) tellRest(c *cli.Context, set *hookspec.Set) {
	hidden := 0
	for _, e := range set.Entries {
		if e.State != hookspec.StateLoaded && e.State != hookspec.StateRefused && e.State != hookspec.StateDropIn {
			hidden++
		}
	}
	if hidden > 0 && !c.Bool("all") {
		fmt.Fprintf(a.err, "hookctl: files that are no hook in force: %d (hookctl list --all)\n", hidden)
	}
	if n := set.Hard(); n > 0 {
		fmt.Fprintf(a.err, "hookctl: faults: %d (hookctl check)\n", n)
	}
}

func describe(set *hookspec.Set, e hookspec.Entry) listed {
	l := listed{Name: events.Bytes(e.Name), Path: events.Bytes(e.Path), State: e.State, Reason: events.Bytes(e.Reason)}
	h := set.Hook(e.Name)
	if h == nil || e.State != hookspec.StateLoaded {
		return l
	}
	l.Type = "oneshot"
	if h.Service {
		l.Type = "service"
	}
	for _, on := range h.On {
		l.On = append(l.On, on.String())
	}
	if event := h.Runs(e.Path); event != "" { // one script of several
		l.On = []string{event}
	}
	for _, s := range h.While {
		l.While = append(l.While, s.Text)
	}
	for _, stop := range h.StopOn {
		l.StopOn = append(l.StopOn, stop.String())
	}
	l.After, l.Before, l.Requires = texts(h.After), texts(h.Before), texts(h.Requires)
	return l
}

func texts(refs []hookspec.Ref) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.String())
	}
	return out
}

// when says what starts a hook. A service that nothing starts is started by hand.
func (l listed) when() string {
	parts := slices.Clone(l.On)
	for _, s := range l.While {
		parts = append(parts, "while "+s)
	}
	if len(parts) == 0 && l.Type != "" {
		return "-"
	}
	return strings.Join(parts, "; ")
}

func (l listed) order() string {
	var parts []string
	for _, p := range []struct {
		word  string
		names []string
	}{{"after", l.After}, {"before", l.Before}, {"requires", l.Requires}} {
		if len(p.names) > 0 {
			parts = append(parts, p.word+" "+strings.Join(p.names, " "))
		}
	}
	if len(parts) == 0 && l.Type != "" {
		return "-"
	}
	return strings.Join(parts, "; ")
}

// setting is one line of show, in JSON.
type setting struct {
	Key   string       `json:"key"`
	Value events.Bytes `json:"value"`
	Path  events.Bytes `json:"path"`
	Line  int          `json:"line"`
}

func (a *app) show(c *cli.Context) error {
	set, name := a.load(c), c.Args().First()
	h := set.Hook(name)
	if h == nil {
		return a.noHook(set, name)
	}
	settings := []setting{}
	for _, s := range h.Settings {
		settings = append(settings, setting{s.Key, events.Bytes(s.Value), events.Bytes(s.Place.Path), s.Place.Line})
	}
	if c.Bool("json") {
		return a.json(map[string]any{"name": h.Name, "path": events.Bytes(h.Path), "settings": settings, "text": events.Bytes(h.Text())})
	}
	fmt.Fprintf(a.out, "# %s\n", events.Show(h.Path))
	var rows [][]string
	for _, s := range settings {
		rows = append(rows, []string{s.Key + "=" + plain(string(s.Value)), fmt.Sprintf("# %s:%d", events.Show(string(s.Path)), s.Line)})
	}
	a.table(rows)
	return nil
}

// noHook says why there is no hook of that name.
func (a *app) noHook(set *hookspec.Set, name string) error {
	for _, e := range set.Entries {
		if e.Name == name && e.Reason != "" {
			return fmt.Errorf("%s is %s: %s", events.Show(e.Path), e.State, plain(e.Reason))
		}
	}
	hint := ""
	if near := events.Nearest(name, set.Names()); near != "" {
		hint = " (" + events.DidYouMean(near) + ")"
	}
	return fmt.Errorf("there is no hook %s%s", events.Show(name), hint)
}

// fault is one line of check, in JSON.
type fault struct {
	Path    events.Bytes `json:"path"`
	Line    int          `json:"line"`
	Column  int          `json:"column"`
	Message events.Bytes `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	Hook    string       `json:"hook,omitempty"`
	Doubt   bool         `json:"doubt"`
}

func (a *app) check(c *cli.Context) error {
	switch {
	case c.Bool("legacy"):
		return a.checkLegacy(c)
	case c.String("root") != "":
		return usagef("check takes --root with --legacy only")
	}
	set, err := a.checked(c)
	if err != nil {
		return err
	}
	faults := slices.Concat(set.Faults, hookspec.Faults(set.Cycles), set.Doubts(), notHooks(set), a.untold(c, set))
	return a.tellFaults(c, append(faults, a.adoptionFaults(c)...))
}

// checked loads what the arguments name: directories as a whole, files one by one; without arguments what hookd reads.
// Files that are named may be on their way elsewhere, so that who owns them is only a doubt.
func (a *app) checked(c *cli.Context) (*hookspec.Set, error) {
	if c.NArg() == 0 {
		return a.load(c), nil
	}
	if len(c.StringSlice("hooks"))+len(c.StringSlice("policy")) > 0 {
		return nil, usagef("check takes paths or --hooks and --policy, not both")
	}
	opt := hookspec.Options{Trust: a.trust, Accounts: hookspec.Host{}, Lenient: true, NeedHooks: true}
	for _, p := range c.Args().Slice() {
		fi, err := os.Stat(p)
		switch {
		case err != nil:
			return nil, err
		case fi.IsDir():
			opt.Hooks = append(opt.Hooks, p)
		default:
			opt.Files = append(opt.Files, p)
		}
	}
	return hookspec.Load(opt, nil), nil
}

// notHooks are the files that are passed over: a doubt, or a fault when the file itself was named.
func notHooks(set *hookspec.Set) hookspec.Faults {
	var out hookspec.Faults
	for _, e := range set.Entries {
		if e.State == hookspec.StateIgnored {
			out = append(out, hookspec.Fault{Place: hookspec.Place{Path: e.Path, Line: 1, Col: 1}, Doubt: !e.Named,
				Msg: "the file is ignored: " + e.Reason})
		}
	}
	return out
}

func (a *app) printFaults(c *cli.Context, faults hookspec.Faults) error {
	if c.Bool("json") {
		list := []fault{}
		for _, f := range faults {
			list = append(list, fault{events.Bytes(f.Path), f.Line, f.Col, events.Bytes(f.Msg), f.Hint, f.Hook, f.Doubt})
		}
		return a.json(list)
	}
	for _, f := range faults {
		color := red
		if f.Doubt {
			color = yellow
		}
		fmt.Fprintln(a.out, a.paint(c, color, plain(f.Error())))
	}
	hard := faults.Hard()
	fmt.Fprintf(a.err, "hookctl: %s, %s\n", count(hard, "fault"), count(len(faults)-hard, "doubt"))
	return nil
}
