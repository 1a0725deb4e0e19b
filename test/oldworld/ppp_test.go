package oldworld

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hookd/internal/booted"
)

// asPppd starts a program as pppd(8) does, and says how it ends: with no environment but its own, in /, in a session of its own,
// umask 077, its standard descriptors /dev/null. pppd 2.4.9 starts it by its path, 2.5 by a descriptor.
const asPppd = `#!/usr/bin/perl
use POSIX;
my ($by, $program, @arguments) = @ARGV;
my $child = fork;
if (!$child) {
	%ENV = ();
	while (<STDIN>) { s/\n\z//; s/%0a/\n/g; my ($name, $value) = split /=/, $_, 2; $ENV{$name} = $value; }
	setsid; chdir "/"; umask 077;
	if ($by eq "descriptor") { $^F = 100; open SCRIPT, "<", $program or die; $by = "/dev/fd/" . fileno SCRIPT; } else { $by = $program; }
	my $null = POSIX::open("/dev/null", O_RDWR);
	POSIX::dup2($null, $_) for 0 .. 2;
	POSIX::close($null);
	exec { $by } $program, @arguments;
}
waitpid $child, 0;
print "ends with ", $? >> 8, "\n";
`

// link is what pppd 2.5 says of one. Values that a peer has chosen are hostile.
const link = `DEVICE=/dev/ttyS1
IFNAME=ppp0
UNIT=0
IPLOCAL=192.0.2.1
IPREMOTE=192.0.2.2
PEERNAME=$(touch /run/pwned)
SPEED=115200
ORIG_UID=0
PPPLOGNAME=root
PPPD_PID=123456
LINKNAME=() { :;}; touch /run/pwned
CALL_FILE=two%0alines
DNS1=192.0.2.53
DNS2=192.0.2.54
USEPEERDNS=1
MACREMOTE=02:00:00:00:00:09
ACNAME=a;b|c
`

// ended is what it says besides when the link was up.
const ended = link + "CONNECT_TIME=7\nBYTES_SENT=100\nBYTES_RCVD=4294967296\n"

// link6 is what it says of IPv6.
const link6 = "DEVICE=/dev/ttyS1\nIFNAME=ppp0\nLLLOCAL=fe80::1\nLLREMOTE=fe80::2\nSPEED=115200\nORIG_UID=0\nPPPD_PID=123456\n"

// ppp calls a program of /etc/ppp as pppd does. What was told is in /run/recorded and /run/told.
func (o *old) ppp(by, program, environ, ipparam string) string {
	o.t.Helper()
	local, remote := "192.0.2.1", "192.0.2.2"
	if strings.HasPrefix(program, "ipv6") {
		local, remote = "fe80::1", "fe80::2"
	}
	return fmt.Sprintf("/run/pppd %s /etc/ppp/%s ppp0 /dev/ttyS1 115200 %s %s %s <<'END'\n%sEND", by, program, local, remote, ipparam, environ)
}

// links is what happens to a link and around it.
func (o *old) links() []string {
	o.t.Helper()
	var out []string
	record := func(line string) {
		said := o.records(line + "\ncat /var/log/ppp-ipupdown.log 2>/dev/null; " + dns)
		out = append(out, quick.ReplaceAllString(said, "PPPD_PID="))
	}
	record(o.ppp("path", "ip-pre-up", link, `""`))
	record(o.ppp("path", "ip-up", link, `""`))
	record(o.ppp("path", "ip-down", ended, `'$(touch /run/pwned); "two  words"'`))
	record(o.ppp("path", "ipv6-up", link6, "x"))
	record(o.ppp("path", "ipv6-down", link6, "x"))
	record(o.ppp("descriptor", "ip-up", link, `""`))
	record(o.ppp("descriptor", "ipv6-down", link6, "x"))
	o.Shell("touch /var/log/ppp-ipupdown.log")
	record(o.ppp("path", "ip-up", link, "org/freedesktop/NetworkManager/PPP/1"))
	o.put("/etc/ppp/ip-up.d/mm-fails", "#!/bin/sh\nexit 7\n")
	record(o.ppp("path", "ip-up", link, "x"))
	o.Shell("rm /etc/ppp/ip-up.d/mm-fails; chmod -x /sbin/resolvconf")
	record(o.ppp("path", "ip-up", link, "x"))
	record(o.ppp("path", "ip-down", ended, "x"))
	o.Shell("chmod +x /sbin/resolvconf; rm /var/log/ppp-ipupdown.log")
	record("sleep 1d & touch /run/ppp-quick\n" + strings.Replace(o.ppp("path", "ip-up", "PPPD_PID=$!\n", "x"), "'END'", "END", 1) + "\nwait; ls /run/ppp-quick")
	o.Shell("cp /run/recorder /etc/ppp/ip-up.local")
	record(o.ppp("path", "ip-up", link, "x"))
	o.Shell("rm /etc/ppp/ip-up.local")
	return out
}

