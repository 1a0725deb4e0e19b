package adopt

import (
	"fmt"

	"hookd/compat"
	"hookd/events"
)

// Status is how a system stands.
type Status struct {
	System  string
	Flavor  string // what of it is installed
	Missing string // why it cannot be adopted here
	By      string // how it is adopted, empty when it is not
	Record  string // the path of the record
	Trouble string // what has become of its adoption
}

// Look says how every system stands.
func (h Host) Look() []Status {
	var out []Status
	for _, s := range compat.Systems() {
		out = append(out, h.status(s))
	}
	return out
}

func (h Host) status(s compat.System) Status {
	f := h.flavor(s)
	st := Status{System: s.Name, Flavor: f.name, Missing: f.why}
	r, err := h.Read(s.Name)
	switch {
	case err != nil:
		st.By, st.Record, st.Trouble = "record", h.recordPath(s.Name), err.Error()
	case r != nil:
		st.By, st.Record, st.Trouble = r.By, h.recordPath(s.Name), h.trouble(*r)
	}
	return st
}

// trouble is the first thing that is not as the record says.
func (h Host) trouble(r Record) string {
	for _, c := range r.Changes {
		now, what := h.look(c)
		path := events.Show(h.at(c.where()))
		switch {
		case c.Kind == Stop && now == absent:
			return c.Path + " runs"
		case now == absent:
			return fmt.Sprintf("%s is missing (hookctl adopt %s makes it)", path, r.System)
		case now == foreign:
			return fmt.Sprintf("%s %s", path, what)
		}
	}
	return ""
}
