package rtnl

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"hookd/events"
)

// RouteTo asks the kernel which way a packet of ours to an address would take now, its rules for routing included. Nothing
// is sent. The gateway is empty where the address is on the link. The error says in a sentence why there is no way;
// ErrNoWay is in it unless the kernel could not be asked.
func RouteTo(addr netip.Addr) (iface, gateway string, err error) {
	addr = addr.Unmap()
	var options netlink.RouteGetOptions
	if zone := addr.Zone(); zone != "" {
		index, there, err := indexOf(zone)
		if err != nil || !there {
			return "", "", cmp.Or(err, fmt.Errorf("%w to %s: there is no interface %s", ErrNoWay, events.Show(addr.String()), events.Show(zone)))
		}
		options.OifIndex = index
	}
	routes, err := netlink.RouteGetWithOptions(net.IP(addr.WithZone("").AsSlice()), &options)
	if err != nil {
		return "", "", noWay(addr, err)
	}
	if len(routes) == 0 {
		return "", "", fmt.Errorf("%w to %s", ErrNoWay, addr)
	}
	r := routes[0]
	if t := r.Type; t != unix.RTN_UNICAST && t != unix.RTN_LOCAL && t != unix.RTN_UNSPEC {
		return "", "", fmt.Errorf("%w to %s: the route is of the type %s", ErrNoWay, addr, word(routeTypes[:], uint8(t)))
	}
	link, err := netlink.LinkByIndex(r.LinkIndex)
	if err != nil {
		return "", "", fmt.Errorf("cannot ask for the interface of the route to %s: %w", addr, err)
	}
	if gw, ok := netip.AddrFromSlice(r.Gw); ok {
		gateway = gw.Unmap().String()
	}
	return link.Attrs().Name, gateway, nil
}

// ErrNoWay is in the error of RouteTo when the kernel has answered that there is no way.
var ErrNoWay = errors.New("there is no route")

// noWay tells the kernel's answers (fib_props in the kernel) from its failures.
func noWay(addr netip.Addr, err error) error {
	kind := ""
	switch {
	case errors.Is(err, unix.ENETUNREACH):
	case errors.Is(err, unix.EHOSTUNREACH):
		kind = ": it is unreachable"
	case errors.Is(err, unix.EINVAL):
		kind = ": it is a blackhole"
	case errors.Is(err, unix.EACCES):
		kind = ": it is prohibited"
	default:
		return fmt.Errorf("cannot ask for the route to %s: %w", addr, err)
	}
	return fmt.Errorf("%w to %s%s", ErrNoWay, addr, kind)
}

// LinkUp says whether an interface is there and whether it is up in the sense of link.up. Only its name counts, not its
// alternative ones.
func LinkUp(name string) (up, there bool, err error) {
	index, there, err := indexOf(name)
	if err != nil || !there {
		return false, false, err
	}
	link, err := netlink.LinkByIndex(index)
	switch {
	case errors.Is(err, unix.ENODEV) || errors.As(err, new(netlink.LinkNotFoundError)):
		return false, false, nil
	case err != nil:
		return false, false, fmt.Errorf("cannot ask for the interface %s: %w", events.Show(name), err)
	}
	a := link.Attrs()
	return Link{Flags: a.RawFlags, Oper: uint8(a.OperState)}.Up(), a.Name == name, nil
}

// indexOf finds an interface. netlink.LinkByName would change a variable of its package, and take alternative names.
func indexOf(name string) (index int, there bool, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return 0, false, fmt.Errorf("cannot list the interfaces: %w", err)
	}
	i := slices.IndexFunc(all, func(i net.Interface) bool { return i.Name == name })
	if i < 0 {
		return 0, false, nil
	}
	return all[i].Index, true, nil
}
