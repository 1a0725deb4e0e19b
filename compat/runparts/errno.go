package runparts

import (
	"strconv"
	"syscall"
)

// errorText is what glibc says: Go has the same texts, but for a capital letter at the beginning and for no text at all.
func errorText(err error) string {
	no, isErrno := err.(syscall.Errno)
	if !isErrno {
		return "Invalid argument" // Go refuses a NUL in a string before it asks the kernel
	}
	text := no.Error()
	if text == "errno "+strconv.Itoa(int(no)) {
		return "Unknown error " + strconv.Itoa(int(no))
	}
	if len(text) > 1 && text[0] >= 'a' && text[0] <= 'z' {
		text = string(text[0]-'a'+'A') + text[1:]
	}
	return text
}
