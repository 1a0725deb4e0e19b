package runparts_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"hookd/internal/booted"
)

// peer is a program that is run as run-parts.
type peer struct {
	argv    []string // before the arguments
	dialect string   // ours: what --compat takes
}

// workshop is the directory of the programs that tests run, for everybody to read.
var workshop = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hookd-runparts-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	return dir, err
})

// hookshim is built once, as the Makefile builds it: with the entry point that notes down what a Go program loses.
var hookshim = sync.OnceValues(func() (string, error) {
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, "run-parts")
	if out, err := exec.Command("make", "-s", "-C", "../..", "shim", "SHIM="+at).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build hookshim: %w\n%s", err, out)
	}
	return at, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, err := workshop(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

// debianutils is the real run-parts of a version: the host's own, or that of a Debian root with its own C library, in a copy
// that an ordinary user can read.
func debianutils(t *testing.T, version string) peer {
	t.Helper()
	if text, err := os.ReadFile("/usr/bin/run-parts"); err == nil && bytes.Contains(text, []byte("run-parts program, version "+version)) {
		return peer{argv: []string{"/usr/bin/run-parts"}}
	}
	booted.Need(t)
	root, err := booted.Base(map[string]string{"5.7": booted.Bookworm, "5.23": booted.Trixie}[version])
	if err != nil {
		t.Fatal(err)
	}
	dir := open(t)
	loader := copied(t, dir, root, "lib64/ld-linux-x86-64.so.2")
	copied(t, dir, root, "usr/lib/*/libc.so.6")
	program := copied(t, dir, root, "usr/bin/run-parts")
	if text, err := os.ReadFile(program); err != nil || !bytes.Contains(text, []byte("run-parts program, version "+version)) {
		t.Fatalf("the run-parts of %s is not %s (%v)", root, version, err)
	}
	return peer{argv: []string{loader, "--library-path", dir, "--argv0", "run-parts", program}}
}

// open is a temporary directory that everybody can read.
func open(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func copied(t *testing.T, dir, root, pattern string) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(root, pattern))
	if len(found) == 0 {
		t.Fatalf("there is no %s in %s", pattern, root)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, filepath.Base(found[0]))
	if err := os.WriteFile(at, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return at
}

// ours is hookshim in a dialect.
func ours(t testing.TB, dialect string) peer {
	t.Helper()
	at, err := hookshim()
	if err != nil {
		t.Fatal(err)
	}
	return peer{argv: []string{at}, dialect: dialect}
}

// call is one way to call run-parts.
type call struct {
	dir   string // to be called in
	args  []string
	env   []string
	shell string // what a shell does before it becomes run-parts
	stdin string
	mask  uint64 // signals that are blocked
	uid   uint32
	one   bool // standard output and standard error are one
}

// said is what came of it.
type said struct {
	stdout, stderr string
	state          string
}

func (p peer) run(t testing.TB, c call) said {
	t.Helper()
	argv := p.argv
	if c.shell != "" {
		argv = append([]string{"/bin/sh", "-c", c.shell + `; exec "$@"`, "sh"}, argv...)
	}
	var args []string
	if p.dialect != "" {
		args = append(args, "--compat="+p.dialect)
	}
	cmd := &exec.Cmd{Path: argv[0], Args: append(append(append([]string{}, argv...), args...), c.args...), Dir: c.dir,
		Env: append([]string{"PATH=/usr/bin:/bin", "A=b"}, c.env...), Stdin: strings.NewReader(c.stdin)}
	if c.shell == "" && len(p.argv) == 1 {
		cmd.Args[0] = "run-parts"
	}
	if c.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.one {
		cmd.Stderr = &stdout
	}
	if err := start(cmd, c.mask); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // its error is in the state
	// A shell can't give a program another name than its path.
	named := strings.NewReplacer(p.argv[0]+": ", "run-parts: ")
	return said{named.Replace(stdout.String()), named.Replace(stderr.String()), cmd.ProcessState.String()}
}

// start starts a program with blocked signals: it gets those of the thread.
func start(cmd *exec.Cmd, mask uint64) error {
	if mask == 0 {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before uint64
	setMask(mask, &before)
	defer setMask(before, nil)
	return cmd.Start()
}

func setMask(mask uint64, before *uint64) {
	const set = 2
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, set, uintptr(unsafe.Pointer(&mask)), uintptr(unsafe.Pointer(before)), 8, 0, 0)
}
