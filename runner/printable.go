package runner

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Printable is a value as a service gets it, from every supervisor alike: bytes that are no UTF-8, which D-Bus cannot
// carry, are written \xNN. Nothing else changes, and nobody reads it back: a value may contain such text of itself.
func Printable(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	var b strings.Builder
	for len(value) > 0 {
		r, n := utf8.DecodeRuneInString(value)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, value[0])
		} else {
			b.WriteString(value[:n])
		}
		value = value[n:]
	}
	return b.String()
}
