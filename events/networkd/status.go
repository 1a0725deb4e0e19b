package networkd

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of asking networkctl(1).
const (
	askLimit = time.Second      // for one answer
	askPause = 30 * time.Second // after one that did not come in time
	askMany  = 64               // interfaces at a time
	askTries = 16               // for so many interfaces; of the others the kernel says what there is
	maxSaid  = 4 << 20          // bytes that are read of an answer
)

// status asks networkctl about interfaces.
type status struct {
	program string
	again   time.Time // not before
}

// ask returns what networkctl says of interfaces, by index; nothing of one that it does not know. Interfaces go by index, as
// names would be patterns.
func (s *status) ask(ctx context.Context, indexes []int, now time.Time) map[int]fields {
	out := map[int]fields{}
	for some := range slices.Chunk(indexes, askMany) {
		tries, before := askTries, len(out)
		if s.halve(ctx, some, now, &tries, out); tries == 0 && len(out) == before { // it knows nothing: networkd does not run
			s.again = time.Now().Add(askPause)
		}
	}
	return out
}

// halve asks again about each half when the answer about all is not to be had: one interface that is gone fails it as a whole.
func (s *status) halve(ctx context.Context, some []int, now time.Time, tries *int, out map[int]fields) {
	if s.program == "" || *tries == 0 || len(some) == 0 || now.Before(s.again) {
		return
	}
	*tries--
	if answer, ok := s.run(ctx, some); ok {
		for _, index := range some {
			out[index] = answer[index]
		}
	} else if half := len(some) / 2; half > 0 {
		s.halve(ctx, some[:half], now, tries, out)
		s.halve(ctx, some[half:], now, tries, out)
	}
}

// run runs networkctl once. False: what it wrote is not about all of them, or not to be believed.
func (s *status) run(ctx context.Context, indexes []int) (map[int]fields, bool) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	args := []string{"status", "--no-pager", "--no-legend", "--lines=0", "--"}
	for _, index := range indexes {
		args = append(args, strconv.Itoa(index))
	}
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	cmd.WaitDelay = 100 * time.Millisecond
	text := &bounded{left: maxSaid}
	cmd.Stdout = text
	err := cmd.Run()
	if ctx.Err() != nil {
		s.again = time.Now().Add(askPause)
	}
	if err != nil {
		return nil, false
	}
	return parseStatus(text.String(), indexes)
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}

// fields are what networkctl says of one interface, in the order of its lines.
type fields map[string][]string

// parseStatus takes an answer of networkctl status apart. Each interface begins with a line of a mark, its index and its name;
// the other lines are indented. Alternative names may hold line ends, so that a part may be forged: then two begin with the
// same index, or their indexes do not ascend, and nothing of it is believed.
func parseStatus(text string, indexes []int) (map[int]fields, bool) {
	out := map[int]fields{}
	last, key := 0, ""
	var now fields
	for line := range strings.SplitSeq(text, "\n") {
		if index, begins := headOf(line); begins {
			if index <= last {
				return nil, false
			}
			last, key, now = index, "", fields{}
			out[index] = now
			continue
		}
		key = now.take(line, key)
	}
	for _, index := range indexes {
		if _, there := out[index]; !there {
			return nil, false
		}
	}
	return out, true
}

// headOf reads "● 3: eth0".
func headOf(line string) (int, bool) {
	mark, rest, found := strings.Cut(line, " ")
	number, _, colon := strings.Cut(strings.TrimLeft(rest, " "), ": ")
	index, err := strconv.Atoi(number)
	return index, found && mark != "" && colon && err == nil && index > 0
}

// take reads "Key: value", or another value of the key before, as networkd-dispatcher does. It returns the key.
func (f fields) take(line, before string) string {
	name, value, found := strings.Cut(line, ": ")
	if name = strings.TrimSpace(name); !found {
		name, value = before, line
	}
	if value = strings.TrimSpace(value); value == "" || f == nil || name == "" {
		return before
	}
	if at := strings.Index(value, " (DHCP4"); name == "Address" && at >= 0 && strings.HasSuffix(value, ")") {
		value = value[:at]
	}
	f[name] = append(f[name], value)
	return name
}
