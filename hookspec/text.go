package hookspec

import (
	"strings"
	"time"

	"hookd/internal/unitfile"
)

// Text writes the hook in its canonical form: every key that is not at its default, in the order of the manual, every
// value in one spelling. Parsing it gives the same hook again.
func (h *Hook) Text() string {
	var b strings.Builder
	b.WriteString("[Hook]\n")
	for _, k := range keys() {
		for _, v := range k.show(h) {
			b.WriteString(k.name + "=" + v + "\n")
		}
	}
	if lines := h.directiveLines(); len(lines) > 0 {
		b.WriteString("\n[Service]\n" + strings.Join(lines, "\n") + "\n")
	}
	return b.String()
}

func same(s string) string { return s }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func oneLine(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = unitfile.Quote(w)
	}
	return []string{strings.Join(quoted, " ")}
}

func eachOnLine[T interface{ String() string }](values []T) []string {
	var lines []string
	for _, v := range values {
		lines = append(lines, v.String())
	}
	return lines
}

func (p Parameter) String() string {
	if p.HasDefault {
		return p.Name + "=" + p.Default
	}
	return p.Name
}

func showRefs(refs []Ref) []string {
	if len(refs) == 0 {
		return nil
	}
	return []string{strings.Join(eachOnLine(refs), " ")}
}

func showArgs(args []Arg) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = unitfile.Quote(a.String())
	}
	return strings.Join(words, " ")
}

func showEnvironment(vars []Variable) []string {
	var words []string
	for _, v := range vars {
		words = append(words, v.Name+"="+v.Value.String())
	}
	return oneLine(words)
}

func showType(service bool) string {
	if service {
		return "service"
	}
	return "oneshot"
}

func showInput(json bool) string {
	if json {
		return "json"
	}
	return "none"
}

func showTimeout(d time.Duration) string {
	if d == 0 {
		return "infinity"
	}
	return formatDuration(d)
}

func showOnStart(skip bool) string {
	if skip {
		return "skip"
	}
	return "replay"
}

func showFailure(abort bool) string {
	if abort {
		return "abort"
	}
	return "continue"
}

func showAccount(a *Account) string {
	if a == nil {
		return ""
	}
	return a.Name
}
