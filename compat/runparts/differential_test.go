package runparts_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The differential tests run debianutils and hookshim with the same command line over and over, and compare what they
// write and how they end. Cases come from a seed, so that a failure comes again. Each program has directories of its own,
// made alike; scripts that change them are in TestDifferentialChanges.
//
// What is not compared, and why:
//   - the texts of --help and --version: ours are our own words; the stream and the status are compared;
//   - -d, -A, -B, --after and --before: 5.7 and 5.23 refuse them, and we take them from 5.24;
//   - --compat, --timeout, --parallel and --json, which only we have;
//   - SIGURG and SIGPROF where they are ignored: Go's runtime needs the one and does not let go of the other, so that scripts
//     get them as if they had not been.

// nobody is an ordinary user, to whom the kernel refuses what root may.
const nobody = 65534

var names = strings.Fields("a b z 10-x 9 A-b _c under_score up-Case x.y .hid x~ foo.dpkg-old foo.dpkg-bak a.dpkg-new bar-1.dpkg-dist " +
	"-lead --list x-y.z- a-b-c org.foo-1 _v-2 .x-y a+b x@y é-x ä caf\xe9 a:b 50%d {a} aa- -a _- lower_9 x.dpkg-tmp -x.dpkg-old my-1.dpkg-old2")

var strangeNames = []string{"with space", "new\nline", "tab\t", "end\n", "*", "\\", "'", `"`, "$(id)", "a\x01b"}

var bodies = []string{"#!/bin/echo hi\n", "#!/bin/true\n", "#!/bin/false\n", "#!/bin/cat\n", "no shebang\n", "", "#!/nonexistent\n", "#!\n",
	"#!/bin/sh\necho out; echo err >&2; exit 3\n", "#!/bin/sh\nkill -TERM $$\n", "#!/bin/sh\nread x; echo \"$x\"; umask; echo \"$0:$#:$*\"\n",
	"#!/bin/sh\nread x; echo got $x >&2\nexit 255\n", "#!/bin/sh\nkill -9 $$\n", "#!/bin/sh\ngrep -E '^(Sig[BIC]|ShdP)' /proc/self/status; ulimit -n; for f in 0 1 2 3 4 5; do test -e /proc/self/fd/$f && echo $f; done\n", "#!/bin/sh\nenv | grep -v ^PWD= | sort\n"}

// entry makes one entry below a directory, of a kind that the generator chooses.
func entry(r *rand.Rand, path string, quick bool) error {
	body := bodies[r.IntN(len(bodies))]
	if quick {
		body = bodies[r.IntN(3)]
	}
	script := func(mode os.FileMode) error {
		return writeScript(path, body, mode)
	}
	modes := []os.FileMode{0o644, 0o111, 0, 0o700, 0o444, 0o010, 0o4755, 0o001}
	switch n := r.IntN(24); n {
	case 0, 1, 2, 3:
		return script(modes[r.IntN(len(modes))])
	case 4:
		return os.Mkdir(path, 0o755)
	case 5:
		return syscall.Mkfifo(path, 0o755)
	case 6:
		return os.Symlink("nowhere", path)
	case 7:
		return os.Symlink("..", path)
	case 8:
		return os.Symlink("/bin/true", path)
	case 9:
		return os.Symlink("/dev/null", path)
	case 10:
		return os.Symlink(filepath.Base(path), path)
	case 11:
		return socket(path)
	case 12:
		return os.Symlink("locked/x", path)
	}
	return script(0o755)
}

// writeScript writes a file that is to be executed. No process may be forked meanwhile: it would hold the file open for
// writing until it executes another, and nobody could execute the file.
func writeScript(path, body string, mode os.FileMode) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

func socket(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
}

// world makes the directories of one program: the same ones for the same seed.
func world(t *testing.T, seed uint64, root string) {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, dir := range []string{"d", "e", "empty", "locked", "deep/er", "few"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	fill := func(dir string, n int, all []string, quick bool) {
		for range n {
			path := filepath.Join(root, dir, all[r.IntN(len(all))])
			if _, err := os.Lstat(path); err == nil {
				continue
			}
			if err := entry(r, path, quick); err != nil && err != syscall.EINVAL {
				t.Fatal(err)
			}
		}
	}
	fill("d", 9, names, false)
	fill("d", 2, strangeNames, true)
	fill("e", 6, names, false)
	fill("few", 3, names[:8], false)
	fill("deep/er", 3, names, true)
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "locked"), []os.FileMode{0o000, 0o711, 0o744}[seed%3]); err != nil {
		t.Fatal(err)
	}
}

