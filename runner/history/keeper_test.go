package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hookd/runner"
)

// place is a history with a directory to last in.
type place struct {
	t         *testing.T
	dir, kept string
	mu        sync.Mutex
	told      reports
}

func newPlace(t *testing.T) *place {
	dir := t.TempDir()
	return &place{t: t, dir: filepath.Join(dir, "state"), kept: filepath.Join(dir, "lib", "history")}
}

func (p *place) report(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told.add(err)
}

func (p *place) reported() reports {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told)
}

func (p *place) quiet() {
	p.t.Helper()
	if told := p.reported(); len(told) > 0 {
		p.t.Errorf("reported: %v", told)
	}
}

// open is what a hookd does at its start.
func (p *place) open() (*History, *Keeper) {
	h := Open(p.dir, p.report)
	p.t.Cleanup(h.Close)
	return h, NewKeeper(h, p.kept, func(string) error { return nil }, p.report)
}

// keep runs a keeper until end is called.
func keep(t *testing.T, k *Keeper) (end func()) {
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		k.Run(ctx)
		close(over)
	}()
	end = func() { stop(); <-over }
	t.Cleanup(end)
	return end
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// written counts the lines of the parts in a directory.
func written(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, path := range parts(dir) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(text, []byte("\n"))
	}
	return n
}

func numbers(from, to int) string {
	var out []string
	for n := from; n < to; n++ {
		out = append(out, fmt.Sprintf("r%d", n))
	}
	return strings.Join(out, " ")
}

