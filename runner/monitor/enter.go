package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/procs"
)

// entrance is what Enter has to know to become the program of a service.
type entrance struct {
	Args, Env  []events.Bytes
	Dir        events.Bytes
	Credential *credential
	Process    process
}

// trouble is why a program did not begin, with the exit status that systemd has for it (systemd.exec(5)).
type trouble struct {
	Status int    `json:"status"`
	Reason string `json:"reason"`
}

// Descriptors of Enter.
const (
	enterSpec  = 3
	enterError = 4
)

// Enter makes of this process what a service asks for and executes its program. It returns only if that cannot be, with
// the exit status; why goes to the monitor.
func Enter() int {
	runtime.LockOSThread() // some of what follows belongs to a thread
	procs.DefaultSignals()
	unix.CloseOnExec(enterSpec)
	unix.CloseOnExec(enterError)
	t := enter(os.NewFile(enterSpec, "spec"))
	os.NewFile(enterError, "trouble").Write(line(t))
	return t.Status
}

func enter(spec io.Reader) trouble {
	var e entrance
	if err := json.NewDecoder(spec).Decode(&e); err != nil {
		return trouble{1, "cannot read what to run: " + err.Error()}
	}
	for _, step := range []struct {
		status int
		do     func() error
	}{{206, e.badness}, {201, e.nice}, {205, e.limit}, {216, e.groups}, {217, e.user}, {200, e.chdir}, {227, e.rest}} {
		if err := step.do(); err != nil {
			return trouble{step.status, err.Error()}
		}
	}
	return trouble{203, e.exec().Error()}
}

func (e entrance) limit() error {
	for _, l := range e.Process.Limits {
		var r unix.Rlimit
		if err := unix.Getrlimit(l.Resource, &r); err != nil {
			return fmt.Errorf("cannot read %s: %w", l.Name, err)
		}
		if l.Hard != nil {
			r.Max = *l.Hard
		}
		if l.Soft != nil {
			r.Cur = *l.Soft
		}
		r.Cur = min(r.Cur, r.Max)
		if err := unix.Setrlimit(l.Resource, &r); err != nil {
			return fmt.Errorf("cannot set %s: %w", l.Name, err)
		}
	}
	return nil
}

func (e entrance) badness() error {
	if e.Process.OOM == nil {
		return nil
	}
	if err := os.WriteFile("/proc/self/oom_score_adj", fmt.Appendln(nil, *e.Process.OOM), 0); err != nil {
		return fmt.Errorf("cannot set OOMScoreAdjust: %w", err)
	}
	return nil
}

func (e entrance) nice() error {
	if e.Process.Nice == nil {
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, int(*e.Process.Nice)); err != nil {
		return fmt.Errorf("cannot set Nice: %w", err)
	}
	return nil
}

func (e entrance) groups() error {
	c := e.Credential
	if c == nil {
		return nil
	}
	if c.SetGroups {
		groups := make([]int, len(c.Groups))
		for i, g := range c.Groups {
			groups[i] = int(g)
		}
		if err := syscall.Setgroups(groups); err != nil {
			return fmt.Errorf("cannot become %s: its groups: %w", c.Name, err)
		}
	}
	if err := syscall.Setresgid(int(c.GID), int(c.GID), int(c.GID)); err != nil {
		return fmt.Errorf("cannot become %s: %w", c.Name, err)
	}
	return nil
}

func (e entrance) user() error {
	c := e.Credential
	if c == nil {
		return nil
	}
	if err := syscall.Setresuid(int(c.UID), int(c.UID), int(c.UID)); err != nil {
		return fmt.Errorf("cannot become %s: %w", c.Name, err)
	}
	return nil
}

func (e entrance) chdir() error {
	dir := string(e.Dir)
	if dir == "" {
		dir = "/"
	}
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("cannot run %s in %s: %w", string(e.Args[0]), dir, cause(err))
	}
	return nil
}

func (e entrance) rest() error {
	syscall.Umask(int(e.Process.UMask))
	if e.Process.IgnorePipe {
		signal.Ignore(unix.SIGPIPE)
	}
	if e.Process.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("cannot set NoNewPrivileges: %w", err)
		}
	}
	return nil
}

// exec returns only with an error.
func (e entrance) exec() error {
	path := string(e.Args[0])
	err := syscall.Exec(path, events.AllStrings(e.Args), events.AllStrings(e.Env))
	switch _, there := os.Lstat(path); {
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("cannot run %s: it is no program and has no #! line", path)
	case errors.Is(err, unix.ENOENT) && there == nil:
		return fmt.Errorf("cannot run %s: the interpreter in its #! line does not exist", path)
	}
	return fmt.Errorf("cannot run %s: %w", path, err)
}

// cause is the error of the kernel in one of os, which names the path as well.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
