package hookspec

import (
	"strings"
	"testing"
)

// describeSteps writes scripts as they are and hooks in parentheses.
func describeSteps(steps []Step) string {
	var words []string
	for _, s := range steps {
		if s.Hooks == nil {
			words = append(words, string(s.Script))
		} else {
			words = append(words, "("+strings.Join(s.Hooks, " ")+")")
		}
	}
	return strings.Join(words, " ")
}

func TestSteps(t *testing.T) {
	for _, test := range []struct{ name, hooks, event, scripts, want string }{
		{"no hook", "-- a --\n", "", "x y", ""},
		{"no script", "-- a --\n\n-- b --\nAfter=legacy:x\n-- c --\nBefore=b\n", "", "", "(a c b)"},
		{"as if the files lay together", "-- b --\n\n-- d --\n\n-- e --\n\n-- m --\n\n-- z --\n", "", "a c m x", "a (b) c (d e) m (m) x (z)"},
		{"names are bytes", "-- Z --\n\n-- a-b --\n\n-- a.b --\n", "", "B Y _ a a+b b", "B Y (Z) _ a a+b (a-b a.b) b"},
		{"scripts keep their order", "-- d --\n", "", "z c y a", "(d) z c y a"},
		{"after", "-- a --\nAfter=legacy:openvpn\n", "", "bridge openvpn postfix", "bridge openvpn (a) postfix"},
		{"before", "-- z --\nBefore=legacy:b\n", "", "a b c", "a (z) b c"},
		{"after several", "-- a --\nAfter=legacy:c legacy:b\n", "", "b c d", "b c (a) d"},
		{"after a glob", "-- a --\nAfter=legacy:open*\n", "", "openssh openvpn p", "openssh openvpn (a) p"},
		{"before a glob", "-- z --\nBefore=legacy:*\n", "", "a b", "(z) a b"},
		{"after all", "-- a --\nAfter=legacy:*\n", "", "a b", "a b (a)"},
		{"a glob of hooks means no script", "-- a --\nAfter=*\n-- k --\nBefore=b\n", "", "b c", "b c (k a)"},
		{"no such script", "-- a --\nAfter=legacy:none\nBefore=legacy:gone\n", "", "b", "(a) b"},
		{"between", "-- z --\nAfter=legacy:a\nBefore=legacy:b\n", "", "a b c", "a (z) b c"},
		{"impossible: after wins", "-- m --\nAfter=legacy:c\nBefore=legacy:a\n", "", "a b c d", "a b c d (m)"},
		{"of several the possible ones hold", "-- z --\nAfter=legacy:b\nBefore=legacy:a legacy:c\n", "", "a b c d", "a b (z) c d"},
		{"impossible through another hook", "-- a --\nAfter=legacy:b\n-- c --\nAfter=a\nBefore=legacy:a\n", "", "a b d", "a b (a c) d"},
		{"before pulls what comes before it along", "-- y --\n\n-- z --\nAfter=y\nBefore=legacy:b\n", "", "a b c", "a (y z) b c"},
		{"a hook after one after a script", "-- a --\nAfter=b\n-- b --\nAfter=legacy:m\n", "", "c m n", "c m (b a) n"},
		{"required", "-- a --\nRequires=b\n-- b --\nAfter=legacy:m\n", "", "c m n", "c m (b a) n"},
		{"going up Reverse does nothing", "-- a --\nAfter=legacy:b\nReverse=yes\n", "ifupdown.up", "b c", "b (a) c"},
		{"torn down it turns round", "-- a --\nAfter=legacy:b\nReverse=yes\n", "ifupdown.down", "a b c", "a (a) b c"},
		{"the other way too", "-- a --\nBefore=legacy:b\nReverse=yes\n", "ifupdown.down", "a b c", "a b (a) c"},
		{"without Reverse it stays", "-- a --\nAfter=legacy:b\n", "ifupdown.down", "a b c", "a b (a) c"},
		{"what settles is not of this run", "-- b --\n\n-- c --\nSettle=1s\n", "", "a d", "a (b) d"},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := setOf(t, strings.ReplaceAll(test.hooks, " --\n", " --\nOn=ifupdown.*\n"))
			if test.event == "" {
				test.event = "ifupdown.up"
			}
			plan := set.Plan(eventOf(t, test.event+" interface=eth0"))
			if test.name == "no hook" {
				plan = set.Plan(eventOf(t, "link.added interface=eth0"))
			}
			if got := describeSteps(set.Steps(plan, strings.Fields(test.scripts))); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// A hook that the set has cut out of a circle orders nothing, scripts neither.
func TestStepsOfACircle(t *testing.T) {
	set := setOf(t, "-- a --\nOn=ifupdown.up\nAfter=b\n-- b --\nOn=ifupdown.up\nAfter=a legacy:z\n")
	if got := describeSteps(set.Steps(set.Plan(eventOf(t, "ifupdown.up interface=eth0")), []string{"z"})); got != "(b a) z" {
		t.Error(got)
	}
}
