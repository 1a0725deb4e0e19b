package runparts_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDifferentialInherited: what a script has from whoever called run-parts: descriptors under their numbers, signals, limits.
func TestDifferentialInherited(t *testing.T) {
	at := scripts(t, map[string]string{
		"a": `ls -l /proc/self/fd | sed 's/.* \([0-9]* -> \)/\1/; s/proc.[0-9]*//; s/pipe:.*/pipe/; s/#[0-9]*//; s/\/tmp\/.*\/00[0-9]*/here/' >$0.said`,
		"b": "(grep -E '^(Sig[BIC]|ShdP)' /proc/self/status; ulimit -a; umask) >$0.said"})
	var calls []call
	for _, before := range append([]string{"true"}, shells...) {
		for _, args := range [][]string{{"d"}, {"--report", "d"}, {"--stdin", "d"}} {
			calls = append(calls, call{args: args, shell: before})
		}
	}
	versions(t, func(t *testing.T, real, own peer) {
		for _, c := range calls {
			differ(t, real, own, at, c, "inherited")
			for _, name := range []string{"d/a.said", "d/b.said"} {
				want, _ := os.ReadFile(filepath.Join(at[0], name))
				got, _ := os.ReadFile(filepath.Join(at[1], name))
				if !bytes.Equal(got, want) {
					t.Errorf("%q %q:\n%s\nwant\n%s", c.shell, c.args, got, want)
				}
				os.Remove(filepath.Join(at[0], name))
				os.Remove(filepath.Join(at[1], name))
			}
		}
	})
}

// TestEnvironment: scripts get the environment as it is, also with a variable twice and with what is no variable.
func TestEnvironment(t *testing.T) {
	at := open(t)
	if err := writeScript(filepath.Join(at, "a"), "#!/bin/cat /proc/self/environ\n", 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"A=1", "PATH=/usr/bin:/bin", "A=2", "", "B", "=x", "A=1", "C=\xff"}
	for _, p := range []peer{debianutils(t, "5.23"), ours(t, "5.23")} {
		out, err := os.Create(filepath.Join(at, "out.txt"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		attr := &os.ProcAttr{Env: env, Files: []*os.File{nil, out, out}} // os/exec would tidy the environment up
		process, err := os.StartProcess(p.argv[0], append(append([]string{}, p.argv...), at), attr)
		if err != nil {
			t.Fatal(err)
		}
		if state, err := process.Wait(); err != nil || !state.Success() {
			t.Fatal(state, err)
		}
		text, err := os.ReadFile(out.Name())
		if want := strings.Join(env, "\x00") + "\x00"; err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%q: %q (%v), want %q", p.argv, text, err, want)
		}
	}
}
