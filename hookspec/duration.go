package hookspec

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseSpan reads a time span as the keys do.
func ParseSpan(s string) (time.Duration, error) { return parseDuration(s) }

// parseDuration reads a time span as in systemd.time(7): numbers with units us, ms, s, min, h, d or w, added up; a bare
// number is seconds.
func parseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, fmt.Errorf("no time span")
	}
	total := 0.0
	for rest := s; rest != ""; rest = strings.TrimLeft(rest, " ") {
		n := numberLen(rest)
		number, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no time span", s)
		}
		rest = strings.TrimLeft(rest[n:], " ")
		u := unitLen(rest)
		unit, known := spanUnit(rest[:u])
		if !known {
			return 0, fmt.Errorf("%q is no unit of time", rest[:u])
		}
		total += number * float64(unit)
		rest = rest[u:]
	}
	if total > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is too long", s)
	}
	return time.Duration(math.Round(total/1e3)) * time.Microsecond, nil
}

func numberLen(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789."))
}

func unitLen(s string) int {
	return len(s) - len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz"))
}

func spanUnit(name string) (time.Duration, bool) {
	switch name {
	case "us", "usec":
		return time.Microsecond, true
	case "ms", "msec":
		return time.Millisecond, true
	case "", "s", "sec", "second", "seconds":
		return time.Second, true
	case "m", "min", "minute", "minutes":
		return time.Minute, true
	case "h", "hr", "hour", "hours":
		return time.Hour, true
	case "d", "day", "days":
		return 24 * time.Hour, true
	case "w", "week", "weeks":
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

// formatDuration writes a span so that parseDuration reads it back: whole microseconds in falling units.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	var parts []string
	for _, unit := range []string{"w", "d", "h", "min", "s", "ms", "us"} {
		size, _ := spanUnit(unit)
		if n := d / size; n > 0 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+unit)
			d -= n * size
		}
	}
	return strings.Join(parts, " ")
}
