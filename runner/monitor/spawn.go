package monitor

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"hookd/events"
	"hookd/internal/procs"
)

// newInvocation is the id of one start, of the same form as systemd's INVOCATION_ID.
func newInvocation() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// spawned is a service's first process on its way to become the program.
type spawned struct {
	pid     int
	trouble *os.File // says why it could not, and ends without a word when it did
	pipe    *pipe
}

// spawn starts the first process of a service: this program again, as Enter. The mark in its environment is replaced by
// the service's, which carries it too.
func spawn(s *settings, invocation, notify string, t *tail) (sp spawned, err error) {
	e := entrance{Args: s.Args, Dir: s.Dir, Credential: s.Credential, Process: s.Process}
	mark := "INVOCATION_ID=" + invocation
	e.Env = append(append(e.Env, s.Env...), events.Bytes(mark))
	if notify != "" {
		e.Env = append(e.Env, events.Bytes("NOTIFY_SOCKET="+notify))
	}
	var open []*os.File
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	spec, err := procs.InMemory("hookd-service", line(e))
	if err != nil {
		return sp, err
	}
	open = append(open, spec)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return sp, fmt.Errorf("cannot open its input: %w", err)
	}
	open = append(open, null)
	read, write, err := os.Pipe()
	if err != nil {
		return sp, fmt.Errorf("cannot make a pipe: %w", err)
	}
	open = append(open, write)
	if sp.pipe, err = newPipe(t); err != nil {
		read.Close()
		return sp, err
	}
	sp.trouble = read
	if sp.pid, err = fork(s, mark, []*os.File{null, sp.pipe.child, sp.pipe.child, spec, write}); err != nil {
		read.Close()
		sp.pipe.drain()
		return sp, fmt.Errorf("cannot start a process: %w", err)
	}
	return sp, nil
}

func fork(s *settings, mark string, files []*os.File) (int, error) {
	if c := s.Credential; c != nil { // so that the service can open /dev/stderr
		if err := files[1].Chown(int(c.UID), int(c.GID)); err != nil {
			return 0, err
		}
	}
	attr := &syscall.ProcAttr{Dir: "/", Env: []string{mark}, Sys: &syscall.SysProcAttr{Setsid: true}}
	for _, f := range files {
		attr.Files = append(attr.Files, f.Fd())
	}
	if s.Group != "" {
		g, err := freshGroup(s.Group)
		if err != nil {
			return 0, err
		}
		defer g.Close()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(g.Fd())
	}
	return syscall.ForkExec("/proc/self/exe", []string{"hookshim", "enter"}, attr)
}

// entered waits until the program begins or cannot; a trouble without a reason is none.
func (sp spawned) entered() trouble {
	defer sp.trouble.Close()
	var t trouble
	if err := json.NewDecoder(sp.trouble).Decode(&t); err != nil && !errors.Is(err, io.EOF) {
		return trouble{1, "cannot tell whether its program runs: " + err.Error()}
	}
	return t
}
