package events

import (
	"encoding/json"
	"time"
)

// wire is the JSON form of an event, documented in hookd.hook(5) under Input=json.
type wire struct {
	Event      string           `json:"event"`
	Subject    Bytes            `json:"subject"`
	Source     string           `json:"source"`
	Time       time.Time        `json:"time"`
	Parameters map[string]Bytes `json:"parameters"`
	Cause      []Cause          `json:"cause,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (e Event) MarshalJSON() ([]byte, error) {
	w := wire{e.Name, Bytes(e.Subject), e.Source, e.Time, map[string]Bytes{}, e.Cause}
	for _, p := range e.Params {
		w.Parameters[p.Key] = Bytes(p.Value)
	}
	return plainJSON(w)
}

// UnmarshalJSON implements json.Unmarshaler. The parameters come in the order of the table, others by name.
func (e *Event) UnmarshalJSON(data []byte) error {
	var w wire
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*e = Event{Name: w.Event, Subject: string(w.Subject), Source: w.Source, Time: w.Time, Cause: w.Cause}
	spec, _ := Lookup(w.Event)
	for _, p := range spec.Params {
		if v, there := w.Parameters[p.Name]; there {
			e.Params = append(e.Params, Param{p.Name, string(v)})
			delete(w.Parameters, p.Name)
		}
	}
	for _, k := range sortedKeys(w.Parameters) {
		e.Params = append(e.Params, Param{k, string(w.Parameters[k])})
	}
	_, e.Also = spec.subject(*e)
	return nil
}
