package ere

import (
	"strings"
	"testing"
)

// TestMatch: what glibc 2.36 says; where POSIX leaves it open it was asked.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no string // texts, separated by a blank
	}{
		{"", "a", ""},
		{"^a*$", "a aaa", "b ab"},
		{`^(a)\1$`, "aa", "a ab"},
		{`^(a|b)*\1$`, "aa abb", "ab ba"},
		{`^[\d]$`, `\ d`, "1"},
		{`^\d$`, "d", "1"},
		{`^[[=a=][.-.]]+$`, "a-a", "b"},
		{"^.$", "x", "é"},
		{"^a{,2}$", "a aa", "aaa"},
		{"^a**$", "aaa", "b"},
		{"^()$", "", "a"},
		{`\<b`, "b a-b", "ab"},
		{`a\b`, "a a-b", "ab"},
		{`a\B`, "ab", "a a-b"},
		{`^\w+$`, "a_1", "a-"},
		{"a|^b", "xa b", "xb"},
		{"^a)$", "a)", "a"},
		{"^a}$", "a}", "a"},
		{"^[]a-]+$", "]a-", "b"},
		{"^[^]a]$", "b", "] a"},
		{"^(a{2}){2,}$", "aaaa aaaaaa", "aa aaaaa"},
	} {
		re, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		for text := range strings.SplitSeq(c.yes, " ") {
			if !re.Match(text) {
				t.Errorf("%q does not match %q", c.pattern, text)
			}
		}
		for text := range strings.FieldsSeq(c.no) {
			if re.Match(text) {
				t.Errorf("%q matches %q", c.pattern, text)
			}
		}
	}
}

// TestNewline: without REG_NEWLINE a newline is a byte like others, but for those places that a match goes over.
func TestNewline(t *testing.T) {
	for pattern, want := range map[string]bool{"^.$": true, "a.b": false, "^$": false, `^\n`: false, "[^a]^": true, "$[^a]": true, "$a": false} {
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := re.Match("\n"); got != want {
			t.Errorf("%q matches a newline: %t", pattern, got)
		}
	}
}

func TestErrors(t *testing.T) {
	for pattern, want := range map[string]Error{
		"*a": errRepeat, "a|*b": errRepeat, "(*a)": errRepeat, "^*": errRepeat, "{1}": errRepeat, "(?:a)": errRepeat, "(?i)x": errRepeat,
		"a{1": errBrace, "a{": errBrace, "a{1,": errBrace, "a{}": errInterval, "a{x}": errInterval, "a{2,1}": errInterval,
		"a{40000}": errSize, "a{32767}{32767}": errSpace, "(": errParen, "(a": errParen,
		"[": errPattern, "[^": errPattern, "[a": errBracket, "[[:alpha:": errBracket, "[b-a]": errRange, "[a-[:digit:]]": errRange,
		"[[:x:]]": errClass, "[[.xy.]]": errCollate, `\`: errEscape, `\1`: errRef, `(a\1)`: errRef, `(a)|\1`: errRef,
	} {
		if _, err := Compile(pattern); err != want {
			t.Errorf("%q: %v, want %v", pattern, err, want)
		}
	}
}

// TestHostile: patterns that take exponential time where a match is tried one way after the other.
func TestHostile(t *testing.T) {
	text := strings.Repeat("a", 255)
	for _, pattern := range []string{"(a*)*b", "(a|a)*b", "(a|aa)+$b", "(((a*)*)*)*b", "(x+x+)+y", "(.*)(.*)(.*)(.*)(.*)[^a]",
		strings.Repeat("a?", 255) + strings.Repeat("a", 256), strings.Repeat("(", 20001), strings.Repeat("(", 19000) + strings.Repeat(")", 19000) + "b",
		`(a*)(a*)(a*)(a*)(a*)\1\2\3\4\5b`} {
		if re, err := Compile(pattern); err == nil && re.Match(text) {
			t.Errorf("%.40q matches", pattern)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"^[a-zA-Z0-9_-]+$", `(a)\1`, "[[:alpha:]-z]", "a{1,2}{3}", `\<x\>|()`} {
		f.Add(seed, "abc-x")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if re, err := Compile(pattern); err == nil && len(pattern) < 200 && len(text) < 256 {
			re.Match(text)
		}
	})
}
