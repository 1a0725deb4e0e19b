package oldworld

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// invocations is everything that ifupdown does with its directories.
var invocations = []string{
	"ifup rec0", "ifdown rec0", "ifup -v rec0", "ifdown -v rec0", "ifup --allow=hotplug rec0", "ifup rec0", "ifdown rec0",
	"ifup -a", "ifup -a", "ifdown -a -v", "ifup --no-scripts rec0", "ifdown --force rec0", "ifup rec0=other", "ifdown rec0",
	"ifup -o foo=bar --ignore-errors rec0", "ifdown rec0", "ifup -n rec0", "ifup nosuch",
}

// failing are those with a script that fails, in each directory.
var failing = []string{"ifup rec0", "ifdown rec0", "ifup -a", "ifdown -a", "ifup --ignore-errors rec0", "ifdown --force rec0"}

// TestEqualLinks runs it all before an adoption by links, after it, without hookd, and after it was taken back. What a script was
// given, what was said, and how it ended is the same.
func TestEqualLinks(t *testing.T) {
	equal(t, "hookctl adopt --links ifupdown")
}

func equal(t *testing.T, adopt string) {
	o := recording(t, "")
	before := o.all()
	if n := strings.Count(strings.Join(before, ""), "script /etc"); n < 100 {
		t.Errorf("ifupdown runs %d scripts", n)
	}
	for _, step := range []string{adopt, "systemctl stop hookd.service", "hookctl adopt --undo ifupdown"} {
		o.Shell(step)
		for i, now := range o.all() {
			if diff := cmp.Diff(lines(before[i]), lines(now)); diff != "" {
				t.Fatalf("after %s:\n%s", step, diff)
			}
		}
	}
}

// all are the records of everything.
func (o *old) all() []string {
	o.t.Helper()
	var out []string
	for _, line := range invocations {
		out = append(out, o.records(line))
	}
	for _, dir := range []string{"pre-up", "up", "down", "post-down"} {
		script := "/etc/network/if-" + dir + ".d/mm-fails"
		o.put(script, "#!/bin/sh\nexit 7\n")
		for _, line := range failing {
			out = append(out, "with "+script+" "+o.records(line))
		}
		o.Shell("rm " + script + "; ifdown --force rec0; ifup lo")
	}
	return out
}
