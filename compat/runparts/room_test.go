package runparts_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"hookd/internal/nstest"
)

// TestRoom: where Go's runtime has no room the real run-parts runs the scripts, if it is its place where we were found.
func TestRoom(t *testing.T) {
	if _, err := os.Stat("/usr/bin/run-parts"); err != nil || runtime.GOARCH != "amd64" || nstest.Missing() != "" {
		t.Skip("needs namespaces, amd64 and a /usr/bin/run-parts")
	}
	at := scripts(t, map[string]string{"a": `echo "$0:$#:$*:$A:$(ulimit -v)"`})[0]
	for _, c := range []struct{ as, limit, want string }{
		{"/usr/local/sbin/run-parts", "300000", "run-parts: executing d/a x y \nd/a:2:x y :b:300000\n"},
		{"/usr/local/sbin/run-parts", "unlimited", "run-parts: executing d/a x y \nd/a:2:x y :b:unlimited\n"},
		{"/usr/local/sbin/hookshim run-parts", "300000", "fatal error: "},
		{"/usr/local/sbin/hookshim run-parts", "1048576", "run-parts: executing d/a x y \nd/a:2:x y :b:1048576\n"},
	} {
		script := "mount -t tmpfs tmpfs /usr/local/sbin && cp $0 /usr/local/sbin/hookshim && ln -s hookshim /usr/local/sbin/run-parts && ulimit -v " + c.limit +
			" && exec " + c.as + ` -v -a "x y" -a "" d 2>&1`
		cmd := exec.Command("/bin/sh", "-c", script, ours(t, "").argv[0])
		cmd.Dir, cmd.Env = at, []string{"PATH=/usr/bin:/bin", "A=b"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}}
		if out, _ := cmd.CombinedOutput(); !strings.HasPrefix(string(out), c.want) {
			t.Errorf("%s with %s: %.300q, want %q", c.as, c.limit, out, c.want)
		}
	}
}
