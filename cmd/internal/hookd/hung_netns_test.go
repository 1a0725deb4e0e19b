package hookd

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"hookd/internal/nstest"
	"hookd/runner"
)

// TestNetnsR8ProgramOnHungDisk: a program on a file system that does not answer holds up neither other services nor the end of
// hookd.
func TestNetnsR8ProgramOnHungDisk(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newServiceHost(t, executorProcess, map[string]string{
		"hung.hook": "[Hook]\nType=service\nOn=user.go\nExec=DIR/disk/program\n",
		"well.hook": "[Hook]\nType=service\nOn=user.well\nStopOn=user.halt\nExec=/bin/sleep 100000\n",
	})
	h.write("disk/program", "#!/bin/sh\nexec sleep 100000\n", 0o755)
	h.cmd = exec.Command("unshare", append([]string{"--mount", os.Args[0], "--hooks", h.path("hooks"), "--state", h.path("state")}, h.args...)...)
	h.cmd.Env = append(os.Environ(), asHookd+"=1")
	h.cmd.Stderr = h.log
	h.run()
	h.watchAgain()
	release := hang(t, h.cmd.Process.Pid, h.path("disk"))
	h.emit(true, "user.go")
	h.emit(true, "user.well")
	h.phase("well", runner.Running)
	if s := h.phase("hung", runner.Inactive); !s.Wanted {
		t.Errorf("%+v", s)
	}
	h.emit(true, "user.halt")
	h.phase("well", runner.Inactive)
	h.cmd.Process.Signal(syscall.SIGTERM)
	h.eventually("hookd ends", func() bool { return ended(h.ended) })
	if !strings.Contains(h.log.String(), "hookd ends") {
		t.Error(h.log.String())
	}
	release()
}

// hang lays a file system over a directory, as process pid sees it, that never answers: one in user space without anybody
// behind it.
func hang(t *testing.T, pid int, dir string) (release func()) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there is no file system that could hang: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--mount=/proc/"+strconv.Itoa(pid)+"/ns/mnt",
		"mount", "-i", "-t", "fuse", "-o", "fd=3,rootmode=40000,user_id=0,group_id=0", "hung", dir)
	cmd.ExtraFiles = []*os.File{f}
	if out, err := cmd.CombinedOutput(); err != nil {
		f.Close()
		t.Skipf("nothing can be mounted that hangs: %v %s", err, out)
	}
	return func() { f.Close() }
}
