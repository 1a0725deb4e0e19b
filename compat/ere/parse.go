package ere

// maxRepeat is the largest count in an interval (RE_DUP_MAX of limits.h).
const maxRepeat = 1<<15 - 1

// node is a part of an expression; nil matches the empty string.
type node struct {
	op          op
	left, right *node
	set         *set
	anchor      anchor
	group       int // from 1: its own, or the one that is referred to
	least, most int // of a repetition; most is -1 without a limit
}

type op uint8

const (
	opSet op = iota
	opAnchor
	opRef
	opGroup
	opSequence
	opEither
	opRepeat
)

// parser reads a pattern by recursive descent. The first error ends it, because every loop below ends where err is set.
type parser struct {
	text     string
	at       int // behind tok
	tok      token
	groups   int
	closed   [10]bool // which groups may be referred to
	referred [10]bool
	err      Error
}

// maxDepth bounds the nesting of groups, which are read by recursion.
const maxDepth = 20000

func (p *parser) fail(e Error) *node {
	if p.err == 0 {
		p.err = e
	}
	p.tok = token{kind: tEnd}
	return nil
}

// alternatives reads what is between parentheses, or everything. An alternative cannot refer to a group of another one.
func (p *parser) alternatives(nesting int) *node {
	before := p.closed
	tree := p.sequence(nesting)
	for p.tok.kind == tAlt {
		all := p.closed
		p.closed = before
		p.next()
		tree = &node{op: opEither, left: tree, right: p.sequence(nesting)}
		for group, closed := range all {
			p.closed[group] = p.closed[group] || closed
		}
	}
	return tree
}

func (p *parser) sequence(nesting int) *node {
	var tree *node
	for p.tok.kind != tAlt && p.tok.kind != tEnd && (nesting == 0 || p.tok.kind != tClose) {
		tree = join(tree, p.repeated(nesting))
	}
	return tree
}

func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &node{op: opSequence, left: a, right: b}
}

// repeated reads one element with all repetitions behind it. A place is never repeated: what stands behind it is an
// element of its own, and a repetition of nothing.
func (p *parser) repeated(nesting int) *node {
	if p.tok.kind == tAnchor {
		tree := &node{op: opAnchor, anchor: p.tok.anchor}
		p.next()
		return tree
	}
	tree := p.element(nesting)
	for p.err == 0 {
		least, most := 0, -1
		switch p.tok.kind {
		case tStar:
		case tPlus:
			least = 1
		case tQuestion:
			most = 1
		case tInterval:
			least, most = p.interval()
		default:
			return tree
		}
		p.next()
		tree = repeat(tree, least, most)
	}
	return nil
}

func repeat(tree *node, least, most int) *node {
	if tree == nil || most == 0 {
		return nil
	}
	return &node{op: opRepeat, left: tree, least: least, most: most}
}

func (p *parser) element(nesting int) *node {
	tok := p.tok
	switch tok.kind {
	case tOpen:
		return p.subexpression(nesting + 1)
	case tBracket:
		return p.finish(p.bracket())
	case tRef:
		return p.reference(int(tok.byte - '0'))
	case tStar, tPlus, tQuestion, tInterval:
		return p.fail(errRepeat)
	case tBackslash:
		return p.fail(errEscape)
	case tAny:
		return p.finish(matching(func(c byte) bool { return c == 0 }, true))
	case tSet:
		return p.finish(tok.set)
	}
	return p.finish(single(tok.byte)) // ) and } stand for themselves where they close nothing
}

// finish is an element that matches one byte.
func (p *parser) finish(s *set) *node {
	if p.err != 0 {
		return nil
	}
	p.next()
	return &node{op: opSet, set: s}
}

func (p *parser) subexpression(nesting int) *node {
	if nesting > maxDepth {
		return p.fail(errSpace)
	}
	p.groups++
	group := p.groups
	p.next()
	inner := p.alternatives(nesting)
	if p.err != 0 {
		return nil
	}
	if p.tok.kind != tClose {
		return p.fail(errParen)
	}
	if group < len(p.closed) {
		p.closed[group] = true
	}
	p.next()
	return &node{op: opGroup, left: inner, group: group}
}

func (p *parser) reference(group int) *node {
	if !p.closed[group] {
		return p.fail(errRef)
	}
	p.referred[group] = true
	p.next()
	return &node{op: opRef, group: group}
}

// interval reads what is between braces. {,n} is {0,n}.
func (p *parser) interval() (least, most int) {
	least, good := p.number()
	if good && least < 0 {
		if p.tok.byte != ',' || p.tok.kind != tByte {
			p.fail(errInterval) // {}
			return 0, 0
		}
		least = 0
	}
	most = least
	if good && p.tok.kind != tBrace {
		if p.tok.kind != tByte {
			good = false
		} else {
			most, good = p.number()
		}
	}
	switch {
	case !good && p.tok.kind == tEnd:
		p.fail(errBrace)
	case !good || most >= 0 && least > most || p.tok.kind != tBrace:
		p.fail(errInterval)
	case max(least, most) > maxRepeat:
		p.fail(errSize)
	}
	return least, most
}

// number reads digits up to a comma, a closing brace or the end, -1 for none; good is false for anything else.
func (p *parser) number() (n int, good bool) {
	for n, good = -1, true; ; {
		p.next()
		switch c := p.tok.byte; {
		case p.tok.kind == tEnd:
			return n, false
		case p.tok.kind == tBrace || c == ',':
			return n, good
		case p.tok.kind != tByte || c < '0' || c > '9':
			good = false
		default:
			n = min(maxRepeat+1, max(n, 0)*10+int(c-'0'))
		}
	}
}
