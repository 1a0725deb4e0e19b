package hookd

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// trouble is what does not work at present: said in the log when it begins and ends, and in the status as long as it
// lasts. Any goroutine may use it.
type trouble struct {
	log *slog.Logger

	mu  sync.Mutex
	now map[string]string // by what it is about
}

// about returns a function to report errors about one thing with, nil for the end of it.
func (t *trouble) about(what string) func(error) {
	return func(err error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		_, before := t.now[what]
		switch {
		case err != nil:
			t.now[what] = err.Error()
			if !before {
				t.log.Error(err.Error())
			}
		case before:
			delete(t.now, what)
			t.log.Info("all is well again", "about", what)
		}
	}
}

// list is what does not work, in the order of what it is about.
func (t *trouble) list() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []string{}
	for _, what := range slices.Sorted(maps.Keys(t.now)) {
		out = append(out, t.now[what])
	}
	return out
}
