package hookd

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slow is a reader of the log that does not read until it may.
type slow struct {
	may chan struct{}
	b   strings.Builder
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.may
	return s.b.Write(p)
}

// A log that nobody reads holds nobody up, and says where lines are missing and how many.
func TestLogQueue(t *testing.T) {
	w := &slow{may: make(chan struct{})}
	q := newLogQueue(w)
	const lines = 5000
	for i := range lines {
		fmt.Fprintf(q, "line %d\n", i)
	}
	close(w.may)
	for len(q.lines) > 0 {
		time.Sleep(time.Millisecond)
	}
	fmt.Fprintln(q, "last")
	q.close()
	got := strings.Split(strings.TrimSpace(w.b.String()), "\n")
	written, missing := 0, 0
	for _, l := range got {
		if strings.HasPrefix(l, "line ") {
			written++
		}
		if _, count, isNote := strings.Cut(l, "lines="); isNote {
			n, err := strconv.Atoi(count)
			if err != nil {
				t.Fatal(err)
			}
			missing += n
		}
	}
	if missing == 0 || written+missing != lines || got[len(got)-1] != "last" {
		t.Errorf("%d lines written, %d said to be missing, of %d; the last one is %q", written, missing, lines, got[len(got)-1])
	}
}
