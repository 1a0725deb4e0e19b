package monitor

import (
	"fmt"
	"os"
	"sync"
	"time"

	"hookd/internal/procs"
)

// keep is how many bytes of the end of the output are kept.
const keep = 64 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-keep):]...)
	if len(t.text) > 2*keep { // moved seldom, not at each line
		t.text = append(t.text[:0], t.text[len(t.text)-keep:]...)
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte{}, t.text[max(0, len(t.text)-keep):]...)
}

// pipe is behind the standard output and error of a service.
type pipe struct {
	read, child *os.File
	copied      chan struct{}
}

// newPipe copies what comes to t, in its own goroutine, until drain.
func newPipe(t *tail) (*pipe, error) {
	read, child, err := procs.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make the pipe of its output: %w", err)
	}
	p := &pipe{read: read, child: child, copied: make(chan struct{})}
	go p.copy(t)
	return p, nil
}

func (p *pipe) copy(t *tail) {
	defer close(p.copied)
	buf := make([]byte, 16<<10)
	for {
		n, err := p.read.Read(buf)
		t.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

// drain waits until all that was written is copied, at most a second: somebody who is not of the service may have got
// hold of the pipe.
func (p *pipe) drain() {
	p.child.Close()
	p.read.SetReadDeadline(time.Now().Add(time.Second))
	<-p.copied
	p.read.Close()
}
