package ere

// states is a set of instructions in the order in which they came.
type states struct {
	dense  []int32
	sparse []int32
}

func newStates(n int) *states { return &states{sparse: make([]int32, n)} }

func (s *states) add(pc int) bool {
	at := s.sparse[pc]
	if int(at) < len(s.dense) && s.dense[at] == int32(pc) {
		return false
	}
	s.sparse[pc] = int32(len(s.dense))
	s.dense = append(s.dense, int32(pc))
	return true
}

// A state is an instruction, with the length of the program added where a $ has been passed before a newline: then the newline
// must still be matched; see holds.

// simulate goes through a text once, in all states at a time. A match may begin anywhere: those that began earlier may do
// more than the one that begins, so they come first.
func (re *Regexp) simulate(text string) bool {
	now, then := newStates(2*len(re.prog)), newStates(2*len(re.prog))
	var stack []int
	for at := 0; ; at++ {
		if stack = re.follow(now, stack[:0], len(re.prog)-1, text, at, true); re.matched(now) {
			return true
		}
		if at == len(text) {
			return false
		}
		then.dense = then.dense[:0]
		for _, state := range now.dense {
			if i := &re.prog[int(state)%len(re.prog)]; i.code == iByte && i.set.has(text[at]) {
				stack = re.follow(then, stack[:0], i.next, text, at+1, false)
			}
		}
		now, then = then, now
	}
}

// matched: the first instruction written is the match.
func (re *Regexp) matched(s *states) bool {
	at := s.sparse[0]
	return int(at) < len(s.dense) && s.dense[at] == 0
}

// follow adds a state and those that it leads to without a byte. At first says that the match begins here.
func (re *Regexp) follow(s *states, stack []int, state int, text string, at int, first bool) []int {
	stack = append(stack, state)
	for len(stack) > 0 {
		state, stack = stack[len(stack)-1], stack[:len(stack)-1]
		if !s.add(state) {
			continue
		}
		pc := state % len(re.prog)
		passed := state - pc
		switch i := &re.prog[pc]; i.code {
		case iSplit:
			stack = append(stack, i.other+passed, i.next+passed)
		case iAnchor:
			good, before := i.anchor.holds(text, at, first)
			if before {
				passed = len(re.prog)
			}
			if good {
				stack = append(stack, i.next+passed)
			}
		}
	}
	return stack
}

// holds says whether a place is the one. Like glibc, which was told nothing of lines, it still takes ^ for true behind a newline
// that the match itself has gone over, and $ before one that the match goes over next; for the latter before is true.
func (a anchor) holds(text string, at int, first bool) (good, before bool) {
	word := at > 0 && isWord(text[at-1])
	next := at < len(text) && isWord(text[at])
	switch a {
	case atLineStart:
		return at == 0 || !first && text[at-1] == '\n', false
	case atLineEnd:
		before = at < len(text) && text[at] == '\n'
		return at == len(text) || before, before
	case atTextStart:
		return at == 0, false
	case atTextEnd:
		return at == len(text), false
	case atWordStart:
		return !word && next, false
	case atWordEnd:
		return word && !next, false
	case atWordEdge:
		return word != next, false
	}
	return word == next, false
}
