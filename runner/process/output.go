package process

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
)

func eventBytes(b []byte) events.Bytes { return events.Bytes(b) }

// Of the output of a job the first and the last keepEnd bytes are kept; what lies between is counted.
const keepEnd = 32 << 10

// bounded keeps both ends of what is written to it.
type bounded struct {
	head, tail []byte
	cut        int64
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	take := min(n, keepEnd-len(b.head))
	b.head = append(b.head, p[:take]...)
	b.tail = append(b.tail, p[take:]...)
	if over := len(b.tail) - keepEnd; over > 0 {
		b.cut += int64(over)
		b.tail = append(b.tail[:0], b.tail[over:]...)
	}
	return n, nil
}

func (b *bounded) bytes() []byte { return append(b.head, b.tail...) }

// output is the pipe behind a job's standard output and error. The job's end is open for reading too: so it never meets
// a broken pipe, whatever becomes of hookd.
type output struct {
	read, child *os.File
	kept        bounded
	copied      chan struct{}
}

func newOutput() (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	child, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), os.O_RDWR, 0)
	if err != nil {
		child = w // without /proc: as good as any pipe
	} else {
		w.Close()
	}
	o := &output{read: r, child: child, copied: make(chan struct{})}
	go o.copy() // ends when close sets a deadline
	return o, nil
}

func (o *output) copy() {
	io.Copy(&o.kept, o.read)
	close(o.copied)
}

// leftPipe is the size of the pipe of a process left behind, in bytes: what it may write at once before hookd reads.
const leftPipe = 1 << 20

// close takes what the job has written so far, without waiting for an end of file that a process left behind may keep
// from coming. With left, what such a process writes from now on is read and dropped; should hookd be gone and the pipe
// full, its writes fail with EAGAIN instead of blocking it for ever.
func (o *output) close(left bool) (events.Bytes, int64) {
	o.read.SetReadDeadline(time.Now())
	<-o.copied
	o.read.SetReadDeadline(time.Time{})
	o.takeRest()
	if left {
		unix.FcntlInt(o.child.Fd(), unix.F_SETPIPE_SZ, leftPipe)
		unix.SetNonblock(int(o.child.Fd()), true)
		go func() { // ends with the last process that holds the pipe
			io.Copy(io.Discard, o.read)
			o.read.Close()
		}()
	} else {
		o.read.Close()
	}
	o.child.Close()
	return events.Bytes(o.kept.bytes()), o.kept.cut
}

// takeRest reads without waiting until the pipe is empty.
func (o *output) takeRest() {
	raw, err := o.read.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	for n := 1; n > 0; {
		raw.Read(func(fd uintptr) bool {
			if n, err = unix.Read(int(fd), buf); err != nil {
				n = 0
			}
			return true
		})
		o.kept.Write(buf[:n])
	}
}
