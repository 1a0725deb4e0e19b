package unitfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Word is one word of a value. Off is the offset in the value of its first byte, an opening quote included.
type Word struct {
	Text string
	Off  int
	offs []int // of each byte of Text
}

// At returns the offset in the value of what became byte i of the word.
func (w Word) At(i int) int {
	switch {
	case i < len(w.offs):
		return w.offs[i]
	case len(w.offs) > 0:
		return w.offs[len(w.offs)-1] + 1
	}
	return w.Off
}

// WordError says what is wrong with the words of a value, and at which offset.
type WordError struct {
	Off int
	Msg string
}

func (e *WordError) Error() string { return e.Msg }

// Split cuts a value into words as systemd does (systemd.service(5), "Command lines"): white space separates, single
// and double quotes keep together, and C-style escapes stand for bytes. An unknown escape is an error.
func Split(text string) ([]Word, error) { return split(text, false) }

// SplitRaw cuts like Split but leaves every backslash and the byte behind it as they are, for words that are globs and
// have their own use for the backslash.
func SplitRaw(text string) ([]Word, error) { return split(text, true) }

func split(text string, raw bool) ([]Word, error) {
	s := splitter{text: text, raw: raw}
	var words []Word
	for {
		for s.at < len(text) && strings.IndexByte(blank, text[s.at]) >= 0 {
			s.at++
		}
		if s.at == len(text) {
			return words, nil
		}
		start := s.at
		w, err := s.word()
		if err != nil {
			return nil, err
		}
		words = append(words, Word{w, start, slices.Clone(s.offs)})
	}
}

type splitter struct {
	text string
	raw  bool
	at   int
	out  []byte
	offs []int
}

// put appends what was read at s.at.
func (s *splitter) put(b ...byte) {
	for _, c := range b {
		s.out, s.offs = append(s.out, c), append(s.offs, s.at)
	}
}

func (s *splitter) word() (string, error) {
	s.out, s.offs = s.out[:0], s.offs[:0]
	quote, opened := byte(0), 0
	for ; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c == '\\':
			if err := s.escape(); err != nil {
				return "", err
			}
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, opened = c, s.at
		case quote == 0 && strings.IndexByte(blank, c) >= 0:
			return string(s.out), nil
		default:
			s.put(c)
		}
	}
	if quote != 0 {
		return "", &WordError{opened, fmt.Sprintf("the quote %c is not closed", quote)}
	}
	return string(s.out), nil
}

// escape reads the escape at s.at and leaves s.at on its last byte.
func (s *splitter) escape() error {
	if s.raw {
		s.put('\\')
		if s.at+1 < len(s.text) {
			s.at++
			s.put(s.text[s.at])
		}
		return nil
	}
	b, n, err := unescape(s.text[s.at:])
	if err != nil {
		return &WordError{s.at, err.Error()}
	}
	s.put(b...)
	s.at += n - 1
	return nil
}

// unescape reads the escape that text begins with and returns the bytes it stands for and its own length. The escapes
// are those of systemd.syntax(7), "C-style escapes". An escaped NUL is refused: no argument can hold one.
func unescape(text string) ([]byte, int, error) {
	if len(text) < 2 {
		return nil, 0, fmt.Errorf("a backslash ends the value")
	}
	const from, to = `abfnrtvs\"'`, "\a\b\f\n\r\t\v \\\"'"
	c := text[1]
	if i := strings.IndexByte(from, c); i >= 0 {
		return []byte{to[i]}, 2, nil
	}
	switch {
	case c == 'x':
		return numeric(text, 2, 2, 16)
	case c == 'u':
		return numeric(text, 2, 4, 16)
	case c == 'U':
		return numeric(text, 2, 8, 16)
	case c >= '0' && c <= '7':
		return numeric(text, 1, 3, 8)
	}
	return nil, 0, fmt.Errorf("unknown escape %q", text[:2])
}

func numeric(text string, from, digits, base int) ([]byte, int, error) {
	end := from + digits
	if len(text) < end {
		return nil, 0, fmt.Errorf("escape %q is too short", text)
	}
	n, err := strconv.ParseUint(text[from:end], base, 32)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("escape %q is no number", text[:end])
	case n == 0:
		return nil, 0, fmt.Errorf("escape %q is the NUL byte", text[:end])
	case digits < 4 && n > 255:
		return nil, 0, fmt.Errorf("escape %q is more than a byte", text[:end])
	case digits < 4:
		return []byte{byte(n)}, end, nil
	case !utf8.ValidRune(rune(n)):
		return nil, 0, fmt.Errorf("escape %q is no character", text[:end])
	}
	return utf8.AppendRune(nil, rune(n)), end, nil
}

// Quote writes a word so that Split reads it back byte for byte. A lone semicolon is quoted, as it separates commands.
func Quote(word string) string {
	if word != "" && word != ";" && strings.IndexFunc(word, special) < 0 && utf8.ValidString(word) {
		return word
	}
	return `"` + escape(word, `"`) + `"`
}

func special(r rune) bool {
	return r <= ' ' || r == '"' || r == '\'' || r == '\\' || r == 0x7f || !strconv.IsPrint(r)
}

// escape writes the bytes of a word with every control byte, backslash, unprintable character, byte that is no UTF-8
// and each byte of also as an escape that unescape reads.
func escape(word, also string) string {
	var b strings.Builder
	for i := 0; i < len(word); {
		r, n := utf8.DecodeRuneInString(word[i:])
		switch {
		case r == '\\' || r < utf8.RuneSelf && strings.ContainsRune(also, r) && !alnum(word[i]):
			b.WriteByte('\\')
			b.WriteByte(word[i])
		case r == utf8.RuneError && n == 1 || r != ' ' && !strconv.IsPrint(r):
			for _, c := range []byte(word[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		default:
			b.WriteString(word[i : i+n])
		}
		i += n
	}
	return b.String()
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
