package procs

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// InMemory is a file with the given content that exists nowhere else: no other process sees it, and who does not read it holds
// nobody up.
func InMemory(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err = f.Write(content); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot fill a file in memory: %w", err)
	}
	return f, nil
}

// Pipe is for what processes write. Their end is open for reading too, so that they never meet a broken pipe, whatever becomes
// of us.
func Pipe() (read, child *os.File, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	child, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", write.Fd()), os.O_RDWR, 0)
	if err != nil {
		return read, write, nil // without /proc: as good as any pipe
	}
	write.Close()
	return read, child, nil
}
