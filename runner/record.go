package runner

import (
	"time"

	"hookd/events"
)

// Record is one line of the journal: what the next hookd of this boot has to know when this one is gone. The events of
// sources in it make the state that hooks know; a run that is not over is carried on unless it was guided, its jobs that have begun and
// not ended are interrupted.
type Record struct {
	Kind   string        `json:"kind"`
	Event  *events.Event `json:"event,omitempty"`
	First  *events.Event `json:"first,omitempty"` // of a hold
	Run    string        `json:"run,omitempty"`
	Hooks  []string      `json:"hooks,omitempty"` // of a run: those that are to run; of a set: all; of a hold: those that come along
	Drop   []holdKey     `json:"drop,omitempty"`  // holds that end with this record
	Hold   *holdKey      `json:"hold,omitempty"`
	Hook   string        `json:"hook,omitempty"`
	Wait   bool          `json:"wait,omitempty"`   // somebody waits for the run, and does not any more when it is resumed
	Guided bool          `json:"guided,omitempty"` // scripts run between its hooks, and go on without them
	Report *JobReport    `json:"report,omitempty"`
	Time   *time.Time    `json:"time,omitempty"` // of a start

	Service *savedService `json:"service,omitempty"`
}

// Kinds of records.
const (
	recordEvent = "event" // something happened; with Run its hooks
	recordRun   = "run"   // a run for an event that is no news: it settled, or comes late
	recordHold  = "hold"  // a hook will hear of the event later
	recordStart = "start" // a job begins: the intent
	recordEnd   = "end"   // a job has ended: the result
	recordOver  = "over"  // a run has ended
	recordHooks = "hooks" // the hooks of the set in force

	recordService = "service" // what is wanted and was told of a service
)

// Journal keeps records. The runner's owner calls it, so it must not block for long; what it cannot keep it reports by
// itself.
type Journal interface {
	// Append writes records in one piece, and says whether the journal has grown so long that it should be rewritten.
	Append(records ...Record) (long bool)
	// Rewrite puts records in the place of all.
	Rewrite(records []Record)
}

// Saved is what a journal says.
type Saved struct {
	Told  *events.Told
	Hooks []string // that knew the state; nil when no set was in force
	runs  []*savedRun
	held  map[holdKey]hold
	order []holdKey // of held, as they came

	services map[ServiceID]*savedService
}

type savedRun struct {
	id      string
	event   events.Event
	wait    bool
	guided  bool
	hooks   []string
	begun   map[string]int // how often
	at      map[string]time.Time
	reports map[string]*JobReport
}

// Restore reads what an earlier hookd of this boot has left; nil when that is nothing. What makes no sense is passed
// over: half a journal is better than none.
func Restore(records []Record) *Saved {
	if len(records) == 0 {
		return nil
	}
	s := &Saved{Told: events.NewTold(), held: map[holdKey]hold{}, services: map[ServiceID]*savedService{}}
	for _, r := range records {
		s.take(r)
	}
	return s
}

func (s *Saved) take(r Record) {
	for _, key := range r.Drop {
		delete(s.held, key)
	}
	switch {
	case r.Kind == recordService && r.Service != nil:
		if s.services[r.Service.ID] = r.Service; r.Service.Gone {
			delete(s.services, r.Service.ID)
		}
	case r.Kind == recordHooks:
		s.Hooks = append([]string{}, r.Hooks...)
	case r.Kind == recordHold && r.Hold != nil && r.First != nil && r.Event != nil:
		s.hold(*r.Hold, hold{first: *r.First, last: *r.Event, with: r.Hooks})
	case (r.Kind == recordEvent || r.Kind == recordRun) && r.Event != nil:
		if r.Kind == recordEvent {
			s.Told.Put(*r.Event)
		}
		if len(r.Hooks) > 0 {
			s.runs = append(s.runs, &savedRun{r.Run, *r.Event, r.Wait, r.Guided, r.Hooks, map[string]int{}, map[string]time.Time{}, map[string]*JobReport{}})
		}
	default:
		s.progress(r)
	}
}

func (s *Saved) hold(key holdKey, h hold) {
	if _, there := s.held[key]; !there {
		s.order = append(s.order, key)
	}
	s.held[key] = h
}

// progress takes in how far a run has come.
func (s *Saved) progress(r Record) {
	for i, run := range s.runs {
		switch {
		case run.id != r.Run:
		case r.Kind == recordStart:
			run.begun[r.Hook]++
			if r.Time != nil {
				run.at[r.Hook] = *r.Time
			}
		case r.Kind == recordEnd && r.Report != nil:
			run.reports[r.Hook] = r.Report
		case r.Kind == recordOver:
			s.runs = append(s.runs[:i:i], s.runs[i+1:]...)
			return
		}
	}
}

// note is to be written to the journal: before the next job begins, and before the next message is read. What belongs
// together is so written in one piece.
func (r *Runner) note(records ...Record) {
	if r.journal != nil {
		r.noted = append(r.noted, records...)
	}
}

func (r *Runner) write() {
	if len(r.noted) > 0 {
		r.long = r.journal.Append(r.noted...) || r.long
		r.noted = nil
	}
}

// shorten rewrites a journal that has grown long. It is called between messages, when records() is all there is to know.
func (r *Runner) shorten() {
	r.write()
	if r.long {
		r.long = false
		r.journal.Rewrite(r.records())
	}
}

// records are all that the next hookd would have to know now. Runs come before the state: their events are older.
func (r *Runner) records() []Record {
	out := []Record{{Kind: recordHooks, Hooks: r.known}}
	for _, run := range r.all() {
		out = append(out, run.records()...)
	}
	for _, e := range r.told.List(r.now()) {
		out = append(out, Record{Kind: recordEvent, Event: &e})
	}
	for key, h := range r.held {
		out = append(out, h.record(key))
	}
	for _, s := range r.services {
		out = append(out, Record{Kind: recordService, Service: s.save()})
	}
	return out
}

func (h hold) record(key holdKey) Record {
	return Record{Kind: recordHold, Hold: &key, First: &h.first, Event: &h.last, Hooks: h.with}
}

func (r *run) records() []Record {
	begin := Record{Kind: recordRun, Event: &r.event, Run: r.id, Wait: r.waits, Guided: r.guided}
	var out []Record
	for _, j := range r.jobs {
		begin.Hooks = append(begin.Hooks, j.Hook.Name)
		for range j.tries {
			if j.state != over {
				out = append(out, Record{Kind: recordStart, Run: r.id, Hook: j.Hook.Name, Time: &j.began})
			}
		}
		if j.state == over {
			out = append(out, Record{Kind: recordEnd, Run: r.id, Hook: j.Hook.Name, Report: &j.report})
		}
	}
	return append([]Record{begin}, out...)
}

// State is the state as it was told; nil when nothing was saved.
func (s *Saved) State(now time.Time) []events.Event {
	if s == nil {
		return nil
	}
	return s.Told.List(now)
}
