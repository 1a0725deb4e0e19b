package oldworld

import (
	"regexp"
	"strings"
	"testing"

	"hookd/internal/booted"
)

// recorder is a script of the old world that writes down everything it was given, to the byte: its name, arguments, working
// directory, umask, environment in its order, open descriptors and what they are, signals, limits, and whose child it is.
const recorder = `#!/bin/sh
exec 9>>/run/recorded
{
	echo "script $0 with $#"
	for arg; do echo "argument '$arg'"; done
	echo "in $(pwd), umask $(umask)"
	read -r pid parent rest <"/proc/$PPID/stat" && echo "child of $parent"
	cat /proc/$$/environ /proc/$$/limits /proc/$$/cgroup /proc/$$/oom_score_adj /proc/self/status
	stat -Lc '%n is a %F' /proc/$$/fd/* 2>/dev/null
} >&9
echo "says $0"
echo "complains $0" >&2
`

// varying are lines of the record that no two processes have in common.
var varying = regexp.MustCompile(`(?m)^((Tgid|Ngid|Pid|PPid|NSpid|NStgid|NSpgid|NSsid|SigQ|Vm\w+|Rss\w+|HugetlbPages|Threads|\w*ctxt_switches|Cpus\w*|Mems\w*):.*\n|/proc/[0-9]+)`)

// interfaces has what ifupdown makes of options: names with dashes and dots, repeated ones, hostile values.
const interfaces = `auto lo
iface lo inet loopback
auto rec0
allow-hotplug rec0
iface rec0 inet static
	address 192.0.2.1/24
	x-strange   two  words "quoted" $(touch /run/pwned) # kept
	x.dot-dash yes
	repeated one
	repeated two
iface rec0 inet6 static
	address 2001:db8::1/64
	dad-attempts 0
iface other inet manual
iface rec1=rec1 inet manual
`

// recording is a host whose four directories record.
func recording(t *testing.T, setup string) *old {
	t.Helper()
	o := boot(t, booted.OldWorld(), setup)
	o.put("/run/recorder", recorder)
	o.Shell(`for dir in pre-up up down post-down; do
	rm /etc/network/if-$dir.d/*
	cp /run/recorder /etc/network/if-$dir.d/aa-first
	cp /run/recorder /etc/network/if-$dir.d/zz-last
	echo 'not executable' >/etc/network/if-$dir.d/mm-dead
done
ip link add rec0 type veth peer name rec1
ip link add other type veth peer name other1`)
	o.put("/etc/network/interfaces", interfaces)
	return o
}

// own is what run-parts(8) says of the link itself with ifup -v.
var own = regexp.MustCompile(`run-parts: executing /etc/network/if-[a-z-]+\.d/hookd\n`)

// records is what a line of sh says, how it ends, and what it leaves in the records.
func (o *old) records(line string) string {
	o.t.Helper()
	out, _ := o.Try("sh", "-c", "rm -f /run/recorded; umask 027; ulimit -Sn 1000; cd /usr; STRANGE=inherited; export STRANGE\n"+
		line+"\necho ends with $?; cat /run/recorded 2>/dev/null")
	out = varying.ReplaceAllString(strings.ReplaceAll(own.ReplaceAllString(out, ""), "\000", "\n"), "")
	return line + ":\n" + out
}
