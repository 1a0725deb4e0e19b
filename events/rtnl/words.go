package rtnl

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// scopes are the words of ip-address(8) for how far an address reaches.
var scopes = [...]string{
	unix.RT_SCOPE_UNIVERSE: "global",
	unix.RT_SCOPE_SITE:     "site",
	unix.RT_SCOPE_LINK:     "link",
	unix.RT_SCOPE_HOST:     "host",
}

// word is the word for a number of the kernel, or the number itself where there is none.
func word(words []string, n uint8) string {
	if int(n) < len(words) && words[n] != "" {
		return words[n]
	}
	return strconv.Itoa(int(n))
}

// parseWord is the way back from word.
func parseWord(words []string, s string) (uint8, bool) {
	if i := slices.Index(words, s); i >= 0 && s != "" {
		return uint8(i), true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err == nil
}
