package ere

// maxSteps bounds the search for a match with back references.
const maxSteps = 1 << 18

// place is all that the rest of a search depends on.
type place struct {
	pc, at int32
	first  bool // nothing has been matched yet
	passed bool // a $ before a newline
	spans  [9]span
}

// span is what a group has matched, with 1 added to both ends; 0 is one that has not begun or not ended.
type span struct{ from, to int32 }

// search tries all ways to match, each place once.
func (re *Regexp) search(text string) bool {
	s := searcher{re: re, text: text, seen: map[place]struct{}{}}
	for at := range len(text) + 1 {
		if s.run(place{pc: int32(len(re.prog) - 1), at: int32(at), first: true}) {
			return true
		}
	}
	return false
}

type searcher struct {
	re    *Regexp
	text  string
	seen  map[place]struct{}
	stack []place
}

func (s *searcher) run(p place) bool {
	s.stack = append(s.stack[:0], p)
	for len(s.stack) > 0 {
		p, s.stack = s.stack[len(s.stack)-1], s.stack[:len(s.stack)-1]
		if _, seen := s.seen[p]; seen {
			continue
		}
		if len(s.seen) >= maxSteps {
			return false
		}
		s.seen[p] = struct{}{}
		i := &s.re.prog[p.pc]
		if i.code == iMatch && !p.passed {
			return true
		}
		s.step(p, i)
	}
	return false
}

// step puts what comes after an instruction on the stack.
func (s *searcher) step(p place, i *inst) {
	at := p.at
	p.pc = int32(i.next)
	switch i.code {
	case iByte:
		if int(at) == len(s.text) || !i.set.has(s.text[at]) {
			return
		}
		p.at++
		p.first, p.passed = false, false
	case iSplit:
		other := p
		other.pc = int32(i.other)
		s.stack = append(s.stack, other)
	case iAnchor:
		good, before := i.anchor.holds(s.text, int(at), p.first)
		if !good {
			return
		}
		p.passed = p.passed || before
	case iOpen:
		p.spans[i.group-1] = span{from: at + 1}
	case iClose:
		p.spans[i.group-1].to = at + 1
	case iMatch:
		return
	case iRef:
		group := p.spans[i.group-1]
		if group.to == 0 {
			return
		}
		was := s.text[group.from-1 : group.to-1]
		if len(s.text)-int(at) < len(was) || s.text[at:int(at)+len(was)] != was {
			return
		}
		if p.at += int32(len(was)); was != "" {
			p.first, p.passed = false, false
		}
	}
	s.stack = append(s.stack, p)
}
