package hookd

import (
	"strings"
	"testing"
)

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
