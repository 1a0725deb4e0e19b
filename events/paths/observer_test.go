package paths

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// observer does what a user of the watcher does: it reads the directories at first, and again when it is told to.
type observer struct {
	t       *testing.T
	dir     string // where the commands of the test run; it has no links in its path
	roots   []string
	watcher *Watcher
	seen    string
}

// prepare runs commands and makes a watcher of the roots, which are relative to the directory of the test.
func prepare(t *testing.T, commands string, roots ...string) *observer {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := &observer{t: t, dir: dir}
	o.sh(commands)
	for _, r := range roots {
		o.roots = append(o.roots, dir+"/"+r)
	}
	o.watcher = New(o.roots)
	o.seen = o.read()
	return o
}

// run starts the watcher and waits until it watches: what is told from then on was not found by the first look.
func (o *observer) run() *observer {
	o.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { o.watcher.Run(ctx) })
	o.t.Cleanup(func() { cancel(); running.Wait() })
	o.eventually("the first look", func() bool { return o.watcher.looks.Load() > 0 })
	return o
}

func (o *observer) sh(commands string) {
	o.t.Helper()
	cmd := exec.Command("sh", "-euc", commands)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("%s: %v\n%s", commands, err, out)
	}
}

// read returns all that how hooks are loaded depends on, as one reads it who knows nothing of this package.
func (o *observer) read() string {
	var b strings.Builder
	for _, root := range o.roots {
		for dir := root; dir != o.dir; dir = filepath.Dir(dir) {
			describe(&b, dir)
		}
		list(&b, root, true)
	}
	return b.String()
}

func list(b *strings.Builder, dir string, deep bool) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		describe(b, path)
		if text, err := os.ReadFile(path); err == nil {
			fi, _ := os.Stat(path)
			fmt.Fprintf(b, "  %v %q\n", fi.ModTime(), text)
		}
		if deep && strings.HasSuffix(path, ".d") {
			list(b, path, false)
		}
	}
}

func describe(b *strings.Builder, path string) {
	fi, err := os.Stat(path)
	if err != nil {
		fmt.Fprintln(b, err)
		return
	}
	target, _ := os.Readlink(path)
	fmt.Fprintf(b, "%q %v %d %s\n", path, fi.Mode(), fi.Sys().(*syscall.Stat_t).Uid, target)
}

// do runs commands that change something and waits until the observer has been told of everything they did.
func (o *observer) do(commands string) {
	o.t.Helper()
	select {
	case <-o.watcher.Changed(): // of what was done before; it does not tell of what comes now
	default:
	}
	o.sh(commands)
	o.until(commands)
}

func (o *observer) until(what string) {
	o.t.Helper()
	want := o.read()
	if want == o.seen {
		o.t.Fatalf("nothing was changed by: %s", what)
	}
	deadline := time.After(patience)
	for o.seen != want {
		select {
		case <-o.watcher.Changed():
			o.seen = o.read()
		case <-deadline:
			o.t.Fatalf("not told after: %s\nwatcher: %s\n(-want +got):\n%s", what, o.watcher.How(), cmp.Diff(want, o.seen))
		}
	}
}

func (o *observer) eventually(what string, holds func() bool) {
	o.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatalf("never came: %s; watcher: %s", what, o.watcher.How())
		}
	}
}

// how waits until the watcher says that of itself.
func (o *observer) how(want string) {
	o.t.Helper()
	o.eventually(want, func() bool { return strings.HasPrefix(o.watcher.How(), want) })
}

// gate stops the reader of events until it is opened.
func (o *observer) gate() (open func()) {
	shut := make(chan struct{})
	o.watcher.watches.stall = func() { <-shut }
	var once sync.Once
	open = func() { once.Do(func() { close(shut) }) }
	o.t.Cleanup(open)
	return open
}
