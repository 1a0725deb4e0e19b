package runparts

import (
	"syscall"
	"unsafe"
)

// sigaction is the kernel's, with which rt_sigaction(2) is called; SIG_DFL is all zeros.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

func sigDefault(n syscall.Signal) {
	var a sigaction
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(n), uintptr(unsafe.Pointer(&a)), 0, 8, 0, 0)
}

const (
	sigUnblock = 1
	sigSetMask = 2
)

// setMask makes this thread's mask what scripts begin with: Go hands it on. SIGCHLD is never blocked in scripts.
func setMask() {
	chld := uint64(1) << (syscall.SIGCHLD - 1)
	how, mask := uintptr(sigUnblock), chld
	if atStart.known != 0 {
		how, mask = sigSetMask, atStart.mask&^chld
	}
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, how, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
}
