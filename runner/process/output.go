package process

import (
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/procs"
)

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

// output is the pipe behind a job's standard output and error.
type output struct {
	read, child *os.File
	inode       uint64
	kept        bounded
	copied      chan struct{}
}

func newOutput() (*output, error) {
	r, child, err := procs.Pipe()
	if err != nil {
		return nil, err
	}
	o := &output{read: r, child: child, copied: make(chan struct{})}
	if fi, err := r.Stat(); err == nil {
		o.inode = fi.Sys().(*syscall.Stat_t).Ino
	}
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
// from coming. With left, what such a process writes from now on is read and dropped; see letGo for what comes after us.
func (o *output) close(left bool) (events.Bytes, int64) {
	o.read.SetReadDeadline(time.Now())
	<-o.copied
	o.read.SetReadDeadline(time.Time{})
	o.takeRest()
	if left {
		unix.FcntlInt(o.child.Fd(), unix.F_SETPIPE_SZ, leftPipe)
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

// letGo makes writes of a process that was left behind fail with EAGAIN when its pipe is full, instead of blocking it for
// ever: nobody will read any more. The flag belongs to the open pipe, which only the process has, so it is fetched from
// there (pidfd_getfd(2)). Without the inode of the pipe it is any that is open for reading and writing, as ours are. One
// that is full already is emptied, for the sake of a writer that waits.
func letGo(pid int, pipe uint64) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(pidfd)
	for _, n := range []int{1, 2} {
		fd, err := unix.PidfdGetfd(pidfd, n, 0)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		unknown := pipe == 0 && flags&unix.O_ACCMODE == unix.O_RDWR
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO && (st.Ino == pipe || unknown) {
			unix.SetNonblock(fd, true)
			if unknown {
				empty(fd)
			}
		}
		unix.Close(fd)
	}
}

func empty(fd int) {
	buf := make([]byte, 64<<10)
	for n, all := 1, 0; n > 0 && all < leftPipe; all += n {
		n, _ = unix.Read(fd, buf)
	}
}

// takeRest reads without waiting until the pipe is empty, or as much as it can hold has come: others may write on.
func (o *output) takeRest() {
	raw, err := o.read.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	for n, all := 1, 0; n > 0 && all < leftPipe; all += n {
		readErr := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), buf)
			return true
		})
		if readErr != nil || err != nil {
			return
		}
		o.kept.Write(buf[:n])
	}
}
