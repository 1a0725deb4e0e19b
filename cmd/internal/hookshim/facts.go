package hookshim

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"hookd/events"
	"hookd/hookspec"
)

// unknown ends the reason against a condition that takes a hookd to judge.
const unknown = "hookd does not run, and nobody else can tell"

// files are the facts that can be read from files.
type files struct{}

func (files) Reachable(context.Context, string) hookspec.Fact  { return untold() }
func (files) UnitActive(context.Context, string) hookspec.Fact { return untold() }

func untold() hookspec.Fact { return hookspec.Fact{Unknown: true, Why: unknown} }

func (files) PathExists(_ context.Context, path string) hookspec.Fact {
	if _, err := os.Stat(path); err != nil {
		return hookspec.Fact{Why: events.Show(path) + " does not exist"}
	}
	return hookspec.Fact{True: true, Why: events.Show(path) + " exists"}
}

// InterfaceUp reads what link.up is about: the operational state, or for what has none (lo, tun) the carrier.
func (files) InterfaceUp(_ context.Context, name string) hookspec.Fact {
	dir := filepath.Join("/sys/class/net", name)
	state, err := os.ReadFile(filepath.Join(dir, "operstate"))
	if strings.ContainsAny(name, "/") || name == ".." || err != nil {
		return hookspec.Fact{Why: "there is no interface " + events.Show(name)}
	}
	carrier, _ := os.ReadFile(filepath.Join(dir, "carrier"))
	if s := string(state); s == "up\n" || s == "unknown\n" && string(carrier) == "1\n" {
		return hookspec.Fact{True: true, Why: events.Show(name) + " is up"}
	}
	return hookspec.Fact{Why: events.Show(name) + " is not up"}
}
