package hookd

import (
	"fmt"
	"strings"
	"testing"
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
	}
	fmt.Fprintln(q, "last")
	q.close()
	got := strings.Split(strings.TrimSpace(w.b.String()), "\n")
	note := got[len(got)-2]
	missing := lines - (len(got) - 2)
	if got[len(got)-1] != "last" || !strings.HasSuffix(note, fmt.Sprintf("lines=%d", missing)) || missing == 0 {
		t.Errorf("%d lines, the last ones %q", len(got), got[len(got)-3:])
	}
}
