package runparts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scripts makes a directory d in two places, of names and bodies.
func scripts(t *testing.T, bodies map[string]string) (at [2]string) {
	t.Helper()
	for i := range at {
		at[i] = open(t)
		if err := os.Mkdir(filepath.Join(at[i], "d"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, body := range bodies {
			if err := writeScript(filepath.Join(at[i], "d", name), "#!/bin/sh\n"+body+"\n", 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return at
}

// versions runs a test against both versions.
func versions(t *testing.T, test func(t *testing.T, real, own peer)) {
	for _, version := range []string{"5.7", "5.23"} {
		t.Run(version, func(t *testing.T) { test(t, debianutils(t, version), ours(t, version)) })
	}
}

// TestDifferentialChanges: scripts that change what is there while the others wait, and what was there may be gone. Each case
// has directories of its own.
func TestDifferentialChanges(t *testing.T) {
	cases := []map[string]string{
		{"a": "rm d/b", "b": "echo b", "c": "echo c"},
		{"a": "chmod 644 d/b", "b": "echo b"},
		{"a": "printf '#!/bin/sh\\necho new\\n' >d/b", "b": "echo b"},
		{"a": "echo >d/aa; chmod 755 d/aa", "b": "echo b"},
		{"a": "rm d/b; mkfifo d/b", "b": "echo b", "c": "exit 0", "d": "echo d"},
		{"a": "rm d/b; ln -s nowhere d/b", "b": "echo b", "c": "exit 7"},
		{"a": "mv d e; exit 4", "b": "echo b"},
		{"a": "cat; echo a", "b": "cat; echo b"},
		{"a": "head -n 1", "b": "cat"},
		{"a": "sleep 3 >&- 2>&- </dev/null & exit 2", "b": "exit 0"},
		{"a": "(kill -STOP $$; kill -CONT $$) & wait; echo on", "b": "exit 1", "c": "exit 0"},
		{"a": "exit 3", "b": "exit 0"}, {"a": "exit 3", "b": "exit 4"}, {"a": "exit 256"}, {"a": "kill -9 $$", "b": "exit 9"},
		{"a": "kill -SEGV $$", "b": "kill -PIPE $$", "c": "kill -USR1 $$", "d": "kill -RTMIN $$"},
		{"a": "umask; umask 077", "b": "umask"}, {"a": "cd /; pwd", "b": "test $(stat -c %i .) = $(stat -c %i $PWD) && echo same"},
		{"a": "test $(ps -o sid= -p $$) = $$ && echo own session", "b": "test $(ps -o pgid= -p $$) = $$ && echo own group"},
	}
	options := [][]string{{}, {"--report"}, {"--exit-on-error"}, {"--reverse", "-v"}, {"--stdin"}, {"--new-session", "--report", "--stdin"}, {"--test"}, {"--list"}, {"--debug"}}
	versions(t, func(t *testing.T, real, own peer) {
		each(t, len(cases)*len(options), func(n int) {
			bodies := cases[n%len(cases)]
			args := append([]string{"d"}, options[n/len(cases)]...)
			differ(t, real, own, scripts(t, bodies), call{args: args, stdin: "1\n2\n"}, fmt.Sprintf("case %d", n%len(cases)))
		})
	})
}

// TestDifferentialLarge: much output on both streams, and many files.
func TestDifferentialLarge(t *testing.T) {
	much := "out=$(head -c 9999 /dev/zero | tr '\\0' a); err=$(head -c 8888 /dev/zero | tr '\\0' b); i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i$out; echo $err >&2; done"
	at := scripts(t, map[string]string{"a": much, "b": much, "c": "exit 5"})
	many := open(t) // which nobody changes
	for n := range 10000 {
		name := filepath.Join(many, fmt.Sprintf("%x-%d%s", n*7919%10007, n, []string{"", ".x", "_", "~"}[n%4]))
		if err := os.WriteFile(name, nil, os.FileMode(0o644+0o111*(n%3/2))); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range at {
		if err := os.Symlink(many, filepath.Join(dir, "many")); err != nil {
			t.Fatal(err)
		}
	}
	versions(t, func(t *testing.T, real, own peer) {
		var calls []call
		for _, args := range [][]string{{"d"}, {"d", "--report"}, {"d", "--report", "--stdin"}, {"many", "--test"}, {"many", "--list", "--reverse"}, {"many", "--list", "--lsbsysinit"},
			{"many", "--list", "--regex=(a|b).*\\1"}, {"many", "--list", "--debug"}, {"--list", "--", "many"}} {
			calls = append(calls, call{args: args})
			if args[0] != "d" { // two writers, one stream: the order would be the kernel's
				calls = append(calls, call{args: args, one: true})
			}
		}
		each(t, len(calls), func(n int) { differ(t, real, own, at, calls[n], "large") })
	})
}

// TestDifferentialSignals: run-parts itself ends by a signal as a C program does, also where Go would do otherwise.
func TestDifferentialSignals(t *testing.T) {
	real, own := debianutils(t, "5.23"), ours(t, "5.23")
	for _, signal := range strings.Fields("TERM INT HUP QUIT USR1 USR2 ALRM PIPE ABRT PROF VTALRM XCPU IO PWR SYS TRAP STKFLT KILL RTMIN RTMAX CHLD URG WINCH CONT") {
		at := scripts(t, map[string]string{"a": "kill -" + signal + " $PPID; echo on", "b": "echo b"})
		for _, before := range []string{"ulimit -c 0", "ulimit -c 0; trap '' " + signal} {
			if signal != "KILL" || !strings.Contains(before, "trap") {
				differ(t, real, own, at, call{args: []string{"d"}, shell: before}, signal)
			}
		}
	}
}
