package runparts

import (
	"runtime"
	"syscall"
	"time"
)

// sink takes what a script writes, in the order in which it was read.
type sink interface {
	chunk(path string, fd int, data []byte)
	say(text string)
}

// execute runs a script and waits for it.
func (r *Runner) execute(s Script, to sink) Outcome {
	r.bind()
	o := Outcome{Path: s.Path}
	files := r.standard()
	c := child{out: -1, err: -1}
	var ends [2]int
	var err error
	if r.reads() {
		if c, ends, err = pipes(&files); err != nil {
			r.die("pipe: " + errorText(err))
		}
	}
	if r.stdin >= 0 {
		if files[0], err = r.rewound(); err != nil {
			r.die("failed to rewind temporary file: " + errorText(err))
		}
	}
	r.before(s.Path)
	began := time.Now()
	c.pid, c.pidfd, err = r.start(s.Path, files)
	if r.reads() {
		syscall.Close(ends[0])
		syscall.Close(ends[1])
	}
	if r.stdin >= 0 && files[0] != r.stdin {
		syscall.Close(files[0])
	}
	if err == nil {
		r.follow(&c, &o, to)
	} else {
		r.notStarted(&o, err, files[2] >= 0, to)
	}
	c.close()
	o.Duration = time.Since(began)
	return o
}

// bind keeps this goroutine on one thread, whose mask of signals is what scripts begin with. That takes Go another thread,
// so it is not done where no script runs.
func (r *Runner) bind() {
	if r.bound {
		return
	}
	r.bound = true
	runtime.LockOSThread()
	setMask()
}

// notStarted is what debianutils' child does that cannot execute: it says so on the script's standard error, and exits
// with 1. Which of fork and exec failed is told by the error alone: only fork has EAGAIN here.
func (r *Runner) notStarted(o *Outcome, err error, audible bool, to sink) {
	if err == syscall.EAGAIN {
		r.die("failed to fork: " + errorText(err))
	}
	o.Status, o.Error = 1, errorText(err)
	text := "run-parts: failed to exec " + o.Path + ": " + o.Error + "\n"
	switch {
	case !audible:
	case r.reads():
		o.Bytes += int64(len(text))
		to.chunk(o.Path, 2, []byte(text))
	default:
		write(2, text)
	}
}

// follow reads what a script writes until it has ended and, for then, written no more: a process that it leaves behind
// may hold the pipes as long as it likes.
func (r *Runner) follow(c *child, o *Outcome, to sink) {
	limit := newLimit(r.Timeout)
	ended := false
	for c.out >= 0 || c.err >= 0 || r.Timeout > 0 && !ended {
		if !ended {
			ended = c.reap(o, false)
		}
		if ended && c.out < 0 && c.err < 0 {
			break
		}
		n := c.await(ended, limit.left())
		switch {
		case n > 0:
			c.read(&c.out, 1, o, to)
			c.read(&c.err, 2, o, to)
		case ended:
			c.close()
		case limit.over():
			limit.end(c.pid, o, to)
		}
	}
	if !ended {
		c.reap(o, true)
	}
	if o.Timeout {
		signalTree(c.pid, syscall.SIGKILL) // what the script has left behind
	}
}

// reap takes in the end of the script, if that has come or is to be waited for.
func (c *child) reap(o *Outcome, wait bool) bool {
	how := syscall.WNOHANG
	if wait {
		how = 0
	}
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(c.pid, &status, how, nil)
	for err == syscall.EINTR {
		pid, err = syscall.Wait4(c.pid, &status, how, nil)
	}
	if err != nil || pid == 0 {
		return err != nil
	}
	switch {
	case status.Exited():
		o.Status = status.ExitStatus()
	case status.Signaled():
		o.Signal = int(status.Signal())
	}
	return true
}

// unsure is how often a script is asked whether it has ended where the kernel cannot wake us up for it.
const unsure = 10 // milliseconds

// await waits until there is something to read, or the script ends, or milliseconds are over, if not negative. It returns how
// many can be read, and leaves those that cannot marked.
func (c *child) await(ended bool, milliseconds int) int {
	fds := [3]pollFd{{int32(c.out), pollIn, 0}, {int32(c.err), pollIn, 0}, {int32(c.pidfd), pollIn, 0}}
	switch {
	case ended:
		milliseconds = 0
		fds[2].fd = -1
	case c.pidfd < 0 && (milliseconds < 0 || milliseconds > unsure):
		milliseconds = unsure
	}
	n, err := poll(fds[:], milliseconds)
	if err != nil {
		return 0
	}
	if fds[2].revents != 0 {
		n--
	}
	c.ready = [2]bool{fds[0].revents != 0, fds[1].revents != 0}
	return n
}

// read reads once from a pipe that can be read, and closes it at its end.
func (c *child) read(fd *int, stream int, o *Outcome, to sink) {
	if *fd < 0 || !c.ready[stream-1] {
		return
	}
	var buf [4096]byte
	n, err := syscall.Read(*fd, buf[:])
	if n > 0 {
		o.Bytes += int64(n)
		to.chunk(o.Path, stream, buf[:n])
		return
	}
	if err == syscall.EINTR {
		return
	}
	syscall.Close(*fd)
	*fd = -1
}

func (c *child) close() {
	for _, fd := range [...]*int{&c.out, &c.err, &c.pidfd} {
		if *fd >= 0 {
			syscall.Close(*fd)
			*fd = -1
		}
	}
}

// chunk hands on what a script has written, behind its path where nothing was before.
func (r *Runner) chunk(path string, fd int, data []byte) {
	if r.JSON {
		fd = 2
	}
	if r.Report && r.headed != path {
		r.headed = path
		write(fd, path+":\n")
	}
	write(fd, string(data))
}

// die ends everything, as debianutils does where the kernel refuses what it cannot do without.
func (r *Runner) die(text string) {
	r.say(text)
	r.out.flush()
	syscall.Exit(1)
}
