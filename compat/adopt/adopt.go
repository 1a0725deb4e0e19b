package adopt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"hookd/compat"
	"hookd/events"
)

// Plan is what is still to be done for an adoption. Nothing of it has been done.
type Plan struct {
	Record  Record   // what the record will say
	Flavor  string   // what is adopted
	Changes []Change // those that are not made yet
	write   bool     // the record is not there, or another one
}

// Done says whether there is nothing to do.
func (p Plan) Done() bool { return !p.write && len(p.Changes) == 0 }

// Plan says what the adoption of a system takes. That it is adopted half, or as a whole, is no fault.
func (h Host) Plan(name string, links bool) (Plan, error) {
	s, found := compat.Find(name)
	if !found {
		return Plan{}, fmt.Errorf("there is no system %s", events.Show(name))
	}
	f := h.flavor(s)
	if f.why != "" {
		return Plan{}, fmt.Errorf("%s is not here to be adopted: %s", name, f.why)
	}
	before, err := h.Read(name)
	if err != nil {
		return Plan{}, err
	}
	if err := h.believed(compat.Records); err != nil {
		return Plan{}, fmt.Errorf("cannot adopt %s: nobody would believe its record: %w", name, err)
	}
	by, err := f.way(name, before, links)
	if err != nil {
		return Plan{}, err
	}
	shim, err := h.shim()
	if err != nil {
		return Plan{}, fmt.Errorf("cannot adopt %s: %w", name, err)
	}
	if err := h.twice(name, by, f.dirs); err != nil {
		return Plan{}, err
	}
	return h.plan(Record{System: name, By: by}, f, before, h.changes(s, f, by, shim))
}

// way is how the system is adopted. Two ways at a time would run every hook twice.
func (f flavor) way(name string, before *Record, links bool) (string, error) {
	by := f.by
	if links && by == ByPath {
		by = ByLinks
	}
	if links && by == ByMask {
		return "", fmt.Errorf("%s has no directories for links: hookd takes its place", name)
	}
	if before != nil && before.By != by {
		return "", fmt.Errorf("%s is adopted by %s already, and both would run everything twice: hookctl adopt --undo %s comes first",
			name, before.By, name)
	}
	return by, nil
}

// plan compares what is wanted with what is there.
func (h Host) plan(r Record, f flavor, before *Record, wanted []Change) (Plan, error) {
	p := Plan{Record: r, Flavor: f.name, write: before == nil}
	if before != nil {
		p.Record.Changes = slices.Clone(before.Changes)
	}
	for _, c := range wanted {
		recorded := slices.Contains(p.Record.Changes, c)
		if slices.Contains(p.Changes, c) {
			continue // a directory of several files
		}
		switch now, what := h.look(c); {
		case now == foreign:
			return Plan{}, fmt.Errorf("cannot adopt %s: %s %s, and not hookd's", r.System, events.Show(h.at(c.where())), what)
		case now == absent:
			p.Changes = append(p.Changes, c)
		case recorded || !c.unmistakable():
			continue
		}
		if !recorded {
			p.Record.Changes, p.write = append(p.Record.Changes, c), true
		}
	}
	return p, nil
}

// unmistakable says whether what is there can only be of hookd, so that it is ours to take away although no record of this
// system says so: of a directory, and of the rest of what somebody else may have made, nobody can tell.
func (c Change) unmistakable() bool { return c.Kind == Link || c.Kind == File }

// Carry carries a plan out and says each change when it is made.
func (h Host) Carry(p Plan, say func(string)) error {
	if p.write {
		if err := h.write(p.Record); err != nil {
			return err
		}
		say("wrote the record " + events.Show(h.recordPath(p.Record.System)))
	}
	for _, c := range p.Changes {
		if err := h.make(c); err != nil {
			return h.failed(c, err)
		}
		say(h.tell(c, true))
	}
	return nil
}

// Say says what Carry would do.
func (h Host) Say(p Plan, say func(string)) {
	if p.write {
		say("would write the record " + events.Show(h.recordPath(p.Record.System)))
	}
	for _, c := range p.Changes {
		say(h.tell(c, false))
	}
}

// make makes a change. What has come there meanwhile is never overwritten.
func (h Host) make(c Change) error {
	switch c.Kind {
	case Directory:
		return os.Mkdir(h.at(c.Path), 0o755)
	case Link:
		return os.Symlink(c.Content, h.at(c.Path))
	case File:
		return h.makeFile(c)
	case Stop:
		return h.Systemctl("stop", c.Path)
	}
	if err := os.Symlink(c.target(), h.at(c.where())); err != nil {
		return err
	}
	return h.reload()
}

// makeFile has the file there as a whole, for somebody who may read it at any moment.
func (h Host) makeFile(c Change) error {
	path := h.at(c.Path)
	unfinished := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := writeSynced(unfinished, c.Content); err != nil {
		return err
	}
	return errors.Join(os.Link(unfinished, path), os.Remove(unfinished))
}

// reload tells systemd that a unit was masked.
func (h Host) reload() error {
	if h.Systemctl == nil {
		return nil
	}
	return h.Systemctl("daemon-reload")
}
