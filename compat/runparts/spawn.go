package runparts

import (
	"strconv"
	"syscall"
	"unsafe"
)

// child is a process and what its output is read from.
type child struct {
	pid      int
	pidfd    int // -1 where the kernel has none
	out, err int // pipes, -1 when they are closed or there are none
	ready    [2]bool
}

// start forks and executes a script. The files are what it gets as 0, 1 and 2.
func (r *Runner) start(path string, files [3]int) (pid, pidfd int, err error) {
	pidfd = -1
	sys := &syscall.SysProcAttr{Setsid: r.NewSession || r.Timeout > 0}
	if r.watches() {
		sys.PidFD = &pidfd
	}
	argv := append([]string{path}, r.Args...)
	pid, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: r.environ(), Files: handles(files), Sys: sys})
	return pid, pidfd, err
}

// handles are descriptors for a program; what is -1 stays closed.
func handles(files [3]int) []uintptr {
	return []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])}
}

// environ is the process's own, which is read once.
func (r *Runner) environ() []string {
	if r.env == nil {
		r.env = Environ()
	}
	return r.env
}

// watches: the end of a script is waited for beside other things.
func (r *Runner) watches() bool { return r.reads() || r.Timeout > 0 }

// reads: what a script writes goes through pipes.
func (r *Runner) reads() bool { return r.Report || r.JSON || r.Parallel > 1 }

// standard are the descriptors that a script gets where nothing is in between.
func (r *Runner) standard() [3]int {
	files := [3]int{0, 1, 2}
	for fd := range files {
		if !inherited(fd) {
			files[fd] = -1
		}
	}
	return files
}

// inherited: a descriptor is open and goes on to programs. What was opened where a standard one was closed does not.
func inherited(fd int) bool {
	const getFlags = 1 // F_GETFD
	flags, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), getFlags, 0)
	return e == 0 && flags&syscall.FD_CLOEXEC == 0
}

// rewound is what is to be read by a script at its beginning, with a place in it that is its own if others run beside it.
func (r *Runner) rewound() (int, error) {
	if r.Parallel > 1 {
		return syscall.Open("/proc/self/fd/"+strconv.Itoa(r.stdin), syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	}
	_, err := syscall.Seek(r.stdin, 0, 0)
	return r.stdin, err
}

// pipes makes those of a script. Where standard descriptors are closed the pipes get their numbers, and debianutils, which
// closes the pipes in the script in the end, leaves these closed.
func pipes(files *[3]int) (c child, ends [2]int, err error) {
	var out, errs [2]int
	if err := syscall.Pipe2(out[:], syscall.O_CLOEXEC); err != nil {
		return child{}, ends, err
	}
	if err := syscall.Pipe2(errs[:], syscall.O_CLOEXEC); err != nil {
		return child{}, ends, err
	}
	files[1], files[2] = out[1], errs[1]
	for _, fd := range [...]int{out[0], out[1], errs[0], errs[1]} {
		if fd < 3 {
			files[fd] = -1
		}
	}
	return child{out: out[0], err: errs[0]}, [2]int{out[1], errs[1]}, nil
}

// wait waits for the end of a process.
func wait(pid int) (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			return status, err
		}
	}
}

// pollFd is struct pollfd of poll(2).
type pollFd struct {
	fd              int32
	events, revents int16
}

const pollIn = 1

// poll waits for one of some descriptors, for ever with a negative time in milliseconds.
func poll(fds []pollFd, milliseconds int) (int, error) {
	var ts *syscall.Timespec
	if milliseconds >= 0 {
		t := syscall.NsecToTimespec(int64(milliseconds) * 1e6)
		ts = &t
	}
	n, _, e := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(ts)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
