package events

import (
	"fmt"
	"strconv"
	"strings"
)

// Glob is a compiled pattern over bytes: * any bytes, also a slash, ? one byte, [a-z] and [!a-z] a set. A backslash takes
// the special meaning from the byte behind it; \n, \t and \s are newline, tab and space, and \xHH is a byte.
type Glob struct{ toks []token }

// token matches one byte of set, or with star any number of any bytes.
type token struct {
	star bool
	set  [4]uint64
	text string // canonical source
}

func (t *token) add(c byte)      { t.set[c>>6] |= 1 << (c & 63) }
func (t *token) has(c byte) bool { return t.set[c>>6]&(1<<(c&63)) != 0 }
func (t *token) negate() {
	for i := range t.set {
		t.set[i] = ^t.set[i]
	}
}

// globError is a fault in a glob at a byte offset.
type globError struct {
	off       int
	msg, hint string
}

func (e *globError) Error() string { return hinted(e.msg, e.hint) }

// GlobFault takes an error of ParseGlob apart: the byte at which it lies, what is wrong, and a hint.
func GlobFault(err error) (off int, msg, hint string) {
	e := err.(*globError)
	return e.off, e.msg, e.hint
}

// ParseGlob compiles a glob.
func ParseGlob(text string) (Glob, error) {
	var g Glob
	for i := 0; i < len(text); {
		t, n, err := readToken(text, i)
		if err != nil {
			return Glob{}, err
		}
		if !(t.star && len(g.toks) > 0 && g.toks[len(g.toks)-1].star) {
			g.toks = append(g.toks, t)
		}
		i += n
	}
	return g, nil
}

func readToken(text string, i int) (token, int, error) {
	t := token{}
	switch c := text[i]; c {
	case '*':
		return token{star: true, text: "*"}, 1, nil
	case '?':
		t.negate()
		t.text = "?"
		return t, 1, nil
	case '[':
		return readSet(text, i)
	case '{':
		return t, 0, &globError{i, "{ has no meaning in a glob", `write one term for each word, or \{ for the byte`}
	case '\\':
		c, n, err := readEscape(text, i)
		t.add(c)
		t.text = literal(c)
		return t, n, err
	default:
		t.add(c)
		t.text = literal(c)
		return t, 1, nil
	}
}

// readEscape reads the escape at text[i].
func readEscape(text string, i int) (byte, int, error) {
	if i+1 == len(text) {
		return 0, 0, &globError{i, "a backslash ends the glob", ""}
	}
	switch c := text[i+1]; {
	case c == 'x':
		b, err := strconv.ParseUint(text[min(i+2, len(text)):min(i+4, len(text))], 16, 8)
		if err != nil || len(text) < i+4 {
			return 0, 0, &globError{i, `\x needs two hexadecimal digits`, ""}
		}
		return byte(b), 4, nil
	case c == 'n' || c == 't' || c == 's':
		return map[byte]byte{'n': '\n', 't': '\t', 's': ' '}[c], 2, nil
	case isAlnum(c):
		return 0, 0, &globError{i, fmt.Sprintf("unknown escape %q", text[i:i+2]), `write \\ for a backslash`}
	default:
		return c, 2, nil
	}
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// readSet reads the [set] at text[i]. A ] that comes first is a member, as in glob(7).
func readSet(text string, i int) (token, int, error) {
	t, j := token{}, i+1
	negate := j < len(text) && (text[j] == '!' || text[j] == '^')
	if negate {
		j++
	}
	for first := true; ; first = false {
		if j >= len(text) {
			return t, 0, &globError{i, "the set has no closing bracket", `write \[ for the byte`}
		}
		if text[j] == ']' && !first {
			break
		}
		n, err := t.member(text, j)
		if err != nil {
			return t, 0, err
		}
		j += n
	}
	t.text = t.canonical(negate)
	if negate {
		t.negate()
	}
	return t, j + 1 - i, nil
}

// member adds the byte or the range at text[j].
func (t *token) member(text string, j int) (int, error) {
	low, n, err := setByte(text, j)
	if err != nil {
		return 0, err
	}
	high := low
	if rest := text[j+n:]; len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
		c, m, err := setByte(text, j+n+1)
		if err != nil {
			return 0, err
		}
		if high, n = c, n+1+m; high < low {
			return 0, &globError{j, fmt.Sprintf("the range %q runs backwards", text[j:j+n]), ""}
		}
	}
	for c := int(low); c <= int(high); c++ {
		t.add(byte(c))
	}
	return n, nil
}

func setByte(text string, j int) (byte, int, error) {
	if text[j] == '\\' {
		return readEscape(text, j)
	}
	return text[j], 1, nil
}

// canonical writes the set as ranges in ascending order.
func (t *token) canonical(negate bool) string {
	b := "["
	if negate {
		b = "[!"
	}
	for c := 0; c < 256; c++ {
		from := c
		for c < 255 && t.has(byte(from)) && t.has(byte(c+1)) {
			c++
		}
		switch {
		case !t.has(byte(from)):
		case c-from > 1:
			b += inSet(byte(from)) + "-" + inSet(byte(c))
		case c > from:
			b += inSet(byte(from)) + inSet(byte(c))
		default:
			b += inSet(byte(from))
		}
	}
	return b + "]"
}

func inSet(c byte) string {
	if strings.IndexByte("-^!]", c) >= 0 {
		return `\` + string(rune(c))
	}
	return literal(c)
}

// literal writes a byte so that it has no special meaning in a glob nor in a word.
func literal(c byte) string {
	switch {
	case strings.IndexByte("*?[\\{\"'", c) >= 0:
		return `\` + string(rune(c))
	case c == ' ':
		return `\s`
	case c < ' ' || c >= 0x7f:
		return fmt.Sprintf(`\x%02x`, c)
	}
	return string(rune(c))
}

// String writes the glob in its canonical form.
func (g Glob) String() string {
	var b strings.Builder
	for _, t := range g.toks {
		b.WriteString(t.text)
	}
	return b.String()
}

// Match says whether the glob matches the whole of s. The time it takes is bounded by the product of both lengths.
func (g Glob) Match(s string) bool {
	at, star, back := 0, -1, 0
	for i := 0; i < len(s); {
		switch {
		case at < len(g.toks) && g.toks[at].star:
			star, back = at, i
			at++
		case at < len(g.toks) && g.toks[at].has(s[i]):
			at++
			i++
		case star >= 0:
			back++
			at, i = star+1, back
		default:
			return false
		}
	}
	for at < len(g.toks) && g.toks[at].star {
		at++
	}
	return at == len(g.toks)
}

// Plain says whether the glob has no wildcard, so that it means one text only.
func (g Glob) Plain() bool {
	for _, t := range g.toks {
		if t.star || t.text == "?" || t.text[0] == '[' {
			return false
		}
	}
	return true
}

// Text is the one text that a plain glob means.
func (g Glob) Text() string {
	var b []byte
	for _, t := range g.toks {
		for c := range 256 {
			if t.has(byte(c)) {
				b = append(b, byte(c))
			}
		}
	}
	return string(b)
}
