package oldworld

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// pid is where the number of a process stands in the records.
var pid = regexp.MustCompile(`PPPD_PID=\d+|NSsid:\s+\d+`)

// asPppd starts a script as pppd(8) does: with nothing in its environment but what pppd puts there, six arguments, the last of
// them empty, in /, with its umask, and no streams.
func asPppd(script string) string {
	return "cd /; umask 077; env -i IFNAME=ppp0 DEVICE=/dev/ttyS1 SPEED=115200 IPLOCAL=192.0.2.1 IPREMOTE=192.0.2.2 PPPD_PID=$$ " +
		`PEERNAME='$(touch /run/pwned)' USEPEERDNS=1 DNS1=192.0.2.53 setsid --wait /etc/ppp/` + script +
		" ppp0 /dev/ttyS1 115200 192.0.2.1 192.0.2.2 '' </dev/null >/dev/null 2>&1"
}

// pppScripts are what pppd runs and Debian has directories for.
var pppScripts = []string{"ip-pre-up", "ip-up", "ip-down", "ipv6-up", "ipv6-down"}

// TestPPP adopts ppp, in both ways. The kernel of the tests need not have it: pppd's part is played as it was recorded.
func TestPPP(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.put("/run/recorder", recorder)
	o.Shell(`for dir in ip-pre-up ip-up ip-down ipv6-up ipv6-down; do
	rm -f /etc/ppp/$dir.d/*
	cp /run/recorder /etc/ppp/$dir.d/aa-first
	cp /run/recorder /etc/ppp/$dir.d/zz-last
done`)
	all := func() (out []string) {
		for _, script := range pppScripts {
			out = append(out, pid.ReplaceAllString(o.records(asPppd(script)), ""))
		}
		return out
	}
	before := all()
	if n := strings.Count(strings.Join(before, ""), "argument ''"); n != 10 {
		t.Errorf("%d scripts of 10 got an empty argument:\n%s", n, before[0])
	}
	for _, adopt := range []string{"hookctl adopt ppp", "hookctl adopt --links ppp"} {
		o.Shell(adopt)
		if diff := cmp.Diff(before, all()); diff != "" {
			t.Errorf("after %s:\n%s", adopt, diff)
		}
		o.hook("told", "On=ppp.*", `echo "$HOOK_EVENT $EVENT_INTERFACE $EVENT_LOCAL '$EVENT_IPPARAM' $EVENT_PEERNAME" >>/run/told`)
		o.hook("fails", "On=ppp.*\nFailure=abort", "exit 3")
		o.reload()
		for _, script := range pppScripts {
			o.expect(asPppd(script), false, "ppp."+script+" ppp0 192.0.2.1 '' $(touch /run/pwned)")
		}
		o.Shell("rm /etc/hookd/hooks.d/*; hookctl reload; hookctl adopt --undo ppp")
	}
	if _, err := o.Try("test", "-e", "/run/pwned"); err == nil {
		t.Error("a value was executed")
	}
}
