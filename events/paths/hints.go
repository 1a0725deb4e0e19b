package paths

import (
	"context"
	"time"
)

// Hints calls hint at once, and then whenever something in a directory may have changed, until ctx ends. It neither looks at
// what is in it nor waits for quiet: that is for who knows what to look for. The directory need not exist; where inotify(7)
// cannot watch, hint is called every 2 seconds.
func Hints(ctx context.Context, dir string, hint func()) {
	w := newWatches()
	defer w.close()
	for {
		w.begin()
		way := surveyor{watch: w.add}
		if path, mode := way.follow("/", dir); isDir(mode) {
			w.add(path, "")
		}
		deaf := w.end()
		hint()
		var poll <-chan time.Time
		if deaf != nil {
			poll = time.After(pollEvery)
		}
		select {
		case <-w.hints:
		case <-poll:
		case <-ctx.Done():
			return
		}
	}
}
