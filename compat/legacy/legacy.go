// Package legacy reads the hook directories of the old systems on a host and says of every file in them when it runs, in
// which place, or why it never does. It changes nothing.
//
// What counts is what the programs themselves do: debianutils' run-parts 5.7 and 5.23, networkd-dispatcher 2.2.3, NetworkManager
// 1.42, systemd 252, pm-utils 1.4.1, ISC dhclient 4.4.3, dhcpcd 9.4.1, ifupdown2 3.0.0.
package legacy

import (
	"cmp"
	"slices"
)

// Entry is one file in an old directory.
type Entry struct {
	System  string // as hookctl adopt has it, or the old system's own name
	When    string // a pattern of our events, or the old system's own word where there is no event
	Event   bool   // When is a pattern of our events
	Order   int    // its place among those of the directory that run, from 1; 0 for none
	Path    string // on that host
	Real    string // what Path leads to, links followed; empty if nowhere
	Regular bool   // it leads to a file
	ID      string // of the file, the same for all its links; empty if there is none
	Runs    bool
	Why     string // why it never runs
	// Expected marks what never runs and is no mistake: the old system is not installed, the file is overridden or a mask.
	Expected bool
	Absent   bool     // the old system is not installed
	Notes    []string // what is doubtful and does not keep it from running
	Remarks  []string // what is worth saying of it
	Adopted  bool     // hookd takes part in its directory
	OnePlan  bool     // and runs it in one plan with hooks
	Shim     bool     // it is a hookshim

	chosen bool // it does not run, and the old system tries it
}

// Read says what lies in the old directories below a root; "/" or the empty string is this host's own.
func Read(root string) []Entry {
	h := newHost(root)
	var out []Entry
	for _, d := range directories(h) {
		out = append(out, h.read(d)...)
	}
	return out
}

// directory is one place whose files run together, in one or more directories of which the first that has a name wins.
type directory struct {
	system string
	when   string
	event  bool
	paths  []string
	single bool // paths are files, not directories

	absent   string // why nothing here runs, which is no mistake of the files
	unread   string // why nothing here ever runs, which is
	rules    []rule
	falls    bool     // a name that is refused is looked for in the next directory
	stops    bool     // what cannot be executed ends the turn
	ends     bool     // and ends ifup
	past     bool     // a link that leads nowhere, too
	beside   bool     // all run at the same time
	unsorted bool     // in the order of the disk
	below    []string // directories in it that are places of their own
}

// read judges all files of a place. Names are sorted by their bytes.
func (h *host) read(d directory) []Entry {
	var files []File
	for _, p := range d.paths {
		if d.single {
			files = append(files, h.files(p)...)
		} else {
			files = append(files, h.list(p)...)
		}
	}
	slices.SortStableFunc(files, byName)
	turn := turn{d: d, winner: map[string]string{}}
	var out []Entry
	for _, f := range files {
		if f.isDir() && slices.Contains(d.below, f.Name) {
			continue // it is read by itself
		}
		e := turn.take(f)
		e.Adopted, e.OnePlan = e.Runs && h.adopted[d.system], e.Runs && h.onePlan(d.system)
		out = append(out, e)
	}
	return out
}

// turn is how far a system is with the files of a place.
type turn struct {
	d      directory
	winner map[string]string // the file that counts for a name
	order  int
	stuck  string // at which file it gives up
}

func (t *turn) take(f File) Entry {
	e := t.d.judge(f, t.winner[f.Name])
	if e.Runs && t.stuck != "" {
		e.Runs, e.Why = false, "never reached: "+t.d.system+" gives up at "+t.stuck
	}
	if e.Runs || e.chosen || !t.d.falls && (!t.d.past || f.Real != "") {
		t.winner[f.Name] = cmp.Or(t.winner[f.Name], f.Path)
	}
	if e.chosen && t.d.stops {
		t.stuck = cmp.Or(t.stuck, f.Name)
	}
	if e.Runs && !t.d.beside && !t.d.unsorted {
		t.order++
		e.Order = t.order
	}
	return e
}

func (d directory) judge(f File, winner string) Entry {
	e := Entry{System: d.system, When: d.when, Event: d.event, Path: f.Path, Real: f.Real, ID: f.ID, Regular: f.Kind == '-', Shim: f.isShim()}
	switch {
	case d.absent != "":
		e.Why, e.Expected, e.Absent = d.absent, true, true
	case d.unread != "":
		e.Why, e.Expected = d.unread, f.placeholder()
	case winner != "":
		e.Why, e.Expected = "overridden by "+winner, true
	default:
		v := f.judged(d.rules)
		e.Why, e.Expected, e.Remarks, e.chosen = v.why, v.expected || f.placeholder(), v.remarks, v.chosen
		if d.ends {
			e.Why += v.ends()
		}
	}
	e.Runs = e.Why == ""
	if e.Runs || e.Expected {
		e.Notes = f.doubts()
	}
	return e
}
