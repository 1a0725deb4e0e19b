package hookspec

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"hookd/events"
	"hookd/internal/unitfile"
)

// The readers here turn a value of [Service] into exactly the type that its property has on the bus.

func choice(words ...string) reader {
	return func(p *parser, v unitfile.Value, _ any) (any, string, bool) {
		word, ok := enum(words...)(p, v)
		return word, word, ok
	}
}

func boolean(p *parser, v unitfile.Value, _ any) (any, string, bool) {
	b, ok := p.boolean(v)
	return b, yesNo(b), ok
}

// choiceOrBool is a property that was a yes or no once and has further words since.
func choiceOrBool(words ...string) reader {
	return func(p *parser, v unitfile.Value, _ any) (any, string, bool) {
		switch strings.ToLower(v.Text) {
		case "1", "yes", "y", "true", "t", "on", "0", "no", "n", "false", "f", "off":
			b, _ := p.boolean(v)
			return yesNo(b), yesNo(b), true
		}
		return choice(append([]string{"yes", "no"}, words...)...)(p, v, nil)
	}
}

// What a time span can be besides a time.
const (
	spanInfinity = 1 << iota
	spanPositive // nothing is no time: who means no limit says so
)

// span is a time in microseconds.
func span(kind int) reader {
	return func(p *parser, v unitfile.Value, _ any) (any, string, bool) {
		if v.Text == "infinity" && kind&spanInfinity != 0 {
			return uint64(math.MaxUint64), v.Text, true
		}
		d, ok := p.duration(v)
		if ok && d == 0 && kind&spanPositive != 0 {
			p.at(v, 0, "write infinity for no limit", "a time limit of nothing")
			return nil, "", false
		}
		return uint64(d / time.Microsecond), formatDuration(d), ok
	}
}

func asInt32(n int64) any  { return int32(n) }
func asUint32(n int64) any { return uint32(n) }
func asUint64(n int64) any { return uint64(n) }

func number(from, to int64, as func(int64) any) reader {
	return func(p *parser, v unitfile.Value, _ any) (any, string, bool) {
		n, err := strconv.ParseInt(v.Text, 10, 64)
		if err != nil || n < from || n > to {
			p.at(v, 0, "", "%s is no number from %d to %d", events.Show(v.Text), from, to)
			return nil, "", false
		}
		return as(n), strconv.FormatInt(n, 10), true
	}
}

func numberOrInfinity(p *parser, v unitfile.Value, had any) (any, string, bool) {
	if v.Text == "infinity" {
		return uint64(math.MaxUint64), v.Text, true
	}
	return number(1, 1<<40, asUint64)(p, v, had)
}

func octal(p *parser, v unitfile.Value, _ any) (any, string, bool) {
	n, err := strconv.ParseUint(v.Text, 8, 32)
	if err != nil || n > 0o7777 {
		p.at(v, 0, "write it in octal digits, 0022", "%s is no mode", events.Show(v.Text))
		return nil, "", false
	}
	text := strconv.FormatUint(n, 8)
	return uint32(n), strings.Repeat("0", max(0, 4-len(text))) + text, true
}

const sizeUnits = "KMGTPE"

// size is a number of bytes, with the factors of 1024 that systemd takes, or infinity.
func size(least uint64) reader {
	return func(p *parser, v unitfile.Value, _ any) (any, string, bool) {
		if v.Text == "infinity" {
			return uint64(math.MaxUint64), v.Text, true
		}
		n, ok := parseSize(v.Text)
		if !ok || n < least {
			p.at(v, 0, "write 256M or 2G, or infinity for no limit", "%s is no number of bytes", events.Show(v.Text))
			return nil, "", false
		}
		return n, formatSize(n), true
	}
}

func parseSize(text string) (uint64, bool) {
	digits, factor := strings.TrimSuffix(text, "B"), 1.0
	if i := strings.IndexAny(digits, sizeUnits); i >= 0 && i == len(digits)-1 {
		factor = math.Pow(1024, float64(1+strings.IndexByte(sizeUnits, digits[i])))
		digits = digits[:i]
	}
	digits = strings.TrimSpace(digits)
	n, err := strconv.ParseFloat(digits, 64)
	ok := err == nil && strings.Trim(digits, "0123456789.") == "" && n*factor < math.MaxInt64
	if !ok {
		return 0, false
	}
	return uint64(n * factor), true
}

