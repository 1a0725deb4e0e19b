package ere

// code is what an instruction does.
type code uint8

const (
	iByte   code = iota // one byte of set, then next
	iSplit              // next or other
	iAnchor             // next if this is the place
	iRef                // what the group has matched, then next
	iOpen               // the group begins here
	iClose              // and ends here
	iMatch
)

type inst struct {
	code        code
	anchor      anchor
	group       int
	set         *set
	next, other int
}

// maxProgram bounds what repetitions may come to when they are written out.
const maxProgram = 1 << 18

// generator writes a program from its end: each part knows what comes behind it.
type generator struct {
	prog     []inst
	referred [10]bool
	full     bool
}

func generate(tree *node, referred [10]bool) (*Regexp, error) {
	g := generator{referred: referred}
	g.emit(inst{code: iMatch})
	start := g.tree(tree, 0)
	if g.full {
		return nil, errSpace
	}
	re := &Regexp{prog: append(g.prog, inst{code: iSplit, next: start, other: start})}
	for _, used := range referred {
		if used {
			re.refs = true
		}
	}
	return re, nil
}

func (g *generator) emit(i inst) int {
	if len(g.prog) >= maxProgram {
		g.full = true
		return 0
	}
	g.prog = append(g.prog, i)
	return len(g.prog) - 1
}

// tree writes a part, and returns where it begins.
func (g *generator) tree(n *node, next int) int {
	if n == nil || g.full {
		return next
	}
	switch n.op {
	case opSet:
		return g.emit(inst{code: iByte, set: n.set, next: next})
	case opAnchor:
		return g.emit(inst{code: iAnchor, anchor: n.anchor, next: next})
	case opRef:
		return g.emit(inst{code: iRef, group: n.group, next: next})
	case opGroup:
		return g.group(n, next)
	case opEither:
		return g.emit(inst{code: iSplit, next: g.tree(n.left, next), other: g.tree(n.right, next)})
	case opRepeat:
		return g.repeat(n, next)
	}
	return g.sequence(n, next)
}

// sequence goes along the left side in a loop: that is where a long pattern is deep.
func (g *generator) sequence(n *node, next int) int {
	for ; n.op == opSequence; n = n.left {
		next = g.tree(n.right, next)
	}
	return g.tree(n, next)
}

func (g *generator) group(n *node, next int) int {
	if n.group >= len(g.referred) || !g.referred[n.group] {
		return g.tree(n.left, next)
	}
	closing := g.emit(inst{code: iClose, group: n.group, next: next})
	return g.emit(inst{code: iOpen, group: n.group, next: g.tree(n.left, closing)})
}

func (g *generator) repeat(n *node, next int) int {
	if n.most < 0 {
		next = g.star(n.left, next)
	}
	for range n.most - n.least { // x{,3} is (x(x(x)?)?)?
		if g.full {
			return 0
		}
		next = g.emit(inst{code: iSplit, next: g.tree(n.left, next), other: next})
	}
	for range n.least {
		if g.full {
			return 0
		}
		next = g.tree(n.left, next)
	}
	return next
}

func (g *generator) star(n *node, next int) int {
	loop := g.emit(inst{code: iSplit, other: next})
	first := g.tree(n, loop)
	if !g.full {
		g.prog[loop].next = first
	}
	return loop
}
