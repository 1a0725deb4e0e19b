package adopt

import (
	"cmp"
	"fmt"

	"hookd/compat"
	"hookd/events"
)

// Status is how a system stands.
type Status struct {
	System    string       `json:"system"`
	Installed string       `json:"installed,omitempty"` // what of it is here
	Missing   events.Bytes `json:"missing,omitempty"`   // or why it cannot be adopted
	By        string       `json:"by,omitempty"`        // how it is adopted, empty when it is not
	Record    events.Bytes `json:"record,omitempty"`    // its path
	Trouble   events.Bytes `json:"trouble,omitempty"`   // what has become of the adoption
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
	st := Status{System: s.Name, Missing: events.Bytes(f.why)}
	if f.why == "" {
		st.Installed = f.name
	}
	r, err := h.Read(s.Name)
	switch {
	case err != nil:
		st.By, st.Trouble = "record", events.Bytes(err.Error())
	case r != nil:
		st.By, st.Trouble = r.By, events.Bytes(cmp.Or(h.trouble(*r), h.spare(*r, f)))
	default:
		return st
	}
	st.Record = events.Bytes(h.recordPath(s.Name))
	return st
}

// spare is a link that adoption has not made, and that so does nothing (hookshim(8)).
func (h Host) spare(r Record, f flavor) string {
	link, target := h.surplus(r.By, f.dirs)
	if link == "" {
		return ""
	}
	return fmt.Sprintf("%s is a link to %s beside the adoption, and does nothing", events.Show(h.at(link)), events.Show(target))
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
		case c.shim() != "" && !h.executable(c.shim()):
			return fmt.Sprintf("%s needs %s, which is not there: no hook runs", path, events.Show(h.at(c.shim())))
		}
	}
	return ""
}
