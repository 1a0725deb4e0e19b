package events

import (
	"slices"
	"strings"
)

// Phase is what an event says about a state: of what, and the values before and after.
type Phase struct {
	Topic         string // what the state is of; an interface goes by its index, which outlives its name
	Before, After string
}

// Values of a Phase besides those of the topic itself.
const (
	gone    = ""  // it is not there, or not so
	unknown = "?" // the event does not say
)

// Topic is what an event is about: of an event that tells of no state, itself.
func (e Event) Topic() string {
	if p, ok := e.Phase(); ok {
		return p.Topic
	}
	return e.Name + " " + e.Subject
}

// Kind is what the events of one kind of topic have in common: link.up and link.down tell of one state, the other
// link.* of another one. Of a name that tells of no state it is the name.
func Kind(name string) string {
	switch family, _, _ := strings.Cut(name, "."); {
	case name == "link.up" || name == "link.down":
		return "up"
	case slices.Contains([]string{"link", "address", "interface", "default-route", "network", "route", "neighbor", "service"}, family):
		return family
	case family == "user":
		return "user.*"
	}
	return name
}

// Phase is false for events that tell of no state: what users emit, results, news of hookd.
func (e Event) Phase() (Phase, bool) {
	get := func(key string) string { v, _ := e.Get(key); return v }
	values := func(keys ...string) string {
		var b strings.Builder
		for _, k := range keys {
			b.WriteString(Show(get(k)) + " ")
		}
		return b.String()
	}
	id := get("index")
	if id == "" {
		id = get("interface")
	}
	switch e.Family() {
	case "link":
		if e.Name == "link.up" || e.Name == "link.down" {
			return e.phase("up "+id, "up"), true
		}
		return e.phase("link "+id, values("interface", "mac", "mtu", "alias")), true
	case "address":
		return e.phase("address "+id+" "+values("address", "prefix-length"), values("peer", "scope", "label", "deprecated")), true
	case "interface":
		return Phase{"interface " + id, missing(get("from")), missing(get("to"))}, true
	case "default-route":
		p := e.phase("default-route "+get("family"), values("interface", "gateway", "metric"))
		if e.Name == "default-route.changed" {
			p.Before = values("old-interface", "old-gateway", "old-metric")
		}
		return p, true
	case "network":
		return e.phase("network", "online"), true
	case "route":
		return e.phase("route "+values("family", "table", "destination", "metric", "type", "interface", "gateway", "protocol"), "there"), true
	case "neighbor":
		return e.phase("neighbor "+id+" "+get("address"), values("mac", "router")), true
	case "service":
		return e.phase("service "+values("service", "instance"), "running"), true
	}
	return Phase{}, false
}

func missing(state string) string {
	if state == states[0] {
		return gone
	}
	return state
}

// phase judges by the last word of the event's name.
func (e Event) phase(topic, value string) Phase {
	switch _, word, _ := strings.Cut(e.Name, "."); word {
	case "added", "up", "online", "started":
		return Phase{topic, gone, value}
	case "removed", "down", "offline", "stopping", "failed":
		return Phase{topic, value, gone}
	case "starting", "stopped":
		return Phase{topic, gone, gone}
	}
	return Phase{topic, unknown, value}
}

// Net is the one event that leads from before the first to after the last of several events about one topic; false when
// that is no change. Events that tell of no state end in the last one.
func Net(first, last Event) (Event, bool) {
	a, ok := first.Phase()
	b, _ := last.Phase()
	switch {
	case !ok || sameEvent(first, last):
		return last, true
	case a.Before == b.After:
		return Event{}, false
	}
	switch family := first.Family(); {
	case family == "interface":
		from, _ := first.Get("from")
		last.Params = set(last.Params, "from", from)
	case family == "default-route" || family == "address" || family == "link" && strings.HasPrefix(a.Topic, "link "):
		last = netOf(family, first, last, a.Before != gone, b.After != gone)
	}
	return last, true
}

func sameEvent(a, b Event) bool {
	return a.Name == b.Name && a.Time.Equal(b.Time) && slices.Equal(a.Params, b.Params)
}

// netOf names the change from a state that was there, or not, to one that is there, or not.
func netOf(family string, first, last Event, before, after bool) Event {
	switch {
	case !before:
		last.Name = family + ".added"
		last.Params = without(last.Params, "old-")
	case !after && family == "default-route": // the route that was told, not one that came between
		last.Params = append(without(first.Params, "old-", "interface", "gateway", "metric"), oldRoute(first, "")...)
	case after && family == "default-route":
		last.Name = family + ".changed"
		last.Params = append(without(last.Params, "old-"), oldRoute(first, "old-")...)
	case after && family == "address" || last.Name == "link.added":
		last.Name = family + ".changed"
	case after && first.Name == "link.renamed":
		old, _ := first.Get("old-interface")
		last.Name, last.Params = first.Name, set(last.Params, "old-interface", old)
	}
	return last
}

// oldRoute are the parameters of the route that decided before an event, with a prefix to their names.
func oldRoute(e Event, prefix string) []Param {
	from := "old-"
	if e.Name == "default-route.removed" {
		from = ""
	}
	var params []Param
	for _, key := range []string{"interface", "gateway", "metric"} {
		if v, there := e.Get(from + key); there {
			params = append(params, Param{prefix + key, v})
		}
	}
	return params
}

// set returns the parameters with one replaced, or added at the end.
func set(params []Param, key, value string) []Param {
	params = slices.Clone(params)
	if i := slices.IndexFunc(params, func(p Param) bool { return p.Key == key }); i >= 0 {
		params[i].Value = value
		return params
	}
	return append(params, Param{key, value})
}

// without returns the parameters without those whose keys begin with one of the prefixes.
func without(params []Param, prefixes ...string) []Param {
	return slices.DeleteFunc(slices.Clone(params), func(p Param) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(p.Key, prefix) })
	})
}
