package networkd

import (
	"encoding/json"
	"os"
	"path/filepath"

	"hookd/events"
)

// told is what the next hookd of this boot has to know of an interface: the kernel's part it has from elsewhere.
type told struct {
	Name  events.Bytes `json:"name"`
	Admin string       `json:"admin"`
}

// save writes down what was told before it is: after a crash nothing is told twice.
func (s *Source) save() {
	if s.Told == "" {
		return
	}
	all := map[int]told{}
	for index, l := range s.links {
		if l.admin != "" {
			all[index] = told{events.Bytes(l.name), l.admin}
		}
	}
	text, err := json.Marshal(all)
	if err != nil || string(text) == s.saved {
		return
	}
	next := s.Told + ".new"
	os.MkdirAll(filepath.Dir(s.Told), 0o700)
	if os.WriteFile(next, text, 0o600) != nil || os.Rename(next, s.Told) != nil {
		os.Remove(s.Told) // none is better than an old one
		return
	}
	s.saved = string(text)
}

// restore reads what an earlier hookd has told. Where it has written nothing it had nobody to tell, and what is there now
// counts as told.
func (s *Source) restore() {
	text, err := os.ReadFile(s.Told)
	all := map[int]told{}
	if err != nil || json.Unmarshal(text, &all) != nil {
		return
	}
	s.live, s.saved = true, string(text)
	for index, t := range all {
		if l, there := s.links[index]; there && l.name == string(t.Name) {
			l.admin = t.Admin
		}
	}
}

// forget takes that away when nothing is told any more.
func (s *Source) forget() {
	if s.saved != "" {
		os.Remove(s.Told)
		s.saved = ""
	}
}
