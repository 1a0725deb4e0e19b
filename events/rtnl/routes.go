package rtnl

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"hookd/events"
)

// routeKey is what the kernel tells routes apart by, as far as parameters tell it.
type routeKey struct {
	dst           netip.Prefix
	table, metric uint32
}

// routeValue is the rest of a route. What is behind the first next hop is there to tell routes apart.
type routeValue struct {
	kind, protocol uint8
	index          int
	gateway        netip.Addr
	class          string // the type of service and the source prefix
	rest           string
}

func (v routeValue) shown() routeValue {
	v.class, v.rest = "", ""
	return v
}

func (v routeValue) replaces(o routeValue) bool { return v.class == o.class }

func (r Route) key() routeKey { return routeKey{r.Dst, r.Table, r.Metric} }

func (r Route) value() routeValue {
	v := routeValue{kind: r.Type, protocol: r.Protocol}
	if r.TOS != 0 || r.From.IsValid() {
		v.class = fmt.Sprint(r.TOS, r.From)
	}
	var rest strings.Builder
	if r.Source.IsValid() {
		rest.WriteString(r.Source.String())
	}
	for i, h := range r.Hops {
		if i == 0 {
			v.index, v.gateway = h.Index, h.Gateway
			continue
		}
		fmt.Fprint(&rest, " ", h.Index, h.Gateway)
	}
	v.rest = rest.String()
	return v
}

// routes says how routes are told.
func routes() kind[routeKey, routeValue] {
	return kind[routeKey, routeValue]{
		family:  "route",
		subject: func(k routeKey) string { return k.dst.String() },
		index:   func(_ routeKey, v routeValue) int { return v.index },
		params:  routeParams,
	}
}

func routeParams(k routeKey, v routeValue, iface string) []events.Param {
	params := []events.Param{{Key: "family", Value: familyOf(k.dst.Addr())}, {Key: "destination", Value: k.dst.String()},
		{Key: "table", Value: strconv.FormatUint(uint64(k.table), 10)}, {Key: "type", Value: word(routeTypes[:], v.kind)}}
	if v.protocol != unix.RTPROT_UNSPEC {
		params = append(params, events.Param{Key: "protocol", Value: word(protocols[:], v.protocol)})
	}
	params = append(params, events.Param{Key: "interface", Value: iface}, events.Param{Key: "gateway", Value: text(v.gateway)})
	if k.metric != 0 {
		params = append(params, events.Param{Key: "metric", Value: strconv.FormatUint(uint64(k.metric), 10)})
	}
	return params
}

// newRoute takes a route in. A message in whose place several others may have been, or that tells of a next hop beside others
// which IPv6 has in one route (rt6_can_ecmp), leaves open what became of those: only a dump tells.
func (t *table) newRoute(m message) change {
	if t.doubtful(m) {
		return change{dump: []int{m.route.Family}}
	}
	var c change
	if r, ok := m.route.wayOut(); ok {
		c = t.newDefault(r, m.replace, m.dumped)
	}
	if t.routes == nil {
		return c
	}
	k, v := m.route.key(), m.route.value()
	others := t.routes.others(k, v)
	t.routes.put(k, v, t.gen, m.replace && others == 1)
	joined := m.route.Family == unix.AF_INET6 && len(m.route.Hops) > 1 && !m.replace && others > 0
	if !m.dumped && (joined || m.replace && others > 1) {
		c.dump = append(c.dump, m.route.Family)
	}
	return c
}

// delRoute takes out a route. One that is not known is a part of another one.
func (t *table) delRoute(r Route) change {
	var c change
	if d, ok := r.wayOut(); ok {
		c = t.delDefault(d)
	}
	if v := r.value(); t.routes != nil && !t.routes.drop(r.key(), func(o object[routeValue]) bool { return o.value == v }) {
		c.dump = append(c.dump, r.Family)
	}
	return c
}

// sweepRoutes drops the routes that a finished dump did not show.
func (t *table) sweepRoutes(d dump) {
	if t.routes != nil {
		t.routes.sweep(t.gen, func(k routeKey) bool {
			return k.dst.Addr().Is4() == (d.family == unix.AF_INET) && (d.table == unix.RT_TABLE_UNSPEC || d.table == k.table)
		})
	}
}

// restoreRoute reads a route from the event that told of it; the interface is given by its name then.
func restoreRoute(e events.Event, indexOf map[string]int) (k routeKey, v routeValue, ok bool) {
	dst, err := netip.ParsePrefix(param(e, "destination"))
	table, err2 := strconv.ParseUint(param(e, "table"), 10, 32)
	metric, err3 := strconv.ParseUint(orZero(param(e, "metric")), 10, 32)
	kind, known := parseWord(routeTypes[:], param(e, "type"))
	protocol, known2 := parseWord(protocols[:], orZero(param(e, "protocol")))
	gateway, plain := parseAddr(param(e, "gateway"))
	ok = err == nil && err2 == nil && err3 == nil && known && known2 && (plain || param(e, "gateway") == "")
	k = routeKey{dst, uint32(table), uint32(metric)}
	return k, routeValue{kind: kind, protocol: protocol, gateway: gateway, index: indexOf[param(e, "interface")]}, ok
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}
