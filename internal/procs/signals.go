package procs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigCancel is the first of two signals that C libraries keep for themselves and Go does not touch. A parent that ignores
// all signals, as make(1) does for a moment when it starts something, leaves it ignored.
const sigCancel = 32

// sigaction is struct sigaction of the kernel: all zero is SIG_DFL.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// DefaultSignals gives the signals that no other code of ours can reach their default again, for programs that are executed
// from now on.
func DefaultSignals() {
	var action sigaction
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, sigCancel, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

// KeepSignals notes what DefaultSignals changes, and returns what puts that back.
func KeepSignals() (putBack func()) {
	before := new(sigaction)
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, sigCancel, 0, uintptr(unsafe.Pointer(before)), 8, 0, 0)
	return func() {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, sigCancel, uintptr(unsafe.Pointer(before)), 0, 8, 0, 0)
	}
}
