package hookctl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/hookspec"
)

// untold are the On= lines for events of old systems that nothing tells of on this host. Files that are named may be on their
// way to another one.
func (a *app) untold(c *cli.Context, set *hookspec.Set) hookspec.Faults {
	h, err := a.believer(c)
	if err != nil || c.NArg()+len(c.StringSlice("hooks"))+len(c.StringSlice("policy")) > 0 {
		return nil
	}
	adopted := adopted(h)
	var out hookspec.Faults
	for _, hook := range set.Hooks {
		out = append(out, untoldLines(hook, adopted)...)
	}
	return out
}

// untoldLines judges lines that name a family outright: one for many is well with those that come. Of networkd hookd itself
// tells.
func untoldLines(h *hookspec.Hook, adopted []string) hookspec.Faults {
	var out hookspec.Faults
	for _, on := range h.On {
		event, _, _ := strings.Cut(on.String(), " ")
		family, _, _ := strings.Cut(event, ".")
		system, old := familyOf(family)
		if !old || family == "networkd" || slices.Contains(adopted, system.Name) {
			continue
		}
		out = append(out, hookspec.Fault{Place: on.Place, Hook: h.Name, Doubt: true,
			Msg:  fmt.Sprintf("nothing tells of %s: %s is not adopted", events.Show(event), system.Name),
			Hint: "hookctl adopt " + system.Name})
	}
	return out
}
