// Package ere matches POSIX extended regular expressions as glibc's regcomp and regexec do in the C locale, on bytes, with
// GNU's extensions: back references, \w \W \s \S \b \B \< \> \` and \'. It says whether a match is anywhere in a text, and
// not where.
//
// The grammar is that of regex(7) with what glibc makes of the cases that POSIX leaves open; all of them were asked of
// glibc 2.36 and 2.41. The package keeps two bounds that glibc does not have, so that no pattern can take the machine: a
// pattern whose repetitions come to more than a quarter of a million steps is refused as "Memory exhausted", and the search
// for a match of back references, which may be exponential, is given up as no match after a quarter of a million steps, too. Without back
// references the time is at most the length of the pattern, written out, times that of the text.
package ere

// Regexp is a compiled expression. It can be used by several goroutines.
type Regexp struct {
	prog []inst
	refs bool // whether there are back references
}

// Compile reads an expression. The error, of type Error, has the text of glibc's regerror.
func Compile(pattern string) (*Regexp, error) {
	p := parser{text: pattern}
	p.next()
	tree := p.alternatives(0)
	if p.err != 0 {
		return nil, p.err
	}
	return generate(tree, p.referred)
}

// Match says whether the expression matches anywhere in a text.
func (re *Regexp) Match(text string) bool {
	if re.refs {
		return re.search(text)
	}
	return re.simulate(text)
}
