package unitfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump writes what was read, one entry a line with its places.
func dump(text string) string {
	file, faults := Parse(Lines(text))
	var b strings.Builder
	for _, s := range file.Sections {
		fmt.Fprintf(&b, "%d:%d [%s]\n", s.Pos.Line, s.Pos.Col, s.Name)
		for _, e := range s.Entries {
			at := e.Value.At(0)
			fmt.Fprintf(&b, "%d:%d %s = %d:%d %q\n", e.Pos.Line, e.Pos.Col, e.Key, at.Line, at.Col, e.Value.Text)
		}
	}
	for _, f := range faults {
		fmt.Fprintf(&b, "%d:%d %s\n", f.Pos.Line, f.Pos.Col, f.Msg)
	}
	return b.String()
}

// The rules are those of systemd.syntax(7); libraries that get them wrong are the reason for this package.
func TestParse(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "[A]\nk=v\n", "1:1 [A]\n2:1 k = 2:3 \"v\"\n"},
		{"blanks around", "  [A]  \n  k  =  v  \n", "1:3 [A]\n2:3 k = 2:9 \"v\"\n"},
		{"empty value", "[A]\nk=\n", "1:1 [A]\n2:1 k = 2:3 \"\"\n"},
		{"value with signs", "[A]\nk=a=b#c;d\n", "1:1 [A]\n2:1 k = 2:3 \"a=b#c;d\"\n"},
		{"comments", "# x\n; y\n[A]\n# k=1\nk=2\n", "3:1 [A]\n5:1 k = 5:3 \"2\"\n"},
		{"comment that ends in a backslash", "[A]\n# x \\\nk=v\n", "1:1 [A]\n3:1 k = 3:3 \"v\"\n"},
		{"continued", "[A]\nk=a \\\n  b\n", "1:1 [A]\n2:1 k = 2:3 \"a    b\"\n"},
		{"escaped backslash at the end", "[A]\nk=C:\\\\\nl=v\n", "1:1 [A]\n2:1 k = 2:3 \"C:\\\\\\\\\"\n3:1 l = 3:3 \"v\"\n"},
		{"comment between continued lines", "[A]\nk=a \\\n# x\n; y\n b\nl=c\n", "1:1 [A]\n2:1 k = 2:3 \"a   b\"\n6:1 l = 6:3 \"c\"\n"},
		{"value begins in the next line", "[A]\nk=\\\n  v\n", "1:1 [A]\n2:1 k = 3:3 \"v\"\n"},
		{"carriage returns", "[A]\r\nk=a\\\r\nb\r\n", "1:1 [A]\n2:1 k = 2:3 \"a b\"\n"},
		{"no line end", "[A]\nk=v", "1:1 [A]\n2:1 k = 2:3 \"v\"\n"},
		{"sections of one name", "[A]\nk=1\n[A]\nk=2\n", "1:1 [A]\n2:1 k = 2:3 \"1\"\n3:1 [A]\n4:1 k = 4:3 \"2\"\n"},
		{"bytes", "[A]\nk=\xff\xfe\n", "1:1 [A]\n2:1 k = 2:3 \"\\xff\\xfe\"\n"},
		{"long line", "[A]\nk=" + strings.Repeat("x", 5000) + "\n", "1:1 [A]\n2:1 k = 2:3 \"" + strings.Repeat("x", 5000) + "\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, dump(test.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAt(t *testing.T) {
	file, _ := Parse(Lines("[A]\nk=one \\\n  two\n"))
	v := file.Sections[0].Entries[0].Value
	for _, test := range []struct {
		word string
		want Pos
	}{{"one", Pos{2, 3}}, {"two", Pos{3, 3}}, {"wo", Pos{3, 4}}} {
		if got := v.At(strings.Index(v.Text, test.word)); got != test.want {
			t.Errorf("place of %q is %v, want %v", test.word, got, test.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"a  b\tc", []string{"a", "b", "c"}},
		{`"a b" 'c d'`, []string{"a b", "c d"}},
		{`a"b c"d`, []string{"ab cd"}},
		{`""`, []string{""}},
		{`"it's" 'say "x"'`, []string{"it's", `say "x"`}},
		{`\x41\101\u00e9\s\n\\\"`, []string{"AA\u00e9 \n\\\""}},
		{`\xff`, []string{"\xff"}},
		{`$HOME %i ; |`, []string{"$HOME", "%i", ";", "|"}},
	} {
		words, err := Split(test.in)
		var got []string
		for _, w := range words {
			got = append(got, w.Text)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("Split(%q): %v (-want +got):\n%s", test.in, err, diff)
		}
	}
}

// FuzzQuote: what Quote writes, Split reads back as one word of the same bytes.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "a b", `"`, `'`, `\`, "\n", "\xff", "é", "\u202e", "%", ";", "#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.IndexByte(word, 0) >= 0 {
			t.Skip("no argument holds NUL")
		}
		words, err := Split("x " + Quote(word) + " y")
		if err != nil || len(words) != 3 || words[1].Text != word {
			t.Errorf("Split(Quote(%q) = %s) = %v, %v", word, Quote(word), words, err)
		}
	})
}
