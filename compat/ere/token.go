package ere

// kind is what a token is.
type kind uint8

const (
	tEnd kind = iota
	tByte
	tAny
	tBracket // [
	tOpen    // (
	tClose   // )
	tAlt     // |
	tStar
	tPlus
	tQuestion
	tInterval // {
	tBrace    // }
	tAnchor
	tRef
	tSet       // \w \W \s \S
	tBackslash // at the end of the pattern
)

type token struct {
	kind   kind
	byte   byte // as written, without a backslash
	anchor anchor
	set    *set
}

// anchor is a place that is matched instead of a byte.
type anchor uint8

const (
	atLineStart anchor = iota // ^
	atLineEnd                 // $
	atTextStart
	atTextEnd
	atWordStart
	atWordEnd
	atWordEdge
	notWordEdge
)

var plain = [256]kind{'.': tAny, '[': tBracket, '(': tOpen, ')': tClose, '|': tAlt, '*': tStar, '+': tPlus, '?': tQuestion,
	'{': tInterval, '}': tBrace, '^': tAnchor, '$': tAnchor}

// next reads a token. Behind an error there are no more.
func (p *parser) next() {
	if p.at >= len(p.text) || p.err != 0 {
		p.tok = token{kind: tEnd}
		return
	}
	c := p.text[p.at]
	p.at++
	if c == '\\' {
		p.escaped()
		return
	}
	p.tok = token{kind: plain[c], byte: c}
	switch {
	case c == '$':
		p.tok.anchor = atLineEnd
	case p.tok.kind == tEnd:
		p.tok.kind = tByte
	}
}

// escaped reads what stands behind a backslash. What means nothing there stands for itself, also a letter.
func (p *parser) escaped() {
	if p.at >= len(p.text) {
		p.tok = token{kind: tBackslash}
		return
	}
	c := p.text[p.at]
	p.at++
	p.tok = token{kind: tByte, byte: c}
	switch c {
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		p.tok.kind = tRef
	case 'w', 'W':
		p.tok.kind, p.tok.set = tSet, matching(isWord, c == 'W')
	case 's', 'S':
		p.tok.kind, p.tok.set = tSet, matching(isSpace, c == 'S')
	case '<', '>', 'b', 'B', '`', '\'':
		p.tok.kind, p.tok.anchor = tAnchor, anchors(c)
	}
}

func anchors(c byte) anchor {
	switch c {
	case '<':
		return atWordStart
	case '>':
		return atWordEnd
	case 'b':
		return atWordEdge
	case 'B':
		return notWordEdge
	case '`':
		return atTextStart
	}
	return atTextEnd
}
