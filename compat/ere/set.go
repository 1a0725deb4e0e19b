package ere

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

// invert leaves NUL out of nothing: [^a] matches it, and a text that comes from C never has one.
func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

func single(c byte) *set {
	s := new(set)
	s.add(c)
	return s
}

// matching is the set of bytes that a function is true for, or false.
func matching(is func(byte) bool, inverted bool) *set {
	s := new(set)
	for c := range 256 {
		if is(byte(c)) != inverted {
			s.add(byte(c))
		}
	}
	return s
}

func isWord(c byte) bool  { return isAlnum(c) || c == '_' }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }
func isAlpha(c byte) bool { return isUpper(c) || isLower(c) }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isCntrl(c byte) bool { return c < ' ' || c == 0x7f }
func isGraph(c byte) bool { return c > ' ' && c < 0x7f }
func isPrint(c byte) bool { return c >= ' ' && c < 0x7f }
func isPunct(c byte) bool { return isGraph(c) && !isAlnum(c) }
func isHex(c byte) bool   { return isDigit(c) || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f' }

// class is a class of the C locale by its name, nil if there is none.
func class(name string) func(byte) bool {
	switch name {
	case "alnum":
		return isAlnum
	case "alpha":
		return isAlpha
	case "blank":
		return isBlank
	case "cntrl":
		return isCntrl
	case "digit":
		return isDigit
	case "graph":
		return isGraph
	case "lower":
		return isLower
	case "print":
		return isPrint
	case "punct":
		return isPunct
	case "space":
		return isSpace
	case "upper":
		return isUpper
	case "xdigit":
		return isHex
	}
	return nil
}
