package runner

import "testing"

func TestS9Printable(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "a\n\r\t%n $X \\x41 \u00e4\ufffd": "a\n\r\t%n $X \\x41 \u00e4\ufffd",
		"caf\xe9": `caf\xe9`, "\xff\x00\xc3\xa4": "\\xff\x00\u00e4", "\xc3": `\xc3`, "\xed\xa0\x80": `\xed\xa0\x80`,
	} {
		if got := Printable(value); got != want {
			t.Errorf("Printable(%q) is %q, want %q", value, got, want)
		}
	}
}