func formatSize(n uint64) string {
	unit := 0
	for n > 0 && n%1024 == 0 && unit < len(sizeUnits) {
		n, unit = n/1024, unit+1
	}
	return strconv.FormatUint(n, 10) + strings.TrimSpace((" " + sizeUnits)[unit:unit+1])
}

// quota is a share of one CPU, in microseconds of a second.
func quota(p *parser, v unitfile.Value, _ any) (any, string, bool) {
	digits, percent := strings.CutSuffix(v.Text, "%")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !percent || err != nil || n == 0 {
		p.at(v, 0, "write 20%, or 200% for two CPUs", "%s is no share of a CPU", events.Show(v.Text))
		return nil, "", false
	}
	return n * 10000, strconv.FormatUint(n, 10) + "%", true
}

// softAndHard are the two limits of setrlimit(2).
type softAndHard struct{ soft, hard uint64 }

// softHard reads soft:hard, or one value for both.
func softHard(read reader) reader {
	each := func(p *parser, v unitfile.Value) (uint64, string, bool) {
		if v.Text == "infinity" {
			return math.MaxUint64, v.Text, true
		}
		n, text, ok := read(p, v, nil)
		bytes, _ := n.(uint64)
		return bytes, text, ok
	}
	return func(p *parser, v unitfile.Value, _ any) (any, string, bool) {
		soft, hard, two := strings.Cut(v.Text, ":")
		if !two {
			n, text, ok := each(p, v)
			return softAndHard{n, n}, text, ok
		}
		s, softText, ok := each(p, v.Part(0, len(soft)))
		h, hardText, hardOK := each(p, v.Part(len(soft)+1, len(soft)+1+len(hard)))
		if ok && hardOK && s > h {
			p.at(v, 0, "write soft:hard", "the soft limit is above the hard one")
			ok = false
		}
		text := softText + ":" + hardText
		if s == h {
			text = softText
		}
		return softAndHard{s, h}, text, ok && hardOK
	}
}

// paths are absolute ones, with the - and + that systemd takes before them.
func paths(p *parser, v unitfile.Value, had any) (any, string, bool) {
	return listOf(p, v, had, func(word string) string {
		bare := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "+")
		if !strings.HasPrefix(bare, "/") || slices.Contains(strings.Split(bare, "/"), "..") {
			return events.Show(word) + " is no absolute path"
		}
		return ""
	})
}

// relatives are names of directories below one that systemd knows.
func relatives(p *parser, v unitfile.Value, had any) (any, string, bool) {
	return listOf(p, v, had, notRelative)
}

func notRelative(word string) string {
	if word == "" || path.IsAbs(word) || path.Clean(word) != word || word == "." || strings.HasPrefix(word, "..") || strings.Contains(word, ":") {
		return events.Show(word) + " is no plain relative path"
	}
	return ""
}

// runtimes are relatives below /run, but for hookd's own: systemd gives them to the user of the service, and takes them away
// with it.
func runtimes(p *parser, v unitfile.Value, had any) (any, string, bool) {
	return listOf(p, v, had, func(word string) string {
		if first, _, _ := strings.Cut(word, "/"); first == "hookd" {
			return "/run/hookd is hookd's own"
		}
		return notRelative(word)
	})
}

func listOf(p *parser, v unitfile.Value, had any, wrong func(string) string) (any, string, bool) {
	words, ok := p.split(v, unitfile.Split)
	list, _ := had.([]string)
	list = slices.Clone(list)
	for _, w := range words {
		why := wrong(w.Text)
		if i := strings.Index(w.Text, "%"); why == "" && i >= 0 {
			why = "a percent sign: there are no parameters in [Service]"
		}
		if why != "" {
			p.at(v, w.Off, "", "%s", why)
			return nil, "", false
		}
		if !slices.Contains(list, w.Text) {
			list = append(list, w.Text)
		}
	}
	return list, strings.Join(oneLine(list), ""), ok
}