// What is flushed is read before what was written later, over restarts and boots; many small flushes make few parts.
func TestKeeper(t *testing.T) {
	p := newPlace(t)
	os.MkdirAll(filepath.Dir(filepath.Dir(p.kept)), 0o755)
	n := 0
	for range 4 { // boots
		os.RemoveAll(p.dir)
		for range 3 { // restarts
			h, k := p.open()
			end := keep(t, k)
			for range 30 {
				h.Add(run(t, fmt.Sprintf("r%d", n), "a", runner.Done, "x"))
				n++
				if n%2 == 0 {
					continue
				}
				if err := k.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := ids(t, p.dir, Filter{}); got != numbers(0, n) {
				t.Fatalf("read %s", got)
			}
			end()
			h.Close()
			if len(parts(p.dir)) != 0 {
				t.Fatalf("left %v", parts(p.dir))
			}
		}
	}
	h, k := p.open()
	keep(t, k)
	os.RemoveAll(p.dir)
	if err := k.Flush(t.Context()); err != nil {
		t.Errorf("without its state: %v", err)
	}
	h.Close()
	if got := ids(t, p.dir, Filter{}); got != numbers(0, n) || len(parts(p.kept)) != 1 || written(t, p.kept) != n {
		t.Errorf("%v, %d lines, read %s", parts(p.kept), written(t, p.kept), got)
	}
	if fi, err := os.Stat(p.kept); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	p.quiet()
}

// A death between any two steps of a move loses and doubles nothing, neither for readers nor on disk, whether the next hookd
// writes into what was left or not.
func TestKilledAtEveryStep(t *testing.T) {
	for _, room := range []bool{true, false} { // in the last lasting part
		for steps := range len((&move{}).steps()) + 1 {
			for _, grown := range []bool{false, true} {
				t.Run(fmt.Sprintf("room %v, step %d, grown %v", room, steps, grown), func(t *testing.T) { killedAt(t, room, steps, grown) })
			}
		}
	}
}

func killedAt(t *testing.T, room bool, steps int, grown bool) {
	p := newPlace(t)
	h, k := p.open()
	end := keep(t, k)
	output := ""
	if !room {
		output = strings.Repeat("x", 200<<10)
	}
	n := 0
	add := func(h *History, count int) {
		for range count {
			h.Add(run(t, fmt.Sprintf("r%d", n), "a", runner.Done, output))
			n++
		}
	}
	add(h, 2)
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	add(h, 2)
	for _, source := range h.seal() {
		for _, step := range (&move{source: source, dir: p.kept}).steps()[:steps] {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 { // hookd is dead; the next one does it all, and the one after that nothing
		h, k = p.open()
		if grown {
			add(h, 1)
		}
		if got := ids(t, p.dir, Filter{}); got != numbers(0, n) {
			t.Fatalf("read %s", got)
		}
		keep(t, k)()
		if got := ids(t, p.dir, Filter{}); got != numbers(0, n) || written(t, p.kept) != n || len(parts(p.dir)) != 0 {
			t.Fatalf("%d lines of %d are there, %v are left; read %s", written(t, p.kept), n, parts(p.dir), got)
		}
		h.Close()
	}
	if left, _ := os.ReadDir(p.kept); len(left) != len(parts(p.kept)) {
		t.Errorf("left are %v", left)
	}
	p.quiet()
}

// What hookd was killed over in the middle of a line is moved as it is, and the line behind it is whole.
func TestKeeperCutOff(t *testing.T) {
	p := newPlace(t)
	h, k := p.open()
	h.Add(run(t, "r0", "a", runner.Done, ""))
	h.Add(run(t, "cut", "a", runner.Done, ""))
	text, err := os.ReadFile(parts(p.dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	os.Truncate(parts(p.dir)[0], int64(len(text)-9))
	keep(t, k)
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Add(run(t, "r1", "a", runner.Done, ""))
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, p.dir, Filter{}); got != "r0 r1" || len(parts(p.kept)) != 1 {
		t.Errorf("read %s", got)
	}
}

// The lasting directory is bounded too, and full parts go there by themselves.
func TestKeeperBounds(t *testing.T) {
	p := newPlace(t)
	h, k := p.open()
	k.after = time.Hour
	keep(t, k)
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	const n = 600
	flood := strings.Repeat("\x01", 6<<10) // six bytes each in JSON
	for i := range n {
		h.Add(run(t, fmt.Sprintf("r%d", i), "a", runner.Done, flood))
		if i%20 == 19 {
			eventually(t, "full parts go", func() bool { return len(parts(p.dir)) <= 1 })
		}
	}
	size, kept := int64(0), parts(p.kept)
	for _, path := range kept {
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += fi.Size()
	}
	if size > maxLasting || size < maxLasting-2*partSize || len(kept) > 2*keepParts {
		t.Errorf("%d bytes in %d parts", size, len(kept))
	}
	got := strings.Fields(ids(t, p.dir, Filter{}))
	if first := n - len(got); len(got) < 200 || strings.Join(got, " ") != numbers(first, n) {
		t.Errorf("%d runs from %s to %s", len(got), got[0], got[len(got)-1])
	}
	p.quiet()
}

// Before it is told a keeper touches nothing; then time moves what was written, without anybody asking, and the next hookd
// of this boot goes on by itself.
func TestKeeperTime(t *testing.T) {
	p := newPlace(t)
	h, k := p.open()
	k.after = time.Millisecond
	end := keep(t, k)
	h.Add(run(t, "r0", "a", runner.Done, ""))
	end()
	if _, err := os.Stat(filepath.Dir(p.kept)); !os.IsNotExist(err) {
		t.Fatal("something was made before it was told")
	}
	k.after = time.Millisecond
	end = keep(t, k)
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 5; n++ {
		h.Add(run(t, fmt.Sprintf("r%d", n), "a", runner.Done, ""))
		eventually(t, "it is moved", func() bool { return written(t, p.kept) == n+1 })
	}
	end()
	h.Close()
	h, k = p.open()
	k.after = time.Millisecond
	end = keep(t, k)
	h.Add(run(t, "r5", "a", runner.Done, ""))
	eventually(t, "the next one goes on", func() bool { return written(t, p.kept) == 6 })
	end()
	h.Close()

	m, err := readMark(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Boot = "another"
	m.write(p.dir)
	h, k = p.open()
	h.Add(run(t, "r6", "a", runner.Done, ""))
	keep(t, k)()
	if n := written(t, p.kept); n != 6 || ids(t, p.dir, Filter{}) != numbers(0, 7) {
		t.Errorf("a mark of another boot: %d lines, read %s", n, ids(t, p.dir, Filter{}))
	}
	p.quiet()
}

// While nothing is written no timer runs, and none before it is told; a failure is tried again.
func TestKeeperIdle(t *testing.T) {
	p := newPlace(t)
	h, k := p.open()
	h.Add(run(t, "r0", "a", runner.Done, ""))
	end := keep(t, k)
	eventually(t, "it has heard of that", func() bool { return len(h.wrote) == 0 })
	end()
	if k.later(); k.waits {
		t.Error("a timer runs before there is anything to do")
	}
	k.mark, k.timer = mark{Directory: p.kept}, time.NewTimer(time.Hour)
	if k.flush() == nil || !k.waits {
		t.Error("a failure is not tried again")
	}
	for range 2 {
		if err := k.told(); err != nil || k.waits || len(h.wrote)+len(h.full) > 0 {
			t.Errorf("after a flush: %v, the timer runs: %v", err, k.waits)
		}
	}
	h.Add(run(t, "r1", "a", runner.Done, ""))
	if len(h.wrote) != 1 {
		t.Error("nobody hears that something was written")
	}
}

// A directory on another file system than it was is not written to, nor made: its own one has gone.
func TestKeeperGone(t *testing.T) {
	p := newPlace(t)
	h, k := p.open()
	keep(t, k)
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := readMark(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Device++
	m.write(p.dir)
	os.RemoveAll(filepath.Dir(p.kept))
	h.Add(run(t, "r0", "a", runner.Done, ""))
	_, k = p.open()
	keep(t, k)()
	told := p.reported()
	if _, err := os.Stat(filepath.Dir(p.kept)); !os.IsNotExist(err) || len(told) != 1 || !strings.Contains(told[0].Error(), "another file system") {
		t.Errorf("%v, told %v", err, told)
	}
	keep(t, k)
	if err := k.Flush(t.Context()); err != nil || written(t, p.kept) != 1 || len(p.reported()) != 2 {
		t.Errorf("told again: %v, %v", err, p.reported())
	}
}

// What is not safe is not written to, and failures use no parts up.
func TestKeeperUnsafe(t *testing.T) {
	p := newPlace(t)
	h, k := p.open()
	unsafe := errors.New("it belongs to somebody else")
	k.safe = func(string) error { return unsafe }
	keep(t, k)
	for n := range 3 * keepParts {
		h.Add(run(t, fmt.Sprintf("r%d", n), "a", runner.Done, ""))
		if err := k.Flush(t.Context()); !errors.Is(err, unsafe) {
			t.Fatal(err)
		}
	}
	if got := ids(t, p.dir, Filter{}); got != numbers(0, 3*keepParts) || len(parts(p.dir)) != 1 || len(parts(p.kept)) != 0 {
		t.Errorf("%v, read %s", parts(p.dir), got)
	}
	if len(p.reported()) != 1 {
		t.Errorf("told %v", p.reported())
	}
	if err := NewKeeper(h, "", nil, nil).Flush(t.Context()); err == nil {
		t.Error("it flushes to nowhere")
	}
}

// Whoever reads while parts are moved misses nothing.
func TestReadWhileMoving(t *testing.T) {
	p := newPlace(t)
	h, k := p.open()
	keep(t, k)
	const n = 300
	over := make(chan struct{})
	go func() {
		defer close(over)
		for i := range n {
			h.Add(run(t, fmt.Sprintf("r%d", i), "a", runner.Done, strings.Repeat("x", 4<<10)))
			k.Flush(t.Context())
		}
	}()
	for last := 0; last < n; {
		got := strings.Fields(ids(t, p.dir, Filter{}))
		if len(got) < last || strings.Join(got, " ") != numbers(0, len(got)) {
			t.Fatalf("after %d runs: %v", last, got)
		}
		last = len(got)
	}
	<-over
	p.quiet()
}

// inTmpfs is set in the environment of a test that has a small file system for its own.
const inTmpfs = "HISTORY_TMPFS"

// A full disk takes nothing: the state directory keeps what it can, and all goes on when there is room.
func TestKeeperFullDisk(t *testing.T) {
	dir := os.Getenv(inTmpfs)
	if dir == "" {
		again(t, t.TempDir())
		return
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("no tmpfs can be mounted: ", err)
	}
	p := newPlace(t)
	p.kept = filepath.Join(dir, "history")
	h, k := p.open()
	keep(t, k)
	h.Add(run(t, "r0", "a", runner.Done, ""))
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("it is not full: %v", err)
	}
	const n = 5 * keepParts
	for i := 1; i < n; i++ {
		h.Add(run(t, fmt.Sprintf("r%d", i), "a", runner.Done, strings.Repeat("x", 1<<10)))
		if err := k.Flush(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk is full: %v", err)
		}
	}
	if got := ids(t, p.dir, Filter{}); got != numbers(0, n) || len(parts(p.dir)) != 1 || len(p.reported()) != 1 {
		t.Fatalf("%v, told %v, read %s", parts(p.dir), p.reported(), got)
	}
	os.Remove(ballast)
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if told := p.reported(); ids(t, p.dir, Filter{}) != numbers(0, n) || written(t, p.kept) != n || len(told) != 2 || told[1] != nil {
		t.Errorf("told %v, read %s", told, ids(t, p.dir, Filter{}))
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	h.Add(run(t, fmt.Sprintf("r%d", n), "a", runner.Done, ""))
	if err := k.Flush(t.Context()); !errors.Is(err, syscall.EROFS) || ids(t, p.dir, Filter{}) != numbers(0, n+1) {
		t.Errorf("read-only: %v", err)
	}
}

// again runs a test in a mount namespace of its own.
func again(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inTmpfs+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || err == nil && strings.Contains(string(out), "--- SKIP: "):
		t.Skipf("no mount namespace: %v %s", err, out)
	case err != nil || !strings.Contains(string(out), "--- PASS: "):
		t.Fatalf("%v\n%s", err, out)
	}
}
