package hookd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hookd/internal/control"
	"hookd/internal/nstest"
)

// manager is a service manager that listens to one service.
func manager(h *host) *lines {
	h.t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: h.path("notify"), Net: "unixgram"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	got := &lines{}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			fmt.Fprintf(got, "%s\n", buf[:n])
		}
	}()
	return got
}

// The service manager hears that hookd is ready, reloads, is alive, and ends; hooks inherit nothing of it.
func TestNetnsNotify(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"env.hook": "[Hook]\nOn=user.x\nExec=/usr/bin/env\n", "bad.hook": "[Hook]\n"})
	said := manager(h)
	h.env = []string{"NOTIFY_SOCKET=" + h.path("notify"), "WATCHDOG_USEC=300000"}
	h.start()
	hears := func(text string) {
		t.Helper()
		h.eventually("the service manager hears "+text, func() bool { return strings.Contains(said.String(), text) })
	}
	hears("READY=1\nSTATUS=1 hook in force, 2 faults: see hookctl check\n")
	hears("WATCHDOG=1\n")
	var reply control.EmitReply
	if err := h.call(control.MethodEmit, control.EmitRequest{Event: "user.x", Wait: true}, &reply); err != nil || bytes.Contains([]byte(reply.Ended.Jobs[0].Output), []byte("NOTIFY")) {
		t.Errorf("%v, %s", err, reply.Ended.Jobs[0].Output)
	}
	if err := h.call(control.MethodReload, nil, nil); err != nil {
		t.Fatal(err)
	}
	hears("RELOADING=1\nMONOTONIC_USEC=")
	h.eventually("ready again", func() bool { return strings.Count(said.String(), "READY=1\n") == 2 })
	n := strings.Count(said.String(), "WATCHDOG=1")
	h.eventually("alive", func() bool { return strings.Count(said.String(), "WATCHDOG=1") > n+1 })
	h.stop()
	hears("STOPPING=1\n")
}

