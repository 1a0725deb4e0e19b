package runparts

import (
	"syscall"
	"unsafe"
)

// write writes once, as stdio does without a buffer, and goes on where that was cut short. What cannot be written is
// lost: nobody could be told.
func write(fd int, text string) {
	for text != "" {
		n, err := syscall.Write(fd, unsafe.Slice(unsafe.StringData(text), len(text)))
		if err != nil && err != syscall.EINTR {
			return
		}
		text = text[max(n, 0):]
	}
}

// stdout is standard output with stdio's buffer: lines come at once on a terminal, elsewhere in blocks, so that messages on
// standard error come first where both go to one place.
type stdout struct {
	buf  []byte
	size int // of the buffer; 0 before it is known
	line bool
}

func (s *stdout) print(text string) {
	if s.size == 0 {
		s.ask()
	}
	for len(s.buf)+len(text) >= s.size {
		room := s.size - len(s.buf)
		s.buf, text = append(s.buf, text[:room]...), text[room:]
		s.flush()
	}
	if s.buf = append(s.buf, text...); s.line {
		s.flush()
	}
}

// ask finds out what standard output is.
func (s *stdout) ask() {
	s.size = 4096
	var st syscall.Stat_t
	if syscall.Fstat(1, &st) != nil {
		return
	}
	if st.Blksize > 0 {
		s.size = int(st.Blksize)
	}
	if st.Mode&syscall.S_IFMT == syscall.S_IFCHR {
		var settings [64]byte
		_, _, e := syscall.Syscall(syscall.SYS_IOCTL, 1, syscall.TCGETS, uintptr(unsafe.Pointer(&settings)))
		s.line = e == 0
	}
}

func (s *stdout) flush() {
	write(1, string(s.buf))
	s.buf = s.buf[:0]
}
