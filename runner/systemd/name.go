package systemd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"hookd/runner"
)

// nameMax bounds our unit names. systemd takes 255 bytes, but a directory of drop-ins has a longer name, and that must be
// one that a file system takes as well.
const nameMax = 200

// unitName is the name of the unit of a service: PREFIX hook [@ instance] .service. Each byte that means something to
// systemd is written as \xNN. A name that would be too long ends in a hash; the second "@", which no other name has, says so.
func unitName(prefix string, id runner.ServiceID) string {
	name := prefix + escape(id.Hook)
	if id.Instance != "" {
		name += "@" + escape(id.Instance)
	}
	if len(name)+len(suffix) > nameMax {
		name = shorten(name, id)
	}
	return name + suffix
}

const suffix = ".service"

func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if isWord(c) || strings.IndexByte("-_.:", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func shorten(name string, id runner.ServiceID) string {
	sum := sha256.Sum256([]byte(id.Hook + "\x00" + id.Instance))
	tail := hex.EncodeToString(sum[:16])
	room := nameMax - len(suffix) - len("@@") - len(tail)
	short := wholeEscapes(name[:room])
	if strings.Contains(short, "@") {
		return short + "@" + tail
	}
	return short + "@@" + tail
}

// wholeEscapes drops a \xNN that was cut off at the end.
func wholeEscapes(name string) string {
	if i := strings.LastIndexByte(name, '\\'); i >= 0 && len(name)-i < len(`\xNN`) {
		return name[:i]
	}
	return name
}

// The journal fields that say what service a unit is. They are kept by systemd beside the unit, so that another hookd
// finds them, and the service itself does not see them.
const (
	fieldHook     = "HOOK_NAME="
	fieldInstance = "HOOK_INSTANCE="
)

// fields are the journal fields of a service. systemd 252 breaks values with a blank when it reads its own unit file
// again, and takes UTF-8 only; so other bytes are written as ~NN.
func fields(id runner.ServiceID) [][]byte {
	return [][]byte{[]byte(fieldHook + tilde(id.Hook)), []byte(fieldInstance + tilde(id.Instance))}
}

func tilde(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if isWord(c) || strings.IndexByte("-_.:@+,/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	return b.String()
}

func untilde(text string) (string, bool) {
	var b strings.Builder
	for {
		plain, rest, escaped := strings.Cut(text, "~")
		b.WriteString(plain)
		if !escaped {
			return b.String(), true
		}
		if len(rest) < 2 {
			return "", false
		}
		c, err := strconv.ParseUint(rest[:2], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(c))
		text = rest[2:]
	}
}

// readID is the service of a unit with these journal fields; false where it is none of ours.
func readID(fields [][]byte) (id runner.ServiceID, ok bool) {
	hook, instance := false, false
	for _, f := range fields {
		if v, found := strings.CutPrefix(string(f), fieldHook); found {
			id.Hook, hook = untilde(v)
		}
		if v, found := strings.CutPrefix(string(f), fieldInstance); found {
			id.Instance, instance = untilde(v)
		}
	}
	return id, hook && instance && id.Hook != ""
}
