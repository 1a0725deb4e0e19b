package systemd

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain is text as D-Bus takes it: bytes that are no UTF-8 become \xNN.
func plain(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, text[0])
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

func plainAll(list []string) []string {
	all := make([]string, len(list))
	for i, text := range list {
		all[i] = plain(text)
	}
	return all
}

// label is a text for people. systemd writes a description into a unit file as it is, so that a line end in it would begin
// another directive: nothing but printable characters is left of it.
func label(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\\' || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, plain(text))
	return strings.TrimSpace(text)
}

// command is the program and the words that systemd is told to execute in place of args, so that the process gets them
// literally at its first start and at each restart, also after systemd has read its unit files again.
//
// systemd expands $NAME in the words, and systemd 252 neither reads back the property that switches this off (ExecStartEx;
// the service could not be restarted at all), nor "$$", nor a word that is ";". So where one of them occurs a shell puts
// the words together and becomes the program: they are quoted, and no "$" is among what it is given.
func command(args []string) []string {
	args = plainAll(args)
	if !needsShell(args) {
		return args
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = quote(a)
	}
	return []string{"/bin/sh", "-c", "exec " + strings.Join(words, " ")}
}

func needsShell(args []string) bool {
	for _, a := range args {
		if a == ";" || strings.Contains(a, "$") {
			return true
		}
	}
	return false
}

// quote is one word of a shell line, without a "$" in it.
func quote(word string) string {
	word = strings.ReplaceAll(word, `'`, `'\''`)
	word = strings.ReplaceAll(word, `$`, `'"`+"`printf '\\044'`"+`"'`)
	return "'" + word + "'"
}
