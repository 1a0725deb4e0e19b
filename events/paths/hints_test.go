package paths

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestHints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a/b")
	ctx, stop := context.WithCancel(t.Context())
	hints, over := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(over)
		Hints(ctx, dir, func() {
			select {
			case hints <- struct{}{}:
			default:
			}
		})
	}()
	expect := func(what string, do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-hints:
		case <-time.After(30 * time.Second):
			t.Fatal("no hint: " + what)
		}
	}
	nothing := func() error { return nil }
	write := func() error { return os.WriteFile(filepath.Join(dir, "7"), []byte("x"), 0o600) }
	expect("at the begin", nothing)
	expect("the directory comes", func() error { return os.MkdirAll(dir, 0o700) })
	for quiet := false; !quiet; { // making two directories gives one hint or more
		select {
		case <-hints:
		case <-time.After(time.Second):
			quiet = true
		}
	}
	expect("a file changes", write)
	stop()
	<-over
}
