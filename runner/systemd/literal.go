package systemd

import (
	"slices"
	"strings"
	"unicode"

	"hookd/runner"
)

// plainAll are texts as D-Bus takes them: UTF-8.
func plainAll(list []string) []string {
	all := make([]string, len(list))
	for i, text := range list {
		all[i] = runner.Printable(text)
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
	}, runner.Printable(text))
	return strings.TrimSpace(text)
}

// command is the program and the words that systemd is told to execute in place of args, so that the process gets them
// literally at its first start and at each restart, also after systemd has read its unit files again.
//
// systemd expands $NAME in the words, and systemd 252 neither reads back the property that switches this off (ExecStartEx;
// the service could not be restarted at all), nor "$$", nor a ";". So where one of them occurs a shell puts the words
// together and becomes the program: they are quoted, and neither byte is among what the shell is given. What shells add
// to the environment, and env does not have, it takes away.
func command(args, env []string) []string {
	args = plainAll(args)
	if !slices.ContainsFunc(args, func(a string) bool { return strings.ContainsAny(a, "$;") }) {
		return args
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = quote(a)
	}
	return []string{"/bin/sh", "-c", unsetting(env) + "exec " + strings.Join(words, " ")}
}

func unsetting(env []string) string {
	var b strings.Builder
	for _, name := range [...]string{"PWD", "OLDPWD", "SHLVL"} {
		if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") }) {
			b.WriteString("unset " + name + " && ")
		}
	}
	return b.String()
}

// quote is one word of a shell line, without "$" and ";".
func quote(word string) string {
	r := strings.NewReplacer("'", `'\''`, "$", octal(`\044`), ";", octal(`\073`))
	return "'" + r.Replace(word) + "'"
}

// octal leaves the quotes for a byte that printf is to write.
func octal(code string) string { return `'"` + "`printf '" + code + "'`" + `"'` }
