package hookd

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
)

// newLog writes lines of text to w. slog quotes values with control bytes or bytes that are no UTF-8, all but DEL, which
// is escaped here (failures: S17). The journal adds the time itself.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	journal := os.Getenv("JOURNAL_STREAM") != ""
	replace := func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case journal && len(groups) == 0 && a.Key == slog.TimeKey:
			return slog.Attr{}
		case a.Value.Kind() == slog.KindString && strings.Contains(a.Value.String(), "\x7f"):
			a.Value = slog.StringValue(strings.ReplaceAll(a.Value.String(), "\x7f", `\x7f`))
		}
		return a
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: replace}))
}

// logQueue takes lines of the log and writes them in a goroutine of its own, so that a reader who does not read holds
// nobody up. When the queue is full lines are dropped, and counted in the log.
type logQueue struct {
	lines   chan []byte
	dropped int // lines since the last note
	done    chan struct{}
}

func newLogQueue(w io.Writer) *logQueue {
	q := &logQueue{lines: make(chan []byte, 4096), done: make(chan struct{})}
	go q.run(w) // until close
	return q
}

func (q *logQueue) run(w io.Writer) {
	defer close(q.done)
	for line := range q.lines {
		w.Write(line)
	}
}

// Write implements io.Writer; slog calls it with one line at a time, and never twice at once.
func (q *logQueue) Write(line []byte) (int, error) {
	if q.dropped > 0 && q.put(fmt.Appendf(nil, "level=WARN msg=\"the log was not read: lines are missing here\" lines=%d\n", q.dropped)) {
		q.dropped = 0
	}
	if q.dropped > 0 || !q.put(append([]byte(nil), line...)) {
		q.dropped++
	}
	return len(line), nil
}

// put queues a line; false when there is no room.
func (q *logQueue) put(line []byte) bool {
	select {
	case q.lines <- line:
		return true
	default:
		return false
	}
}

// close writes what is left, as far as somebody reads within a second. Nobody may write any more.
func (q *logQueue) close() {
	close(q.lines)
	select {
	case <-q.done:
	case <-time.After(time.Second):
	}
}