// A socket that is handed over is used, and stays when hookd ends.
func TestNetnsActivation(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=user.x\nExec=/bin/true\n"})
	os.Mkdir(h.path("state"), 0o755)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.path("state/control.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	h.cmd = exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, "sh", os.Args[0], "--hooks", h.path("hooks"), "--state", h.path("state"))
	h.cmd.Env = append(os.Environ(), asHookd+"=1")
	h.cmd.Stderr, h.cmd.ExtraFiles = h.log, []*os.File{file}
	h.run()
	h.t.Cleanup(h.stop)
	h.eventually("hookd answers", func() bool {
		return h.call(control.MethodEmit, control.EmitRequest{Event: "user.x", Wait: true}, nil) == nil
	})
	h.stop()
	if _, err := os.Stat(h.path("state/control.sock")); err != nil {
		t.Errorf("the socket of the service manager is gone: %v", err)
	}
}

// asStranger in the environment makes the test binary a client that asks without end: the path of a control socket.
const asStranger = "HOOKD_TEST_AS_STRANGER"

// stranger asks for everything, and says how often that was granted and how often it was refused.
func stranger(path string) {
	accepted, refused := 0, 0
	for begun := time.Now(); time.Since(begun) < time.Hour; {
		for _, method := range []string{control.MethodStatus, control.MethodReload, control.MethodWatch, control.MethodHistory, control.MethodEmit} {
			err := control.Call(context.Background(), path, method, control.EmitRequest{Event: "user.stranger"}, true, func(json.RawMessage) error {
				accepted++
				return nil
			})
			if err == nil {
				accepted++
			}
			refused++
		}
		fmt.Printf("%d %d\n", accepted, refused)
	}
}

// S14: an ordinary user who asks again and again while hookd starts and ends is never served.
func TestNetnsS14Stranger(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	if out, err := os.ReadFile("/proc/self/uid_map"); err != nil || strings.Fields(string(out))[2] == "1" {
		t.Skip("only root can be somebody else")
	}
	h := newHost(t, map[string]string{"s.hook": "[Hook]\nOn=user.stranger\nExec=/bin/sh -c 'echo >>DIR/ran'\n"})
	for dir := h.dir; dir != "/"; dir = filepath.Dir(dir) { // so that only the socket itself is in the way
		if fi, err := os.Stat(dir); err == nil && fi.Mode().Perm()&0o011 != 0o011 {
			os.Chmod(dir, 0o755)
		}
	}
	self := filepath.Join(h.dir, "client")
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil || os.WriteFile(self, text, 0o755) != nil {
		t.Fatal("cannot copy the test for another user")
	}
	cmd := exec.Command(self)
	cmd.Env = []string{asStranger + "=" + h.path("state/control.sock")}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	said := &lines{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	asked := func() (accepted, refused int) {
		if all := strings.Fields(said.String()); len(all) > 1 && len(all)%2 == 0 {
			accepted, _ = strconv.Atoi(all[len(all)-2])
			refused, _ = strconv.Atoi(all[len(all)-1])
		}
		return accepted, refused
	}
	rounds := 100
	if n, err := strconv.Atoi(os.Getenv("HOOKD_TEST_ROUNDS")); err == nil {
		rounds = n
	}
	for range rounds {
		_, before := asked()
		h.launch()
		h.eventually("the owner is served", func() bool { return h.call(control.MethodStatus, nil, nil) == nil })
		h.eventually("the stranger asks", func() bool { _, now := asked(); return now > before })
		h.stop()
	}
	accepted, refused := asked()
	if _, err := os.Stat(h.path("ran")); err == nil || accepted > 0 || refused < rounds {
		t.Errorf("%d times accepted, %d asked, its event ran: %v\n%s", accepted, refused, err == nil, said.String())
	}
}

// A client that goes away while it waits cancels its wait and nothing else; others are served meanwhile.
func TestNetnsClientGoes(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"slow.hook": "[Hook]\nOn=user.x\nExec=/bin/sh -c 'echo >DIR/begun; while ! test -e DIR/go; do sleep 0.01; done; echo >>DIR/done'\n"})
	h.start()
	c, err := net.Dial("unix", h.path("state/control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, `{"method":"%s","parameters":{"event":"user.x","parameters":[],"wait":true},"more":true}`+"\x00", control.MethodEmit)
	first := make([]byte, 200)
	n, err := c.Read(first)
	if err != nil || !bytes.Contains(first[:n], []byte(`"run":"`)) || !bytes.Contains(first[:n], []byte(`"continues":true`)) {
		t.Errorf("the first answer is %s, %v", first[:n], err)
	}
	h.eventually("it began", func() bool { _, err := os.Stat(h.path("begun")); return err == nil })
	c.Close()
	var s control.Status
	if err := h.call(control.MethodStatus, nil, &s); err != nil || s.Running != 1 {
		t.Errorf("%d jobs, %v", s.Running, err)
	}
	h.write("go", "", 0o644)
	h.eventually("the run is in the history", func() bool { return len(h.runs("slow")) == 1 })
	if r := h.runs("slow")[0]; r.Result != "done" {
		t.Errorf("%+v", r)
	}
}

// A service manager that does not read holds nobody up.
func TestNetnsNotifyDeaf(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t, map[string]string{"a.hook": "[Hook]\nOn=link.up interface=va\nExec=/bin/sh -c 'echo yes >>DIR/up'\n"})
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: h.path("notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h.env = []string{"NOTIFY_SOCKET=" + h.path("notify"), "WATCHDOG_USEC=30000"}
	h.start()
	for range 50 {
		if err := h.call(control.MethodReload, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	h.veth("va", "vb")
	h.batch("link set dev vb up", "link set dev va up")
	h.file("up")
	var s control.Status
	if err := h.call(control.MethodStatus, nil, &s); err != nil || len(s.Trouble) != 1 || !strings.Contains(s.Trouble[0], "cannot tell the service manager") {
		t.Errorf("trouble: %q, %v", s.Trouble, err)
	}
}

// What is no listening stream socket is refused at once.
func TestNetnsActivationWrong(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	for _, kind := range []int{syscall.SOCK_DGRAM, syscall.SOCK_STREAM, syscall.SOCK_SEQPACKET} {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, "sh", os.Args[0], "--state", t.TempDir()+"/state")
		cmd.Env = append(os.Environ(), asHookd+"=1")
		cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(fds[0]), "a")}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "what was handed over is no stream socket that listens") {
			t.Errorf("kind %d: %v, %s", kind, err, out)
		}
	}
}
