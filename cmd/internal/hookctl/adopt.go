package hookctl

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/compat"
	"hookd/compat/adopt"
	"hookd/events"
	"hookd/internal/control"
)

// adopt puts hookd beside old systems, or shows which there are.
func (a *app) adopt(c *cli.Context) error {
	if err := checkAdopt(c); err != nil {
		return err
	}
	h, err := a.believer(c)
	if err != nil {
		return err
	}
	systems := c.Args().Slice()
	if c.Bool("all") {
		systems = adopted(h)
	}
	switch {
	case len(systems) == 0 && !c.Bool("all"):
		return a.adoptions(c, h)
	case os.Geteuid() != 0 && h.Root == "" && !c.Bool("dry-run"):
		return errors.New("only root can adopt a system; --dry-run says what it would do")
	case c.Bool("undo"):
		return a.undoAdoptions(c, h, systems)
	}
	return a.adoptSystems(c, h, systems)
}

// checkAdopt refuses command lines of which a part would have no effect.
func checkAdopt(c *cli.Context) error {
	undo, systems := c.Bool("undo"), c.Args().Slice()
	for _, s := range systems {
		if _, found := compat.Find(s); !found {
			return usagef("there is no system %s%s", events.Show(s), nearestSystem(s))
		}
	}
	switch {
	case c.Bool("all") && (!undo || len(systems) > 0):
		return usagef("--all goes with --undo and no system")
	case c.Bool("links") && undo:
		return usagef("--links has no meaning for --undo")
	case c.Bool("json") && (len(systems) > 0 || undo):
		return usagef("--json is for the table of systems")
	case len(systems) == 0 && !c.Bool("all") && (undo || c.Bool("links") || c.Bool("dry-run")):
		return usagef("adopt needs a system: %s", strings.Join(compat.Names(), ", "))
	}
	return nil
}

func adoptHost(c *cli.Context) (adopt.Host, error) {
	if root := c.String("root"); root != "" {
		root, err := filepath.Abs(root)
		return adopt.Host{Root: root}, err
	}
	if exists("/run/systemd/system") {
		return adopt.Host{Systemctl: systemctl}, nil
	}
	return adopt.Host{}, nil
}

// believer is the host where a record is judged by the rule for hooks: others than root may not have written it.
func (a *app) believer(c *cli.Context) (adopt.Host, error) {
	h, err := adoptHost(c)
	h.Trusted = func(path string) error {
		_, err := a.trust.Resolve(path)
		return err
	}
	return h, err
}

func nearestSystem(name string) string {
	if near := events.Nearest(name, compat.Names()); near != "" {
		return " (" + events.DidYouMean(near) + ")"
	}
	return ""
}

// adopted are the systems that have a record.
func adopted(h adopt.Host) []string {
	var out []string
	for _, s := range h.Look() {
		if s.By != "" {
			out = append(out, s.System)
		}
	}
	return out
}

// systemctl runs systemctl(1). What it says of a failure becomes the error.
func systemctl(args ...string) error {
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w %s", strings.Join(args, " "), err, plain(strings.TrimSpace(string(out))))
	}
	return nil
}

// adoptSystems plans all before anything is changed, so that what is refused leaves nothing half done.
func (a *app) adoptSystems(c *cli.Context, h adopt.Host, systems []string) error {
	for _, s := range systems {
		if _, err := h.Plan(s, c.Bool("links")); err != nil {
			return err
		}
	}
	var changed []string
	for _, s := range systems {
		done, err := a.adoptSystem(c, h, s)
		if err != nil {
			return err
		}
		if !done {
			changed = append(changed, s)
		}
	}
	if len(changed) == 0 || c.Bool("dry-run") || h.Root != "" {
		return nil
	}
	a.tellHookd(c)
	for _, s := range changed {
		fmt.Fprintln(a.out, seeIt(s))
	}
	return nil
}

// adoptSystem returns whether there was nothing to do. It plans anew, for what the systems before have made.
func (a *app) adoptSystem(c *cli.Context, h adopt.Host, system string) (done bool, err error) {
	p, err := h.Plan(system, c.Bool("links"))
	switch {
	case err != nil:
		return false, err
	case p.Done():
		fmt.Fprintf(a.out, "%s is adopted by %s already\n", system, p.Record.By)
	case c.Bool("dry-run"):
		h.Say(p, a.say)
	default:
		if err := h.Carry(p, a.say); err != nil {
			return false, fmt.Errorf("%w; hookctl adopt --undo %s takes back what was done", err, system)
		}
	}
	return p.Done(), nil
}

func (a *app) say(sentence string) { fmt.Fprintln(a.out, plain(sentence)) }

// undoAdoptions goes on after a failure: what can be taken back is.
func (a *app) undoAdoptions(c *cli.Context, h adopt.Host, systems []string) error {
	known, failed, changed := adopted(h), false, false
	for _, s := range systems {
		if !slices.Contains(known, s) {
			fmt.Fprintf(a.out, "%s is not adopted\n", s)
			continue
		}
		changed = true
		if err := h.Undo(s, c.Bool("dry-run"), a.say); err != nil {
			fmt.Fprintln(a.err, "hookctl:", plain(err.Error()))
			failed = true
		}
	}
	if changed && !c.Bool("dry-run") && h.Root == "" {
		a.tellHookd(c)
	}
	if failed {
		return errFailed
	}
	return nil
}

// tellHookd has a hookd that runs look at what is adopted. Where none runs, the next one will.
func (a *app) tellHookd(c *cli.Context) {
	if !exists(socket(c)) {
		return
	}
	if _, err := ask[control.Reloaded](c, control.MethodReload, struct{}{}); err != nil {
		fmt.Fprintln(a.err, "hookctl: hookd was not told:", plain(err.Error()))
	}
}

// seeIt says how a person sees an adoption at work.
func seeIt(system string) string {
	family, do := system, ""
	switch system {
	case "ifupdown":
		do = "ifup or ifdown an interface"
	case "ppp":
		do = "pon a peer"
	case "dhclient":
		do = "dhclient -v an interface"
	case "networkmanager":
		do = "nmcli connection up a connection"
	case "networkd-dispatcher":
		family, do = "networkd", "ip link set an interface down and up"
	case "system-sleep":
		family, do = "system", "systemctl suspend"
	}
	return fmt.Sprintf("To see it work: hookctl watch '%s.*', and in another terminal: %s", family, do)
}

// adoptions shows which systems are here and how they are adopted.
func (a *app) adoptions(c *cli.Context, h adopt.Host) error {
	list := h.Look()
	if c.Bool("json") {
		return a.json(list)
	}
	return a.printAdoptions(c, list)
}

func (a *app) printAdoptions(c *cli.Context, list []adopt.Status) error {
	rows, broken := [][]string{{"SYSTEM", "INSTALLED", "ADOPTED", "RECORD"}}, false
	for _, l := range list {
		row := []string{l.System, l.Installed, "no", ""}
		if l.Missing != "" {
			row = []string{l.System, "no: " + plain(string(l.Missing)), "", ""}
		}
		if l.By != "" {
			row[2], row[3] = a.paint(c, green, "by "+l.By), events.Show(string(l.Record))
		}
		if l.Trouble != "" {
			row[3] += a.paint(c, red, ": "+plain(string(l.Trouble)))
			broken = true
		}
		rows = append(rows, row)
	}
	a.table(rows)
	if broken {
		return errFailed
	}
	return nil
}
