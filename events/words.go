package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// unknownError is a name that means nothing, with the nearest one that does.
type unknownError struct {
	What, Name string
	Of         string // what it would have to be part of
	Near       string // empty when nothing is near
	Note       string
}

func (e *unknownError) Error() string { return hinted(e.message(), e.hint()) }

func (e *unknownError) message() string {
	if e.Of != "" {
		return fmt.Sprintf("%s has no %s %s", e.Of, e.What, Show(e.Name))
	}
	return fmt.Sprintf("unknown %s %s", e.What, Show(e.Name))
}

func (e *unknownError) hint() string {
	if e.Note != "" {
		return e.Note
	}
	return DidYouMean(e.Near)
}

// DidYouMean is the hint that offers a name; empty for none.
func DidYouMean(near string) string {
	if near == "" {
		return ""
	}
	return "did you mean " + near + "?"
}

// Nearest returns the name that a mistyped word most likely meant: the one with the fewest edits, at most a third of its
// letters and one more. Empty when none is near.
func Nearest(word string, names []string) string {
	best, bestDist := "", 0
	for _, name := range names {
		d := distance(word, name)
		if d <= len(name)/3+1 && d < len(name) && (best == "" || d < bestDist) {
			best, bestDist = name, d
		}
	}
	return best
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Show writes bytes for people: as they are when every character is printable and there is no space or quote, else
// quoted and escaped as in Go. Whatever reaches a terminal or a log goes through it (failures: S17).
func Show(s string) string {
	for _, r := range s {
		if r == '"' || r == '\\' || r == '\'' || r == ' ' || r == utf8.RuneError || !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// Bytes is a value in JSON: a string, or {"base64": …} when it is no UTF-8.
type Bytes string

// MarshalJSON implements json.Marshaler.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(b)) {
		return plainJSON(string(b))
	}
	return json.Marshal(map[string][]byte{"base64": []byte(b)})
}

// plainJSON encodes without the escapes for HTML.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*b = Bytes(text)
		return nil
	}
	var raw struct {
		Base64 *[]byte `json:"base64"`
	}
	if err := json.Unmarshal(data, &raw); err != nil || raw.Base64 == nil {
		return fmt.Errorf("a value is a string or {\"base64\": …}")
	}
	*b = Bytes(*raw.Base64)
	return nil
}

// AllBytes are several values in JSON.
func AllBytes(list []string) []Bytes {
	out := make([]Bytes, len(list))
	for i, s := range list {
		out[i] = Bytes(s)
	}
	return out
}

// AllStrings are they again.
func AllStrings(list []Bytes) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}

func sortedKeys(m map[string]Bytes) []string { return slices.Sorted(maps.Keys(m)) }
