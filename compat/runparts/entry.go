package runparts

import (
	"syscall"
	"unsafe"
)

// atStart is what the process was given, noted down before Go's runtime changed it: it catches signals that were ignored,
// and opens /dev/null in place of standard descriptors that were closed. The program must be linked with entry as its entry
// point (-ldflags '-E hookd/compat/runparts.entry') on a machine that has one; elsewhere known is 0, and scripts get
// signals that were ignored as if they had not been, and /dev/null.
var atStart struct {
	known   uint64
	mask    uint64 // blocked signals, from bit 0 for signal 1
	ignored uint64
	closed  uint64   // descriptors, from bit 0 for 0
	stack   *uintptr // argc, argv…, NULL, environ…, NULL; see execve(2)
}

// Environ is the environment as the process was given it. Go's own copy has no variable twice, and no empty string.
func Environ() []string {
	if atStart.stack == nil {
		return syscall.Environ()
	}
	var env []string
	at := unsafe.Pointer(atStart.stack)
	for n := *atStart.stack + 2; ; n++ {
		entry := *(**byte)(unsafe.Add(at, n*unsafe.Sizeof(n)))
		if entry == nil {
			return env
		}
		length := 0
		for *(*byte)(unsafe.Add(unsafe.Pointer(entry), length)) != 0 {
			length++
		}
		env = append(env, unsafe.String(entry, length))
	}
}
