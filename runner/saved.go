package runner

import (
	"encoding/json"

	"hookd/events"
	"hookd/hookspec"
)

// savedService is a service as the journal keeps it.
type savedService struct {
	ID     ServiceID     `json:"id"`
	Event  *events.Event `json:"event,omitempty"` // it is wanted for; nil when it is not
	Run    string        `json:"run,omitempty"`
	Why    string        `json:"why,omitempty"`
	State  bool          `json:"state,omitempty"`
	Spent  bool          `json:"spent,omitempty"`
	Renew  bool          `json:"renew,omitempty"`
	Cause  string        `json:"cause,omitempty"`
	Barred bool          `json:"barred,omitempty"`
	Ours   bool          `json:"ours,omitempty"`
	Owes   bool          `json:"owes,omitempty"`
	Begun  bool          `json:"begun,omitempty"`
	Doubt  bool          `json:"doubt,omitempty"`
	Told   ServiceState  `json:"told"`
	Gone   bool          `json:"gone,omitempty"`
}

func (s *service) save() *savedService {
	out := &savedService{ID: s.id, Cause: s.cause, Barred: s.barred, Ours: s.ours, Owes: s.owes,
		Begun: s.begun, Doubt: s.doubtful(), Told: s.told, Gone: s.idle()}
	w := s.want
	for w != nil && w.once { // who asked by hand is gone by then
		w = w.before
	}
	if w != nil {
		out.Event, out.Run, out.Why, out.State, out.Spent, out.Renew = &w.event, w.run, w.why, w.state, w.spent, w.renew
	}
	return out
}

// text is what the journal would say.
func (s *savedService) text() string {
	text, _ := json.Marshal(s) // it holds nothing that json refuses
	return string(text)
}

// service makes of what was saved the service again; hook is the one in force, or nil.
func (s *savedService) service(hook *hookspec.Hook) *service {
	out := &service{id: s.ID, hook: hook, cause: s.Cause, barred: s.Barred, ours: s.Ours, owes: s.Owes, begun: s.Begun, doubt: s.Doubt, told: s.Told}
	if s.Event != nil {
		out.want = &want{event: *s.Event, run: s.Run, why: s.Why, state: s.State, spent: s.Spent, renew: s.Renew}
		out.chain = s.Event.Cause
	}
	return out
}

// MarshalJSON writes an instance that is no UTF-8 so that it is read as it was.
func (id ServiceID) MarshalJSON() ([]byte, error) {
	return json.Marshal(serviceID{id.Hook, events.Bytes(id.Instance)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (id *ServiceID) UnmarshalJSON(data []byte) error {
	var v serviceID
	err := json.Unmarshal(data, &v)
	*id = ServiceID{v.Hook, string(v.Instance)}
	return err
}

type serviceID struct {
	Hook     string       `json:"hook"`
	Instance events.Bytes `json:"instance"`
}