var operands = [][]string{{"d"}, {"d"}, {"d"}, {"few"}, {"few"}, {"few"}, {"empty"}, {"missing"}, {"file"}, {"locked"}, {"d/"}, {"./e"}, {"d", "e"}, {"e", "d", "missing"},
	{"d", "few", "e"}, {"deep/er"}, {"."}, {""}, {"d", "d"}, {"e", "file"}, {"--", "d"}, {"d", "--", "e"}, {"--", "-x"}, {"d//"}, {}}

var regexes = []string{"", ".", "^[a-z]", "x$", "^.$", `^\.`, "[[:upper:]]", `(a|b)-?\1`, `\<x`, "^.....?$", "*a", "a{2", "(", ")", "[", "[b-a]", "a**", "[[:nix:]]", `\`,
	"^()$", "(?:a)", `\w+`, "^[^a]+$", "\\.dpkg-(old|new)$", "\n", "é", "\xe9"}

// someOptions are switches that go with anything, good or bad.
func someOptions(r *rand.Rand, quiet bool) []string {
	all := [][]string{{"--report"}, {"--reverse"}, {"--exit-on-error"}, {"--verbose"}, {"-v"}, {"--stdin"}, {"--lsbsysinit"}, {"--new-session"}, {"--debug"},
		{"--umask=077"}, {"-u", "0"}, {"-u027xyz"}, {"--umask", " +22"}, {"-a", "one"}, {"--arg=two words"}, {"-a", ""}, {"-ax"}, {"-va", "y"}, {"--arg", "-z"}, {"--rev"}, {"--rep"},
		{"--verb"}, {"--ls"}, {"--st"}, {"--e"}, {"--n"}, {"--u", "22"}, {"--a=4"}, {"--regex", regexes[r.IntN(len(regexes))]}, {"--regex=" + regexes[r.IntN(len(regexes))]},
		{"--reg=^" + string(rune('a'+r.IntN(26)))}, {"--list"}, {"--test"}}
	wrong := [][]string{{"--re"}, {"--ver"}, {"--l"}, {"--v=3"}, {"--list=x"}, {"--nope"}, {"--nope=1"}, {"-x"}, {"-vx"}, {"-u8"}, {"--umask=9"}, {"--umask="}, {"-u", "10000"}, {"-u", "-1"},
		{"--umask=40000000022"}, {"--umask=77777777777777777777777"}, {"-a"}, {"-u"}, {"--arg"}, {"--regex"}, {"--=x"}, {"--="}, {"-:"}, {"-é"}, {"---list"}, {"-"}, {"--random"},
		{"--test", "--list"}, {"--umask=-37777777756"}, {"--reverse=1"}, {"--re=5"}, {"-?"}, {"-W", "list"}, {"-v-"}}
	var chosen []string
	for range r.IntN(4) {
		chosen = append(chosen, all[r.IntN(len(all))]...)
	}
	if r.IntN(6) == 0 {
		chosen = append(chosen, wrong[r.IntN(len(wrong))]...)
	}
	if quiet {
		chosen = append(chosen, []string{"--test", "--list"}[r.IntN(2)])
	}
	return chosen
}

// invocation puts options before, between and behind operands.
func invocation(r *rand.Rand, quiet bool) []string {
	args := append([]string{}, operands[r.IntN(len(operands))]...)
	at := 0
	if r.IntN(3) == 0 {
		at = r.IntN(len(args) + 1)
	}
	return append(append(append([]string{}, args[:at]...), someOptions(r, quiet)...), args[at:]...)
}

var shells = []string{"umask 0", "umask 077", "exec <&-", "exec >&-", "exec 2>&-", "exec <&- >&-", "exec >&- 2>&-", "exec >/dev/full", "exec 2>&1", "trap '' PIPE", "trap '' PIPE INT QUIT HUP", "trap '' USR1 CHLD TERM ALRM IO RTMIN+3", "trap '' CHLD", "ulimit -n 100",
	"exec <&- >&- 2>&-", "exec </dev/null 5</dev/null", "export POSIXLY_CORRECT=", "cd d", "export TMPDIR=/nonexistent", "exec <d"}

// fatal are signals for faults, which the kernel delivers anyway, and 33, which Go's runtime and glibc keep for themselves.
const fatal = 1<<(syscall.SIGSEGV-1) | 1<<(syscall.SIGBUS-1) | 1<<(syscall.SIGFPE-1) | 1<<(syscall.SIGILL-1) | 1<<32

func randomCall(r *rand.Rand, n int) call {
	c := call{args: invocation(r, n%10 < 6), stdin: "line\nsecond\n"}
	switch r.IntN(12) {
	case 0:
		c.env = []string{"POSIXLY_CORRECT=1"}
	case 1:
		c.shell = shells[r.IntN(len(shells))]
	case 2:
		c.one = true
	case 3:
		c.stdin = ""
	case 4:
		c.mask = r.Uint64() & r.Uint64() &^ fatal
	}
	return c
}

// TestDifferential is most of the cases.
func TestDifferential(t *testing.T) {
	for _, version := range []string{"5.7", "5.23"} {
		t.Run(version, func(t *testing.T) {
			count := 1000
			if os.Getenv("HOOKD_TEST_CASES") != "" {
				fmt.Sscan(os.Getenv("HOOKD_TEST_CASES"), &count)
			}
			randomCases(t, debianutils(t, version), ours(t, version), count)
		})
	}
}

// TestDifferentialHost: without --compat hookshim is like the run-parts of the host.
func TestDifferentialHost(t *testing.T) {
	text, err := os.ReadFile("/usr/bin/run-parts")
	if err != nil || !strings.Contains(string(text), "run-parts program, version 5.7\n") && !strings.Contains(string(text), "run-parts program, version 5.23") {
		t.Skip("the host has no run-parts of debianutils 5.7 or 5.23")
	}
	randomCases(t, peer{argv: []string{"/usr/bin/run-parts"}}, ours(t, ""), 200)
}

// randomCases are compared in many worlds, one in three as an ordinary user.
func randomCases(t *testing.T, real, own peer, count int) {
	const perWorld = 20
	each(t, count/perWorld, func(n int) {
		seed := uint64(n) + firstSeed()
		uid := uint32(0)
		if os.Geteuid() == 0 && n%3 == 0 {
			uid = nobody
		}
		at := [2]string{open(t), open(t)}
		for _, dir := range at {
			world(t, seed, dir)
		}
		r := rand.New(rand.NewPCG(seed, 2))
		for i := range perWorld {
			c := randomCall(r, i)
			c.uid = uid
			differ(t, real, own, at, c, fmt.Sprintf("seed %d, case %d", seed, i))
		}
	})
}

func firstSeed() (n uint64) {
	fmt.Sscan(os.Getenv("HOOKD_TEST_SEED"), &n)
	return n
}

// each does something n times, at least two at a time.
func each(t *testing.T, n int, do func(int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(2, runtime.NumCPU()) {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		if t.Failed() {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
}

// differ runs one case with both programs, in the directory of each.
func differ(t *testing.T, real, own peer, at [2]string, c call, label string) {
	t.Helper()
	began := time.Now()
	c.dir = at[0]
	want := real.run(t, c)
	c.dir = at[1]
	got := own.run(t, c)
	if isText(c.args) {
		want.stdout, want.stderr = fmt.Sprint(want.stdout != ""), fmt.Sprint(want.stderr != "")
		got.stdout, got.stderr = fmt.Sprint(got.stdout != ""), fmt.Sprint(got.stderr != "")
	}
	if got != want {
		t.Errorf("%s in %s: run-parts %q, env %q, shell %q, mask %x, uid %d, one stream %t, after %v:\nstatus %s, want %s\nstdout %.900q\n  want %.900q\nstderr %.900q\n  want %.900q", label, c.dir, c.args, c.env, c.shell, c.mask, c.uid, c.one,
			time.Since(began).Round(time.Millisecond), got.state, want.state, got.stdout, want.stdout, got.stderr, want.stderr)
	}
}

// isText: the words of --help and --version are our own.
func isText(args []string) bool {
	for _, a := range args {
		if a == "--help" || a == "--version" || a == "-h" || a == "-V" {
			return true
		}
	}
	return false
}
