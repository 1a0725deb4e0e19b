package hookd

import (
	"context"
	"os"
	"path/filepath"

	"hookd/events"
	"hookd/events/networkd"
	"hookd/hookspec"
)

// netifDir is where systemd-networkd keeps its files.
const netifDir = "/run/systemd/netif"

// adoptedScripts are the scripts that hookd takes over from networkd-dispatcher, which is root's.
func adoptedScripts() hookspec.Scripts {
	if os.Geteuid() != 0 {
		return hookspec.Scripts{}
	}
	return hookspec.AdoptedScripts()
}

// newNetworkd makes the source of networkd.*. Saved is what is known of the kernel's state, nil at the first start.
func (d *daemon) newNetworkd(saved []events.Event) *networkd.Source {
	return networkd.New(saved, networkd.Options{Dir: netifDir, Networkctl: "/usr/bin/networkctl",
		Told: filepath.Join(d.State, "networkd", "told")})
}

// askNetworkd has the source report what hooks of the set hear of; nothing when they hear of nothing.
func (d *daemon) askNetworkd(set *hookspec.Set) {
	if set.Asks("networkd") {
		d.networkd.Want(set.Hears)
	} else {
		d.networkd.Want(nil)
	}
}

// runNetworkd carries the events of networkd to the runner until ctx ends. It is not the goroutine that carries the kernel's.
func (d *daemon) runNetworkd(ctx context.Context) {
	d.networkd.Run(ctx, func(e events.Event) error { return d.runner.Submit(ctx, e) })
}
