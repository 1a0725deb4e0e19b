package ere

// Error is why an expression is none, numbered as in regcomp(3).
type Error int

// The errors that glibc gives for expressions.
const (
	errPattern  Error = 2
	errCollate  Error = 3
	errClass    Error = 4
	errEscape   Error = 5
	errRef      Error = 6
	errBracket  Error = 7
	errParen    Error = 8
	errBrace    Error = 9
	errInterval Error = 10
	errRange    Error = 11
	errSpace    Error = 12
	errRepeat   Error = 13
	errSize     Error = 15
)

// Error is glibc's text.
func (e Error) Error() string {
	switch e {
	case errPattern:
		return "Invalid regular expression"
	case errCollate:
		return "Invalid collation character"
	case errClass:
		return "Invalid character class name"
	case errEscape:
		return "Trailing backslash"
	case errRef:
		return "Invalid back reference"
	case errBracket:
		return "Unmatched [, [^, [:, [., or [="
	case errParen:
		return `Unmatched ( or \(`
	case errBrace:
		return `Unmatched \{`
	case errInterval:
		return `Invalid content of \{\}`
	case errRange:
		return "Invalid range end"
	case errSpace:
		return "Memory exhausted"
	case errRepeat:
		return "Invalid preceding regular expression"
	}
	return "Regular expression too big"
}
