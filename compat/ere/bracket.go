package ere

// item is one element of a bracket expression.
type item struct {
	kind byte // 0 a byte, else the mark between [ and the name: '.', '=' or ':'
	byte byte
	name string
}

// maxName is what glibc takes for the name of a class or collating element.
const maxName = 32

// bracket reads a bracket expression up to its end; the token is [.
func (p *parser) bracket() *set {
	s := new(set)
	inverted := p.peek() == '^'
	if inverted {
		p.at++
	}
	if p.peek() < 0 {
		p.fail(errPattern)
		return nil
	}
	for first := true; first || p.peek() != ']'; first = false {
		if !p.bracketItem(s, first) {
			return nil
		}
	}
	p.at++
	if inverted {
		s.invert()
	}
	return s
}

// peek is the next byte of the pattern, -1 at its end.
func (p *parser) peek() int { return p.ahead(0) }

func (p *parser) ahead(n int) int {
	if p.at+n >= len(p.text) {
		return -1
	}
	return int(p.text[p.at+n])
}

// bracketItem reads an element or a range into a set.
func (p *parser) bracketItem(s *set, first bool) bool {
	start, good := p.item(first)
	if !good {
		return false
	}
	ranges := start.kind != ':' && start.kind != '='
	if ranges && p.peek() == '-' && p.ahead(1) != ']' {
		p.at++
		end, good := p.item(true)
		return good && p.addRange(s, start, end)
	}
	return p.addItem(s, start)
}

// item reads an element. A hyphen may stand first, last or at the end of a range.
func (p *parser) item(hyphen bool) (item, bool) {
	c := p.peek()
	switch {
	case c < 0:
		p.fail(errBracket)
		return item{}, false
	case c == '[' && (p.ahead(1) == '.' || p.ahead(1) == '=' || p.ahead(1) == ':'):
		return p.named()
	case c == '-' && !hyphen && p.ahead(1) != ']':
		p.fail(errRange)
		return item{}, false
	}
	p.at++
	return item{byte: byte(c)}, true
}

// named reads [.x.], [=x=] or [:x:].
func (p *parser) named() (item, bool) {
	mark := p.text[p.at+1]
	p.at += 2
	for begin := p.at; p.at-begin < maxName && p.ahead(1) >= 0; p.at++ {
		if p.text[p.at] == mark && p.text[p.at+1] == ']' {
			p.at += 2
			return item{kind: mark, name: p.text[begin : p.at-2]}, true
		}
	}
	p.fail(errBracket)
	return item{}, false
}

func (p *parser) addItem(s *set, i item) bool {
	if i.kind != ':' {
		c, good := p.collating(i)
		s.add(c)
		return good
	}
	is := class(i.name)
	if is == nil {
		p.fail(errClass)
		return false
	}
	for c := range 256 {
		if is(byte(c)) {
			s.add(byte(c))
		}
	}
	return true
}

// collating is the byte of an element: in the C locale the only collating elements are bytes.
func (p *parser) collating(i item) (byte, bool) {
	switch {
	case i.kind == 0:
		return i.byte, true
	case len(i.name) == 1:
		return i.name[0], true
	}
	p.fail(errCollate)
	return 0, false
}

func (p *parser) addRange(s *set, from, to item) bool {
	if to.kind == ':' || to.kind == '=' {
		p.fail(errRange)
		return false
	}
	a, good := p.collating(from)
	b, alsoGood := p.collating(to)
	switch {
	case !good || !alsoGood:
		return false
	case a > b:
		p.fail(errRange)
		return false
	}
	for c := int(a); c <= int(b); c++ {
		s.add(byte(c))
	}
	return true
}
