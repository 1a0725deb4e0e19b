package runparts

import (
	"math/rand/v2"
	"testing"

	"hookd/compat/ere"
)

// TestNames holds the rules for names, which are written out, against the expressions that debianutils has for them.
func TestNames(t *testing.T) {
	compile := func(pattern string) *ere.Regexp {
		re, err := ere.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return re
	}
	rules := []struct {
		is func(string) bool
		re *ere.Regexp
	}{
		{isClassical, compile("^[a-zA-Z0-9_-]+$")},
		{func(n string) bool { return isTraditional(n, false) }, compile("^[a-z0-9][a-z0-9_-]*$")},
		{func(n string) bool { return isTraditional(n, true) }, compile("^[a-z0-9][a-z0-9-]*$")},
		{isHierarchical, compile("^_?([a-z0-9_.]+-)+[a-z0-9]+$")},
		{isLeftover, compile(`^[a-z0-9-].*\.dpkg-(old|dist|new|tmp)$`)},
	}
	parts := []string{"a", "z0", "_", "-", ".", "A", "é", "\n", ".dpkg-", "old", "dist", "new", "tmp", " ", "9"}
	r := rand.New(rand.NewPCG(1, 1))
	for range 50000 {
		name := ""
		for range r.IntN(7) {
			name += parts[r.IntN(len(parts))]
		}
		for i, rule := range rules {
			if rule.is(name) != rule.re.Match(name) {
				t.Fatalf("rule %d: %q: %t", i, name, rule.is(name))
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"--list", "-u022", "--re", "-va", "--umask=9", "--timeout=1s", "--parallel=3", "--=", "--regex=(a)\\1"} {
		f.Add(seed, "d", "--", false)
	}
	f.Fuzz(func(t *testing.T, a, b, c string, posix bool) {
		o, stop := parse([]string{"run-parts", "--compat=5.23", a, b, c}, posix)
		if stop == nil && (len(o.Directories) == 0 || o.List && o.Test || o.Umask > 0o7777 || o.Parallel < 1) {
			t.Errorf("%q %q %q: %+v", a, b, c, o)
		}
		if stop != nil && stop.Status != 0 && stop.Stderr == "" {
			t.Errorf("%q %q %q: no word", a, b, c)
		}
	})
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]bool{
		"x run-parts program, version 5.7\nC": true, "run-parts program, version 5.20.1\n": true, "run-parts program, version 5.21\n": false,
		"run-parts program, version 5.23.1\n": false, "": false, "run-parts program, version 5.": false, "run-parts program, version 5.7": false,
	} {
		if isOld(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
