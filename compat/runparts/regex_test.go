package runparts_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// regexParts are put together at random: most of what comes of it is an error, or close to one.
var regexParts = strings.Split("a b c a b . * + ? { } ( ) ( ) | [ ] ^ $ \\ - , 1 {,2} {2} {1,2} {2,1} {,} {} {0} {40000} \\1 \\2 \\w \\W \\b \\B \\< \\> \\s \\S \\` \\' \\d \\( "+
	"[a] [^a] [a-c] [c-a] [[:alpha:]] [[:foo:]] [[=a=]] [[.-.]] [[.ab.]] [[:alpha:]-z] [a-[:alpha:]] [a-] [-a] [--a] [a--b] [] [^] []a] [[.a.]-c] [[=a=]-c] [a [[: "+
	"[[:alpha [a- \xe9 [\xe0-\xff] \n _ (a) (b|a) (a*) (a)* () (|a) [\\d]", " ")

// TestDifferentialRegex holds compat/ere against glibc, by which names --regex takes and what it says of wrong ones.
func TestDifferentialRegex(t *testing.T) {
	dir := open(t)
	r := rand.New(rand.NewPCG(firstSeed(), 3))
	for range 60 {
		name := ""
		for range 1 + r.IntN(6) {
			name += string("ab_- \n1c\xe9d.aab"[r.IntN(14)])
		}
		if name != "." && name != ".." {
			os.WriteFile(filepath.Join(dir, name), nil, 0o644)
		}
	}
	versions(t, func(t *testing.T, real, own peer) {
		each(t, 300, func(n int) {
			r := rand.New(rand.NewPCG(firstSeed()+uint64(n), 4))
			pattern := ""
			for range 1 + r.IntN(6) {
				pattern += regexParts[r.IntN(len(regexParts))]
			}
			differ(t, real, own, [2]string{dir, dir}, call{args: []string{"--list", "--regex", pattern, "."}}, fmt.Sprint("pattern ", n))
		})
	})
}