// quick is the number of a process that a link has but once.
var quick = regexp.MustCompile(`PPPD_PID=\d+`)

// dns is what the scripts of packages make of the host, and what they call.
const dns = `ls /run/resolvconf; cat /etc/resolv.conf; rm -f /run/resolvconf/resolv.conf.pppd-backup.*; cat /run/traced 2>/dev/null; rm -f /run/traced
ls /run/resolvconf/interface; rm /var/spool/postfix/etc/resolv.conf 2>/dev/null && echo postfix has resolv.conf`

// TestPPP calls Debian's /etc/ppp/ip-up and the others as pppd(8) calls them; the kernel may have no PPP. Before an adoption, after
// it, without hookd and after it was taken back the scripts are given the same, and those of packages do the same.
func TestPPP(t *testing.T) {
	o := boot(t, booted.OldWorld(), "")
	o.put("/run/pppd", asPppd)
	o.put("/run/recorder", recorder)
	o.put("/run/telling", "#!/bin/sh\nbasename $0 >>/run/told\n")
	o.Shell(traced + `
for dir in ip-pre-up ip-up ip-down ipv6-up ipv6-down; do
	mkdir -p /etc/ppp/$dir.d
	cp /run/recorder /etc/ppp/$dir.d/aa-first
	cp /run/recorder /etc/ppp/$dir.d/zz-last
	echo 'not executable' >/etc/ppp/$dir.d/mm-dead
done
echo 'nameserver 192.0.2.53' >/etc/ppp/resolv.conf
mkdir -p /run/chrony /var/lib/clamav
touch /run/chrony/chronyd.pid
echo ppp0 >/var/lib/clamav/interface`)
	o.links() // what is there the first time only
	before := o.links()
	all := strings.Join(before, "")
	for _, called := range []string{"chronyc onoffline", "resolvconf -a ppp0.pppd", "resolvconf -d ppp0.pppd", "sendmail -q|postfix has resolv.conf", "nameserver 192.0.2.53",
		"resolv.conf.pppd-backup.ppp0", "script /etc/ppp/ip-up.local with 6", "script /etc/ppp/ipv6-down.d/zz-last with 6", "argument ''", "ip-up.d/mm-fails exited"} {
		if !regexp.MustCompile(called).MatchString(all) {
			t.Errorf("nothing has called or made %s:\n%s", called, all)
		}
	}
	for _, step := range []string{"hookctl adopt ppp", "systemctl stop hookd.service", "systemctl start hookd.service; hookctl adopt --undo ppp; hookctl adopt --links ppp"} {
		o.Shell(step + "\nrm -f /run/traced")
		for i, now := range o.links() {
			if diff := cmp.Diff(lines(before[i]), lines(now)); diff != "" {
				t.Fatalf("after %s:\n%s", step, diff)
			}
		}
	}
	o.Shell("hookctl adopt --undo ppp; hookctl adopt ppp; rm -f /etc/ppp/ip*.d/*; for dir in ip-up ip-down; do cp /run/telling /etc/ppp/$dir.d/mm-script; done")
	o.run([]part{{"hooks", pppHooks}, {"ip-up.local", pppLocal}})
	if out, err := o.Try("ls", "/run/pwned"); err == nil {
		t.Errorf("a value was executed %s", out)
	}
}

