package hookctl_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/nstest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// interactive starts each shell so that it reads no configuration but the file RC. configured is what the manual tells
// people to put there. In zsh the tab key expands a word before it completes it, and so runs what stands in $(…) for
// every command, with a completion or without; the widget that only completes takes its place.
var (
	interactive = map[string][]string{
		"bash": {"--noprofile", "--rcfile", "RC", "-i"},
		"zsh":  {"-d", "-i"},
		"fish": {"--no-config", "-i", "-C", "source RC"},
	}
	configured = map[string]string{
		"bash": "source <(hookctl completion bash)",
		"zsh":  "autoload -U compinit; compinit -u -D; bindkey '^I' complete-word; source <(hookctl completion zsh)",
		"fish": "hookctl completion fish | source",
	}
)

// front stands before hookctl: it answers what the test wants, or else what hookctl does, and of every other call it
// tells the arguments.
const front = `#!/bin/sh
case $1 in
__complete) [ ! -e 'DIR/answers' ] || exec cat 'DIR/answers' ;;
completion) ;;
*)
	printf '%s\0' "$@" >'DIR/told.new'
	exec mv 'DIR/told.new' 'DIR/told'
esac
exec 'HOOKCTL' "$@"
`

// terminal is an interactive shell on a terminal of its own, in the directory work, which nothing may change.
type terminal struct {
	t      *testing.T
	dir    string
	work   string
	master *os.File

	mu     sync.Mutex
	screen bytes.Buffer // everything the shell has written
}

// need leaves a test out where a shell is missing.
func need(t *testing.T, shell string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		if nstest.Required("shells") {
			t.Fatalf("level shells is required: %v", err)
		}
		t.Skipf("level shells is left out: %v", err)
	}
}

// workplace makes a directory with the front in bin and an empty directory work, and returns the environment. A program
// with the race detector would wait a second at its end, for every word that is completed.
func workplace(t *testing.T) (string, []string) {
	t.Helper()
	dir := t.TempDir()
	real, err := exec.LookPath("hookctl") // testscript.Main has put it there
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "bin/hookctl"), strings.NewReplacer("DIR", dir, "HOOKCTL", real).Replace(front))
	if err := os.Mkdir(filepath.Join(dir, "work"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "HOME="+dir, "ZDOTDIR="+dir,
		"XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "HISTFILE=", "TERM=xterm", "LC_ALL=C.UTF-8",
		"GORACE=atexit_sleep_ms=0")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// start starts a shell and waits until it has read its configuration.
func start(t *testing.T, shell, rc string) *terminal {
	t.Helper()
	need(t, shell)
	dir, env := workplace(t)
	path := filepath.Join(dir, ".zshrc")
	write(t, path, rc+"\nhookctl ready\n")
	x := &terminal{t: t, dir: dir, work: filepath.Join(dir, "work")}
	var args []string
	for _, a := range interactive[shell] {
		args = append(args, strings.ReplaceAll(a, "RC", path))
	}
	cmd := exec.Command(shell, args...)
	cmd.Dir, cmd.Env = x.work, env
	x.open(cmd)
	x.expect("ready")
	return x
}

// open starts a program on a new pseudoterminal (pts(4)), reads along and ends it with the test.
func (x *terminal) open(cmd *exec.Cmd) {
	x.t.Helper()
	master, slave, err := pseudoterminal()
	if err != nil {
		x.t.Fatal(err)
	}
	defer slave.Close()
	x.master = master
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { x.read(); close(done) }()
	x.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		master.Close()
		<-done
		if x.t.Failed() {
			x.t.Logf("the terminal showed %q", x.shown())
		}
	})
}

func pseudoterminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	raw, err := master.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var n int
	var ioctl error
	err = raw.Control(func(fd uintptr) {
		if ioctl = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioctl == nil {
			n, ioctl = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200})
	})
	if err == nil {
		err = ioctl
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	return master, slave, err
}

// read keeps what the shell writes until the terminal is closed. It answers the question what the terminal is (DA1 of
// xterm), for which newer versions of fish wait.
func (x *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := x.master.Read(buf)
		if err != nil {
			return
		}
		x.mu.Lock()
		x.screen.Write(buf[:n])
		x.mu.Unlock()
		if bytes.Contains(buf[:n], []byte("\x1b[c")) || bytes.Contains(buf[:n], []byte("\x1b[0c")) {
			x.master.WriteString("\x1b[?1;2c")
		}
	}
}

func (x *terminal) shown() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.screen.String()
}

func (x *terminal) keys(keys string) {
	x.t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// answers decides what completion says from now on.
func (x *terminal) answers(lines string) { write(x.t, filepath.Join(x.dir, "answers"), lines) }

// expect waits until hookctl was run, and compares the words it was given.
func (x *terminal) expect(want ...string) {
	x.t.Helper()
	if got := x.told(); !slices.Equal(got, want) {
		x.t.Errorf("hookctl was run with %q, want %q", got, want)
	}
}

// told waits until hookctl was run, and returns the words it was given.
func (x *terminal) told() []string {
	x.t.Helper()
	path := filepath.Join(x.dir, "told")
	x.await("hookctl was run", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
	words, err := os.ReadFile(path)
	if err != nil {
		x.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		x.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(words), "\x00"), "\x00")
}

func (x *terminal) await(what string, holds func() bool) {
	x.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("it never came that %s; the terminal showed %q", what, x.shown())
		}
	}
}

// untouched says that nothing was made in the directory: no word was run as a command.
func (x *terminal) untouched(names ...string) {
	x.t.Helper()
	entries, err := os.ReadDir(x.work)
	if err != nil {
		x.t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.Name() != ".notifier" { // a fish makes it whose directory in /tmp is another user's
			got = append(got, e.Name())
		}
	}
	if strings.Join(got, "\n") != strings.Join(names, "\n") {
		x.t.Errorf("in the directory are %q, want %q", got, names)
	}
}
