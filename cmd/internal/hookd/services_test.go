package hookd

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestR12SystemdThatDoesNotAnswer is no reason to run services ourselves: its units are there still.
func TestR12SystemdThatDoesNotAnswer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may ask systemd at all")
	}
	for err, elsewhere := range map[error]bool{
		syscall.ENOENT: true, syscall.ECONNREFUSED: true, syscall.EACCES: true,
		os.ErrDeadlineExceeded: false, io.EOF: false, syscall.ECONNRESET: false,
	} {
		err := fmt.Errorf("connect to systemd: %w", &net.OpError{Op: "dial", Err: err})
		if isElsewhere(err) != elsewhere {
			t.Errorf("%s: %v", err, !elsewhere)
		}
	}
}

// TestUnitPrefixes of two hookds never meet: who found units of the other would stop them.
func TestUnitPrefixes(t *testing.T) {
	states := []string{"/run/hookd", "/srv/a/hookd", "/srv/b/hookd", "/srv/b/hookd-x", "/srv/with blank@", "relative"}
	for i, a := range states {
		for j, b := range states {
			if i != j && strings.HasPrefix(unitPrefix(a), unitPrefix(b)) {
				t.Errorf("%s has units of %s", b, a)
			}
		}
		if p := unitPrefix(a); strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
			t.Errorf("%s: %q is no beginning of a unit's name", a, p)
		}
	}
	if a, b := unitPrefix("/run/hookd"), unitPrefix("/run/../run//hookd/"); a != "hookd-" || a != b {
		t.Errorf("%q and %q", a, b)
	}
}
