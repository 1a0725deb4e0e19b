package runparts

import "strings"

// Takes says whether a name counts.
func (o *Options) Takes(name string) bool {
	good, _ := o.goodName(name)
	return good
}

// goodName says whether a name counts, and what is said about it with --debug.
func (o *Options) goodName(name string) (good bool, why string) {
	switch {
	case o.Regex != nil:
		good = o.Regex.Match(name)
		return good, "customre " + passed(good)
	case !o.LSB:
		good = isClassical(name)
		return good, "classicalre " + passed(good)
	case isHierarchical(name):
		good = !isLeftover(name)
		return good, "hierre pass, excsre " + passed(good)
	}
	good = isTraditional(name, o.Dialect.Old())
	return good, "tradre " + passed(good)
}

func passed(good bool) string {
	if good {
		return "pass"
	}
	return "fail"
}

// isClassical is ^[a-zA-Z0-9_-]+$.
func isClassical(name string) bool {
	return all(name, func(c byte) bool { return isLowDigit(c) || c >= 'A' && c <= 'Z' || c == '_' || c == '-' })
}

// isTraditional is ^[a-z0-9][a-z0-9_-]*$, before 5.10 without the underscore.
func isTraditional(name string, old bool) bool {
	return name != "" && isLowDigit(name[0]) &&
		all(name, func(c byte) bool { return isLowDigit(c) || c == '-' || c == '_' && !old })
}

// isHierarchical is ^_?([a-z0-9_.]+-)+[a-z0-9]+$.
func isHierarchical(name string) bool {
	last := strings.LastIndexByte(name, '-')
	if last < 0 || !all(name[last+1:], isLowDigit) {
		return false
	}
	for part := range strings.SplitSeq(name[:last], "-") {
		if !all(part, func(c byte) bool { return isLowDigit(c) || c == '_' || c == '.' }) {
			return false
		}
	}
	return true
}

// all says whether a name has bytes, and all of them are good.
func all(name string, good func(byte) bool) bool {
	for i := range len(name) {
		if !good(name[i]) {
			return false
		}
	}
	return name != ""
}

// isLeftover is ^[a-z0-9-].*\.dpkg-(old|dist|new|tmp)$.
func isLeftover(name string) bool {
	for _, end := range [...]string{".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-tmp"} {
		if strings.HasSuffix(name, end) && len(name) > len(end) {
			return isLowDigit(name[0]) || name[0] == '-'
		}
	}
	return false
}

func isLowDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