// given is the event as the hook hears of it: every argument and variable.
const given = `EVENT_ACNAME=a;b|c
EVENT_CALL_FILE=two
lines
EVENT_DEVICE=/dev/ttyS1
EVENT_DNS1=192.0.2.53
EVENT_DNS2=192.0.2.54
EVENT_INTERFACE=ppp0
EVENT_IPLOCAL=192.0.2.1
EVENT_IPPARAM=$(touch /run/pwned)
EVENT_IPREMOTE=192.0.2.2
EVENT_LINKNAME=() { :;}; touch /run/pwned
EVENT_LOCAL=192.0.2.1
EVENT_MACREMOTE=02:00:00:00:00:09
EVENT_ORIG_UID=0
EVENT_PEERNAME=$(touch /run/pwned)
EVENT_PPPD_PID=123456
EVENT_PPPLOGNAME=root
EVENT_REMOTE=192.0.2.2
EVENT_SPEED=115200
EVENT_TTYNAME=ttyS1
EVENT_UNIT=0
EVENT_USEPEERDNS=1`

// given6 is that of IPv6.
const given6 = `EVENT_DEVICE=/dev/ttyS1
EVENT_INTERFACE=ppp0
EVENT_IPPARAM=x
EVENT_LLLOCAL=fe80::1
EVENT_LLREMOTE=fe80::2
EVENT_LOCAL=fe80::1
EVENT_ORIG_UID=0
EVENT_PPPD_PID=123456
EVENT_REMOTE=fe80::2
EVENT_SPEED=115200`

// sees is what a hook does that writes down its event.
const sees = `{ echo "$HOOK_EVENT"; env -0 | grep -z ^EVENT_ | LC_ALL=C sort -z | tr '\0' '\n'; } >>/run/told`

// pppHooks: a hook sees everything, has its place among the scripts, runs without hookd, and its failure is no matter of pppd.
func pppHooks(o *old) {
	o.hook("zz-sees", "On=ppp.*", sees+"; exit 3")
	o.hook("zz-first", "On=ppp.ip-up\nBefore=legacy:mm-*", `echo first >>/run/told`)
	o.reload()
	down := given + "\nEVENT_CONNECT_TIME=7\nEVENT_BYTES_RCVD=4294967296\nEVENT_BYTES_SENT=100"
	for _, step := range []string{"hookctl status", "systemctl stop hookd.service"} {
		o.Shell(step)
		o.expect(o.ppp("path", "ip-pre-up", link, "'$(touch /run/pwned)'"), false, "ppp.ip-pre-up", given)
		o.expect(o.ppp("path", "ip-up", link, "'$(touch /run/pwned)'"), false, "first", "mm-script", "ppp.ip-up", given)
		o.expect(o.ppp("path", "ip-down", ended, "'$(touch /run/pwned)'"), false, "mm-script", "ppp.ip-down", sorted(down))
		o.expect(o.ppp("path", "ipv6-up", link6, "x"), false, "ppp.ipv6-up", given6)
		o.expect(o.ppp("path", "ipv6-down", link6, "x"), false, "ppp.ipv6-down", given6)
	}
	o.Run("systemctl", "start", "hookd.service")
}

// sorted brings variables into order; one has two lines.
func sorted(text string) string {
	all := strings.Split(strings.ReplaceAll(text, "\nlines", "\\lines"), "\n")
	slices.Sort(all)
	return strings.ReplaceAll(strings.Join(all, "\n"), "\\lines", "\nlines")
}

// pppLocal: where an administrator has put a program in place of the directory, nothing of it runs.
func pppLocal(o *old) {
	o.hook("zz-sees", "On=ppp.*", sees)
	o.reload()
	o.put("/etc/ppp/ip-up.local", "#!/bin/sh\necho \"local $#\" >>/run/told\n")
	o.expect(o.ppp("path", "ip-up", link, "x"), false, "local 6")
	o.Shell("rm /etc/ppp/ip-up.local")
	o.expect(o.ppp("path", "ip-up", link, "'$(touch /run/pwned)'"), false, "mm-script", "ppp.ip-up", given)
}
