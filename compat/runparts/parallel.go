package runparts

import (
	"runtime"
	"sync"
)

const (
	maxParallel     = 1024
	defaultParallel = 16 // scripts mostly wait
	// maxKept is how much of the output of a script is kept that has to wait for its turn. Beyond it the script waits.
	maxKept = 1 << 20
)

// recording is what a script has written whose turn has not come.
type recording struct {
	mu      sync.Mutex
	changed *sync.Cond
	pieces  []piece
	size    int
	turn    sink // where pieces go at once; nil before
	done    bool

	script  Script
	known   bool // what the entry is
	verdict Verdict
	err     error
	outcome Outcome
}

type piece struct {
	fd   int // 0 for a message
	data string
}

// lot is all scripts of a parallel run, and which are begun.
type lot struct {
	mu      sync.Mutex
	all     []*recording
	begun   int
	stopped bool
}

// runParallel runs several scripts at a time. All that is written comes in the order of the scripts, as if each had waited
// for the one before.
func (r *Runner) runParallel(scripts []Script) {
	l := &lot{}
	r.bound = true // each worker is bound to a thread of its own
	for _, s := range scripts {
		rec := &recording{script: s}
		rec.changed = sync.NewCond(&rec.mu)
		l.all = append(l.all, rec)
	}
	var workers sync.WaitGroup
	for range min(r.Parallel, len(scripts)) {
		workers.Go(func() { r.work(l) })
	}
	for i := 0; i < l.last(); i++ {
		rec := l.all[i]
		rec.begin()
		if !r.act(rec.script, rec.verdict, rec.err, func() Outcome { return rec.replay(r) }) {
			l.stop()
		}
	}
	workers.Wait()
}

// work runs one script after the other, on a thread whose mask of signals is that of scripts.
func (r *Runner) work(l *lot) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	setMask()
	for rec := l.next(); rec != nil; rec = l.next() {
		verdict, err := Judge(rec.script.Path)
		var o Outcome
		rec.judged(verdict, err)
		if verdict == Runs {
			o = r.execute(rec.script, rec)
		}
		rec.end(o)
	}
}

func (l *lot) next() *recording {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.begun == len(l.all) {
		return nil
	}
	l.begun++
	return l.all[l.begun-1]
}

// stop has no more scripts begun.
func (l *lot) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
}

// last is behind the last script that has begun or will.
func (l *lot) last() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return l.begun
	}
	return len(l.all)
}

func (rec *recording) chunk(path string, fd int, data []byte) {
	rec.add(piece{fd, string(data)})
}

func (rec *recording) say(text string) { rec.add(piece{0, text}) }

// add hands a piece on, or keeps it, and waits where there is too much.
func (rec *recording) add(p piece) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for rec.turn == nil && rec.size > maxKept {
		rec.changed.Wait()
	}
	if rec.turn != nil {
		p.give(rec.turn, rec.script.Path)
		return
	}
	rec.pieces = append(rec.pieces, p)
	rec.size += len(p.data)
}

func (p piece) give(to sink, path string) {
	if p.fd == 0 {
		to.say(p.data)
		return
	}
	to.chunk(path, p.fd, []byte(p.data))
}

// judged tells what the entry is.
func (rec *recording) judged(verdict Verdict, err error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.verdict, rec.err = verdict, err
	rec.known = true
	rec.changed.Broadcast()
}

// begin waits until it is known what the entry is.
func (rec *recording) begin() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for !rec.known {
		rec.changed.Wait()
	}
}

// replay hands on what was kept and all that follows, until the script has ended.
func (rec *recording) replay(to sink) Outcome {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, p := range rec.pieces {
		p.give(to, rec.script.Path)
	}
	rec.pieces, rec.turn = nil, to
	rec.changed.Broadcast()
	for !rec.done {
		rec.changed.Wait()
	}
	return rec.outcome
}

func (rec *recording) end(o Outcome) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.outcome, rec.done = o, true
	rec.changed.Broadcast()
}
