package runparts

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"
)

// json is a line about a script. It is written by hand: encoding/json would make every start slower.
func (o *Outcome) json() string {
	text := `{"path":` + quote(o.Path) + `,"status":`
	if o.Signal != 0 {
		text += `null,"signal":` + strconv.Itoa(o.Signal)
	} else {
		text += strconv.Itoa(o.Status) + `,"signal":null`
	}
	if o.Error != "" {
		text += `,"error":` + quote(o.Error)
	}
	if o.Timeout {
		text += `,"timeout":true`
	}
	seconds := strconv.FormatFloat(o.Duration.Round(time.Microsecond).Seconds(), 'f', 6, 64)
	return text + `,"seconds":` + seconds + `,"bytes":` + strconv.FormatInt(o.Bytes, 10) + "}\n"
}

// quote makes a JSON string, or an object with what is no UTF-8.
func quote(s string) string {
	if !utf8.ValidString(s) {
		return `{"base64":"` + base64.StdEncoding.EncodeToString([]byte(s)) + `"}`
	}
	text := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			text = append(text, '\\', c)
		case c < ' ' || c == 0x7f:
			const digits = "0123456789abcdef"
			text = append(text, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			text = append(text, c)
		}
	}
	return string(append(text, '"'))
}
