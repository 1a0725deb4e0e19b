// Package paths tells when hook directories may have to be read again.
//
// A notification of inotify(7) is only a hint, and the disk is the truth: after a hint, and a moment of quiet, everything
// that matters is looked at, and something is told only when it is not as it was at the look before. Watched are the
// directories themselves, their sub-directories of drop-ins, and every directory that a name on the way to them or to the
// target of a link is looked up in; so a directory that is missing, replaced or reached through another link than before
// is no special case.
//
// What inotify does not report is found at the next look only: mounts, and writes through a memory mapping or another
// hard link. Where it cannot report, the look is repeated every 2 seconds.
package paths

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	quiet     = 150 * time.Millisecond // without a hint: who wrote has most likely finished
	most      = time.Second            // that a look is put off for the sake of quiet
	pollEvery = 2 * time.Second        // where something cannot be watched
)

// Watcher watches directories. Changed and How may be called by anybody, Run once.
type Watcher struct {
	roots   []string
	changed chan struct{} // holds one wake-up; another one would say the same
	how     atomic.Value  // string

	// Owned by the goroutine of Run:
	watches *watches
	seen    view
	deaf    error // why not everything is watched; nil when it is

	looks atomic.Int64 // since Run began
}

// New looks at the directories, which need not exist, and starts nothing: whoever calls New, then reads the directories,
// then starts Run, misses no change. Relative paths are meant from the present working directory. A directory in which
// something has just changed makes New wait for a few milliseconds.
func New(roots []string) *Watcher {
	w := &Watcher{changed: make(chan struct{}, 1), watches: newWatches()}
	for _, root := range roots {
		if full, err := absolute(root); err == nil {
			w.roots = append(w.roots, full)
		}
	}
	w.how.Store("not watching yet")
	w.seen = look(w.roots, func(string, string) {})
	return w
}

// absolute does not clean the path: what .. means depends on the links before it. It fails when the working directory is
// gone, and below one that is gone nothing can come to be.
func absolute(path string) (string, error) {
	if strings.HasPrefix(path, "/") {
		return path, nil
	}
	wd, err := os.Getwd()
	return wd + "/" + path, err
}

// Changed has a value when something has changed since the value before it was sent, or since New.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// How says in words how changes are noticed: "inotify", or "polling every 2s: " and why.
func (w *Watcher) How() string { return w.how.Load().(string) }

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.watches.close()
	for {
		w.look()
		if !w.wait(ctx) {
			return
		}
	}
}

// look compares the disk with what it was and renews the watches on the way.
func (w *Watcher) look() {
	w.watches.begin()
	now := look(w.roots, w.watches.add)
	w.deaf = w.watches.end()
	w.how.Store(inWords(w.deaf))
	changed := !now.same(w.seen)
	w.seen = now
	if changed {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	w.looks.Add(1)
}

func inWords(deaf error) string {
	if deaf == nil {
		return "inotify"
	}
	return fmt.Sprintf("polling every %v: %v", pollEvery, deaf)
}

// wait returns true when it is time for a look, and false at the end of ctx. Where everything is watched nothing but a
// hint ends it.
func (w *Watcher) wait(ctx context.Context) bool {
	var poll <-chan time.Time
	if w.deaf != nil {
		poll = time.After(pollEvery)
	}
	select {
	case <-w.watches.hints:
		return w.settle(ctx)
	case <-poll:
		return true
	case <-ctx.Done():
		return false
	}
}

// settle waits, after a hint, for quiet.
func (w *Watcher) settle(ctx context.Context) bool {
	latest := time.After(most)
	for {
		select {
		case <-w.watches.hints:
		case <-time.After(quiet):
			return true
		case <-latest:
			return true
		case <-ctx.Done():
			return false
		}
	}
}
