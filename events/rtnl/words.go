package rtnl

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// scopes are the words of ip-address(8) for how far an address reaches.
var scopes = [...]string{
	unix.RT_SCOPE_UNIVERSE: "global",
	unix.RT_SCOPE_SITE:     "site",
	unix.RT_SCOPE_LINK:     "link",
	unix.RT_SCOPE_HOST:     "host",
}

// routeTypes are the words of ip-route(8) for what becomes of a packet.
var routeTypes = [...]string{
	unix.RTN_UNICAST:     "unicast",
	unix.RTN_LOCAL:       "local",
	unix.RTN_BROADCAST:   "broadcast",
	unix.RTN_ANYCAST:     "anycast",
	unix.RTN_MULTICAST:   "multicast",
	unix.RTN_BLACKHOLE:   "blackhole",
	unix.RTN_UNREACHABLE: "unreachable",
	unix.RTN_PROHIBIT:    "prohibit",
	unix.RTN_THROW:       "throw",
	unix.RTN_NAT:         "nat",
	unix.RTN_XRESOLVE:    "xresolve",
}

// protocols are the words of ip-route(8) for who made a route (linux/rtnetlink.h: RTPROT_).
var protocols = [...]string{
	unix.RTPROT_REDIRECT:   "redirect",
	unix.RTPROT_KERNEL:     "kernel",
	unix.RTPROT_BOOT:       "boot",
	unix.RTPROT_STATIC:     "static",
	unix.RTPROT_GATED:      "gated",
	unix.RTPROT_RA:         "ra",
	unix.RTPROT_MRT:        "mrt",
	unix.RTPROT_ZEBRA:      "zebra",
	unix.RTPROT_BIRD:       "bird",
	unix.RTPROT_DNROUTED:   "dnrouted",
	unix.RTPROT_XORP:       "xorp",
	unix.RTPROT_NTK:        "ntk",
	unix.RTPROT_DHCP:       "dhcp",
	unix.RTPROT_MROUTED:    "mrouted",
	unix.RTPROT_KEEPALIVED: "keepalived",
	unix.RTPROT_BABEL:      "babel",
	unix.RTPROT_OVN:        "ovn",
	unix.RTPROT_OPENR:      "openr",
	unix.RTPROT_BGP:        "bgp",
	unix.RTPROT_ISIS:       "isis",
	unix.RTPROT_OSPF:       "ospf",
	unix.RTPROT_RIP:        "rip",
	unix.RTPROT_EIGRP:      "eigrp",
}

// word is the word for a number of the kernel, or the number itself where there is none.
func word(words []string, n uint8) string {
	if int(n) < len(words) && words[n] != "" {
		return words[n]
	}
	return strconv.Itoa(int(n))
}

// parseWord is the way back from word.
func parseWord(words []string, s string) (uint8, bool) {
	if i := slices.Index(words, s); i >= 0 && s != "" {
		return uint8(i), true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err == nil
}
