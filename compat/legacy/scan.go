package legacy

import (
	"path"
	"slices"
	"strings"
)

// objection says why a script cannot become a hook, and which line of it says so.
func objection(e Entry, text string, read bool) (int, string) {
	switch {
	case e.Shim:
		return 0, "it is hookd's own"
	case e.System == "dhclient" || e.System == "dhcpcd":
		return sourcedLine(text), "it is no program: the shell of " + e.System + " reads it, with its variables and functions"
	case !e.Event || phase(e).Directory == "":
		return 0, "there is no event for " + e.System
	case e.Absent:
		return 0, "it does not run now: " + e.Why
	case !e.Runs:
		return 0, "it never runs, and a hook would: " + e.Why + mend(e)
	case !plainName(path.Base(e.Path)):
		return 0, "its name cannot stand in the name of a hook"
	case !read:
		return 0, "it cannot be read"
	}
	return shellObjection(text)
}

// mend says how a script that never ran would.
func mend(e Entry) string {
	switch {
	case e.Expected:
		return ""
	case strings.HasPrefix(e.Why, "it is not executable"):
		return " (chmod 755 has the old system run it)"
	case strings.Contains(e.Why, "begin with #!"):
		return " (give it a first line such as #!/bin/sh)"
	case hasAny(e.Why, "no name with a dot", "no such name"):
		return " (rename it, and the old system runs it)"
	}
	return ""
}

// sourcedLine is the line by which one sees that a script is part of another one.
func sourcedLine(text string) int {
	for i, line := range code(text) {
		if strings.Contains(line, "make_resolv_conf") || strings.HasPrefix(strings.TrimSpace(line), "return") {
			return i + 1
		}
	}
	return 0
}

// shellObjection looks at the lines of a script for what a copy in another place could not keep. It is a reader's eye, no
// shell: programs that are no scripts it cannot judge.
func shellObjection(text string) (int, string) {
	if strings.HasPrefix(text, "\x7fELF") {
		return 0, ""
	}
	onItself := false // within a case about $0
	lines := code(text)
	for i, line := range lines {
		self := looksAtItself(line)
		onItself = onItself && !hasWord(line, "esac") || self && hasWord(line, "case")
		switch {
		case (self || onItself) && namesOldPlace(line):
			return i + 1, "it compares the whole path in $0, which is another one for a hook"
		case self && besideItself(line):
			return i + 1, "it looks for files beside itself, where the old directory is not"
		case hasAny(line, "/dev/stdin", "/dev/tty") || readsInput(line, lines):
			return i + 1, "it reads its standard input, which is empty for a hook"
		}
	}
	return 0, ""
}

// code are the lines of a script, comments emptied.
func code(text string) []string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(strings.TrimSpace(l), "#") {
			lines[i] = ""
		}
	}
	return lines
}

// looksAtItself says whether a text uses the path by which it was called.
func looksAtItself(text string) bool {
	return hasAny(text, "$0", "${0", "BASH_SOURCE", "sys.argv[0]", "__file__", "__FILE__")
}

func namesOldPlace(line string) bool {
	return hasAny(line, "/etc/network", "/etc/ppp", "/etc/NetworkManager", "/etc/networkd-dispatcher", "/lib/systemd/system-")
}

func besideItself(line string) bool {
	return hasAny(line, `dirname $0)/`, `dirname "$0")/`, `dirname "$0")"/`, `dirname -- "$0")/`, "${0%/*}/", "dirname $0`/")
}

func hasAny(text string, signs ...string) bool {
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(text, sign) })
}

// readsInput finds the command read where nothing feeds it: no pipe before it, no file behind it or its loop.
func readsInput(line string, lines []string) bool {
	word := strings.TrimSpace(line)
	for _, before := range []string{"while ", "until ", "if ", "! ", "then ", "do ", "IFS= "} {
		word = strings.TrimPrefix(word, before)
	}
	if !strings.HasPrefix(word, "read ") || strings.ContainsAny(line, "<|") {
		return false
	}
	for _, l := range lines {
		t := strings.TrimSpace(l)
		ends := strings.HasPrefix(t, "done") || strings.HasPrefix(t, "}") || strings.HasPrefix(t, ")") || strings.HasPrefix(t, "fi")
		if ends && strings.Contains(t, "<") || strings.HasSuffix(t, "|") || hasAny(t, "| while", "|while", "| (", "| {") {
			return false
		}
	}
	return true
}

func hasWord(line, word string) bool {
	return slices.Contains(strings.Fields(strings.ReplaceAll(line, ";", " ")), word)
}
