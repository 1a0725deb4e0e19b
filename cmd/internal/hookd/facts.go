package hookd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"hookd/events"
	"hookd/events/rtnl"
	"hookd/hookspec"
)

// facts answers what conditions of hooks ask about this host.
type facts struct {
	resolver *net.Resolver
	units    unitStates    // nil where there is no service manager
	stats    chan struct{} // a place for each question about a path that may hang (NFS); when all are taken nobody can tell
}

// unitStates tells of the units of a service manager.
type unitStates interface {
	// Active says whether a unit is active, and whether there is such a unit at all.
	Active(ctx context.Context, unit string) (active, known bool, err error)
}

// maxStats is how many questions about paths may hang at a time.
const maxStats = 16

func newFacts(units unitStates) *facts {
	return &facts{resolver: &net.Resolver{PreferGo: true}, units: units, stats: make(chan struct{}, maxStats)}
}

// Reachable says whether the kernel has a route to a host over an interface that is up. A name is reachable when any of
// its addresses is.
func (f *facts) Reachable(ctx context.Context, host string) hookspec.Fact {
	if addr, err := netip.ParseAddr(host); err == nil {
		return reachable(host, addr)
	}
	if !isHostName(host) {
		return hookspec.Fact{Why: events.Show(host) + " is neither an address nor the name of a host"}
	}
	addrs, err := f.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return hookspec.Fact{Again: true, Why: "the name " + host + " was not resolved: " + whyUnresolved(ctx, err)}
	}
	var facts []hookspec.Fact
	for _, addr := range addrs {
		addr = addr.Unmap()
		one := reachable(fmt.Sprintf("%s (%s)", host, addr), addr)
		if one.True {
			return one
		}
		facts = append(facts, one)
	}
	return noneOf(facts)
}

// noneOf joins what is against several addresses. When one could not be asked about nobody can tell.
func noneOf(facts []hookspec.Fact) hookspec.Fact {
	var out hookspec.Fact
	var why []string
	for _, f := range facts {
		out.Again = out.Again || f.Again
		why = append(why, f.Why)
	}
	out.Why = strings.Join(why, "; ")
	return out
}

// whyUnresolved is short: the resolver's own words name servers and files.
func whyUnresolved(ctx context.Context, err error) string {
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return "no answer came in time"
	case err == nil:
		return "it has no address"
	case errors.As(err, &dns):
		return dns.Err
	}
	return err.Error()
}

func reachable(host string, addr netip.Addr) hookspec.Fact {
	iface, gateway, err := rtnl.RouteTo(addr)
	switch {
	case errors.Is(err, rtnl.ErrNoWay):
		return hookspec.Fact{Why: host + " is not reachable: " + err.Error()}
	case err != nil:
		return hookspec.Fact{Again: true, Why: err.Error()}
	}
	way := "over " + events.Show(iface)
	if gateway != "" {
		way += " by the gateway " + gateway
	}
	if up, _, err := rtnl.LinkUp(iface); err != nil || !up {
		return hookspec.Fact{Why: fmt.Sprintf("%s is not reachable: the route leads %s, which is not up", host, way)}
	}
	return hookspec.Fact{True: true, Why: host + " is reachable " + way}
}

// isHostName takes the letters that names of hosts are made of, so that nothing else ever gets to a resolver.
func isHostName(s string) bool {
	other := strings.IndexFunc(s, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	return s != "" && other < 0 && s[0] != '-' && s[0] != '.' && len(s) <= 253 && !strings.Contains(s, "..")
}

// PathExists says whether a path leads to something.
func (f *facts) PathExists(ctx context.Context, path string) hookspec.Fact {
	select {
	case f.stats <- struct{}{}:
	default:
		return hookspec.Fact{Again: true, Why: "too many paths were asked about that do not answer"}
	}
	done := make(chan error, 1)
	go func() { // it ends when the file system answers
		defer func() { <-f.stats }()
		_, err := os.Stat(path)
		done <- err
	}()
	select {
	case err := <-done:
		return pathFact(path, err)
	case <-ctx.Done():
		return hookspec.Fact{Again: true, Why: events.Show(path) + ": the file system does not answer"}
	}
}

func pathFact(path string, err error) hookspec.Fact {
	name := events.Show(path)
	switch {
	case err == nil:
		return hookspec.Fact{True: true, Why: name + " is there"}
	case os.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR):
		return hookspec.Fact{Why: "there is no " + name}
	}
	if e := new(os.PathError); errors.As(err, &e) {
		err = e.Err
	}
	return hookspec.Fact{Unknown: true, Why: name + " cannot be asked about: " + err.Error()}
}

// UnitActive says whether a unit of the service manager is active.
func (f *facts) UnitActive(ctx context.Context, unit string) hookspec.Fact {
	if f.units == nil {
		return hookspec.Fact{Unknown: true, Why: "there is no service manager to ask about " + events.Show(unit)}
	}
	active, known, err := f.units.Active(ctx, unit)
	switch {
	case err != nil:
		return hookspec.Fact{Again: true, Why: "cannot ask for the state of " + events.Show(unit) + ": " + err.Error()}
	case !known:
		return hookspec.Fact{Why: "there is no unit " + events.Show(unit)}
	case !active:
		return hookspec.Fact{Why: events.Show(unit) + " is not active"}
	}
	return hookspec.Fact{True: true, Why: events.Show(unit) + " is active"}
}

// InterfaceUp says whether an interface is up in the sense of link.up.
func (f *facts) InterfaceUp(_ context.Context, name string) hookspec.Fact {
	up, there, err := rtnl.LinkUp(name)
	shown := events.Show(name)
	switch {
	case err != nil:
		return hookspec.Fact{Again: true, Why: err.Error()}
	case !there:
		return hookspec.Fact{Why: "there is no interface " + shown}
	case !up:
		return hookspec.Fact{Why: shown + " is not up"}
	}
	return hookspec.Fact{True: true, Why: shown + " is up"}
}
