package legacy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const script = "#!/bin/sh\necho ${0##*/}\n"

// root is a directory with files; those whose names end in / are directories. The text of a file may have a mode before it,
// "0644 ", or be a link, "-> target".
func root(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	syscall.Umask(0o022)
	for name, text := range files {
		p := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		target, isLink := strings.CutPrefix(text, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			must(t, os.MkdirAll(p, 0o755))
		case isLink:
			must(t, os.Symlink(target, p))
		default:
			put(t, p, text)
		}
	}
	return dir
}

func put(t testing.TB, p, text string) {
	t.Helper()
	mode := uint32(0o755)
	if n, err := fmt.Sscanf(text, "%o ", &mode); n == 1 && err == nil {
		text = text[5:]
	}
	must(t, os.WriteFile(p, []byte(text), 0o600))
	must(t, syscall.Chmod(p, mode))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// told writes entries as the tests compare them.
func told(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		line := fmt.Sprintf("%s %s: ", e.When, e.Path)
		switch {
		case e.Runs && e.Order > 0:
			line += fmt.Sprintf("runs %d", e.Order)
		case e.Runs:
			line += "runs"
		case e.Expected:
			line += "(" + e.Why + ")"
		default:
			line += e.Why
		}
		for _, n := range append(e.Remarks, e.Notes...) {
			line += "; " + n
		}
		out = append(out, line)
	}
	return out
}

// programs make a root in which things are installed.
func programs(names ...string) map[string]string {
	files := map[string]string{"bin/sh": "\x7fELF", "usr/bin/env": "\x7fELF"}
	for _, n := range names {
		files[n] = "\x7fELF"
	}
	return files
}

func with(files map[string]string, more map[string]string) map[string]string {
	for k, v := range more {
		files[k] = v
	}
	return files
}

// elf is the header of a program of a type (elf(5)).
func elf(kind byte) string {
	return "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + string(kind) + strings.Repeat("\x00", 47)
}

func TestRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("files of root's need root")
	}
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"Debian's ifupdown", with(programs("usr/sbin/ifup"), map[string]string{
			"etc/network/if-up.d/b":          script,
			"etc/network/if-up.d/a":          script,
			"etc/network/if-up.d/x.sh":       script,
			"etc/network/if-up.d/y.dpkg-old": script,
			"etc/network/if-up.d/mode":       "0644 " + script,
			"etc/network/if-up.d/plain":      "echo hello\n",
			"etc/network/if-up.d/empty":      "",
			"etc/network/if-up.d/crlf":       "#!/bin/sh\r\n",
			"etc/network/if-up.d/perl":       "#!/usr/bin/perl -w\n",
			"etc/network/if-up.d/envperl":    "#!/usr/bin/env perl\n",
			"etc/network/if-up.d/masked":     "-> /dev/null",
			"etc/network/if-up.d/gone":       "-> ../nowhere",
			"etc/network/if-up.d/linked":     "-> /usr/share/thing",
			"etc/network/if-up.d/dir/":       "",
			"etc/network/if-up.d/open":       "0777 " + script,
			"usr/share/thing":                script,
			"etc/network/if-pre-down.d/x":    script,
			"etc/network/if-mine.d/x":        script,
		}), []string{
			"ifupdown.up /etc/network/if-up.d/a: runs 1",
			"ifupdown.up /etc/network/if-up.d/b: runs 2",
			`ifupdown.up /etc/network/if-up.d/crlf: its first line ends in a carriage return, so there is no interpreter "/bin/sh\r"; ifup fails there, and no later script runs`,
			"ifupdown.up /etc/network/if-up.d/dir: it is a directory",
			"ifupdown.up /etc/network/if-up.d/empty: exec format error: it is empty; ifup fails there, and no later script runs",
			"ifupdown.up /etc/network/if-up.d/envperl: /usr/bin/env finds no perl; ifup fails there, and no later script runs",
			"ifupdown.up /etc/network/if-up.d/gone: the link leads nowhere (../nowhere)",
			"ifupdown.up /etc/network/if-up.d/linked: runs 3",
			"ifupdown.up /etc/network/if-up.d/masked: a link to /dev/null: run-parts knows no masks, it complains and fails; ifup fails, too",
			"ifupdown.up /etc/network/if-up.d/mode: it is not executable (mode 0644)",
			"ifupdown.up /etc/network/if-up.d/open: runs 4; everybody may write to it (mode 0777)",
			"ifupdown.up /etc/network/if-up.d/perl: there is no interpreter /usr/bin/perl; ifup fails there, and no later script runs",
			"ifupdown.up /etc/network/if-up.d/plain: exec format error: it does not begin with #!; ifup fails there, and no later script runs",
			"ifupdown.up /etc/network/if-up.d/x.sh: run-parts takes no name with a dot in it; that of busybox would run it",
			"ifupdown.up /etc/network/if-up.d/y.dpkg-old: run-parts takes no such name: left over by an editor or a package manager (.dpkg-old); that of busybox would run it",
			"ifupdown.pre-down /etc/network/if-pre-down.d/x: nobody runs this directory: Debian's ifupdown has pre-up, up, down, post-down",
			"- /etc/network/if-mine.d/x: nobody runs this directory",
		}},
		{"what the kernel refuses", with(programs("usr/sbin/ifplugd"), map[string]string{
			"etc/ifplugd/action.d/badelf": "\x7fELF\x02\x01\x01garbage", "etc/ifplugd/action.d/core": elf(4), "etc/ifplugd/action.d/elf": elf(3),
			"etc/ifplugd/action.d/dir": "#!/etc", "etc/ifplugd/action.d/mode": "#!/etc/hostname\n", "etc/hostname": "0644 host\n",
			"etc/ifplugd/action.d/envdir": "#!/usr/bin/env dir\n", "usr/bin/dir/": "",
		}), []string{
			"ifplugd /etc/ifplugd/action.d/badelf: exec format error: it begins as a program and is none",
			"ifplugd /etc/ifplugd/action.d/core: exec format error: it begins as a program and is none",
			"ifplugd /etc/ifplugd/action.d/dir: its interpreter /etc is no file",
			"ifplugd /etc/ifplugd/action.d/elf: runs 1",
			"ifplugd /etc/ifplugd/action.d/envdir: /usr/bin/env finds no dir",
			"ifplugd /etc/ifplugd/action.d/mode: its interpreter /etc/hostname is not executable (mode 0644)",
		}},
		{"ifupdown-ng", with(programs("sbin/ifupdown"), map[string]string{
			"sbin/ifup": "-> ifupdown", "etc/network/if-pre-down.d/x": script,
		}), []string{"ifupdown.pre-down /etc/network/if-pre-down.d/x: runs 1"}},
		{"ifupdown-ng of Debian 13", with(programs("usr/sbin/ifupdown-ng"), map[string]string{
			"usr/sbin/ifup-ng": "-> ifupdown-ng", "etc/network/if-create.d/x": script,
		}), []string{"ifupdown.create /etc/network/if-create.d/x: runs 1"}},
		{"busybox", with(programs("bin/busybox"), map[string]string{
			"sbin/ifup": "-> /bin/busybox", "bin/run-parts": "-> busybox", "etc/network/if-up.d/x.dpkg-old": script, "etc/network/if-up.d/x~": script,
		}), []string{"ifupdown.up /etc/network/if-up.d/x.dpkg-old: runs 1",
			"ifupdown.up /etc/network/if-up.d/x~: busybox' run-parts takes letters, digits, _, - and dots that are not first in a name"}},
		{"ifupdown2", with(programs("sbin/ifup"), map[string]string{
			"usr/share/ifupdown2/x": "", "etc/network/if-post-up.d/x~": script, "etc/network/if-post-up.d/bridge": script, "etc/network/if-create.d/x": script,
		}), []string{
			"ifupdown.create /etc/network/if-create.d/x: nobody runs this directory: ifupdown2 has pre-up, up, post-up, pre-down, down, post-down",
			"ifupdown.post-up /etc/network/if-post-up.d/bridge: (ifupdown2 has a part of its own of that name)",
			"ifupdown.post-up /etc/network/if-post-up.d/x~: runs"}},
		{"ppp", with(programs("usr/sbin/pppd"), map[string]string{
			"etc/ppp/ip-up.d/x": script, "etc/ppp/ip-up.local": script, "etc/ppp/ip-down.d/x": script, "etc/ppp/ip-down.local": "0644 ",
			"etc/ppp/ip-up": script, "etc/ppp/ip-down": script, "etc/ppp/ipv6-up.d/x": script, "etc/ppp/ipv6-up": "0644 " + script,
		}), []string{
			"ppp.ip-up /etc/ppp/ip-up.d/x: /etc/ppp/ip-up.local is run in place of the directory", "ppp.ip-down /etc/ppp/ip-down.d/x: runs 1",
			"ppp.ipv6-up /etc/ppp/ipv6-up.d/x: nobody runs this directory: pppd runs /etc/ppp/ipv6-up, which is not there or not executable"}},
		{"nothing installed", map[string]string{"etc/ppp/ip-up.d/x": script, "etc/cron.daily/.placeholder": "0644 "},
			[]string{"ppp.ip-up /etc/ppp/ip-up.d/x: (ppp is not installed)", "daily /etc/cron.daily/.placeholder: (cron is not installed)"}},
		{"sourced", with(programs("usr/sbin/dhclient", "usr/sbin/dhcpcd"), map[string]string{
			"etc/dhcp/dhclient-enter-hooks.d/debug": "0644 return\n", "etc/dhcp/dhclient-exit-hooks.d/x.sh": "0644 true\n", "etc/dhcp/dhclient-exit-hooks": "0644 true\n",
			"usr/lib/dhcpcd/dhcpcd-hooks/10-x.conf": "0644 true\n", "usr/lib/dhcpcd/dhcpcd-hooks/x~": "0644 true\n", "etc/dhcpcd.exit-hook": "0644 true\n",
		}), []string{
			"dhclient enter /etc/dhcp/dhclient-enter-hooks.d/debug: runs 1",
			"dhclient.* /etc/dhcp/dhclient-exit-hooks: runs 1",
			"dhclient.* /etc/dhcp/dhclient-exit-hooks.d/x.sh: run-parts takes no name with a dot in it",
			"dhcpcd /usr/lib/dhcpcd/dhcpcd-hooks/10-x.conf: runs 1",
			"dhcpcd /usr/lib/dhcpcd/dhcpcd-hooks/x~: left over by an editor (~)",
			"dhcpcd /etc/dhcpcd.exit-hook: runs 1"}},
		{"networkmanager", with(programs("usr/sbin/NetworkManager"), map[string]string{
			"etc/NetworkManager/dispatcher.d/10-x.sh":          script,
			"etc/NetworkManager/dispatcher.d/20-mask":          "-> /dev/null",
			"etc/NetworkManager/dispatcher.d/30-dead":          "0644 " + script,
			"etc/NetworkManager/dispatcher.d/40-group":         "0775 " + script,
			"etc/NetworkManager/dispatcher.d/50-x.dpkg-old":    script,
			"etc/NetworkManager/dispatcher.d/60-plain":         "echo\n",
			"etc/NetworkManager/dispatcher.d/70-now":           "-> no-wait.d/now",
			"etc/NetworkManager/dispatcher.d/no-wait.d/now":    script,
			"etc/NetworkManager/dispatcher.d/no-wait.d/lone":   script,
			"etc/NetworkManager/dispatcher.d/pre-up.d/x":       script,
			"etc/NetworkManager/dispatcher.d/device/open":      "0777 " + script,
			"usr/lib/NetworkManager/dispatcher.d/device/make":  script,
			"usr/lib/NetworkManager/dispatcher.d/20-mask":      script,
			"usr/lib/NetworkManager/dispatcher.d/30-dead":      script,
			"usr/lib/NetworkManager/dispatcher.d/pre-down.d/y": script,
		}), []string{
			"networkmanager.* /etc/NetworkManager/dispatcher.d/10-x.sh: runs 1",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/20-mask: (a mask: it is empty or a link to /dev/null)",
			"networkmanager.* /usr/lib/NetworkManager/dispatcher.d/20-mask: (overridden by /etc/NetworkManager/dispatcher.d/20-mask)",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/30-dead: its owner may not execute it (mode 0644)",
			"networkmanager.* /usr/lib/NetworkManager/dispatcher.d/30-dead: (overridden by /etc/NetworkManager/dispatcher.d/30-dead)",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/40-group: others may write to it (mode 0775)",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/50-x.dpkg-old: left over by the package manager (.dpkg-old)",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/60-plain: runs 2; without #! in its first line /bin/sh reads it",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/70-now: runs 3; it does not wait for others (no-wait.d)",
			"networkmanager.*pre-up /etc/NetworkManager/dispatcher.d/pre-up.d/x: runs 1",
			"networkmanager.*pre-down /usr/lib/NetworkManager/dispatcher.d/pre-down.d/y: runs 1",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/no-wait.d/lone: nobody runs this directory: a link to it in dispatcher.d would be run",
			"networkmanager.* /etc/NetworkManager/dispatcher.d/no-wait.d/now: (not by itself, but through the link /etc/NetworkManager/dispatcher.d/70-now)",
			"device handler /usr/lib/NetworkManager/dispatcher.d/device/make: (not by itself, but for a connection that names it (generic.device-handler, since NetworkManager 1.46))",
			"device handler /etc/NetworkManager/dispatcher.d/device/open: others may write to it (mode 0777)"}},
		{"systemd", with(programs("usr/lib/systemd/systemd"), map[string]string{
			"usr/lib/systemd/system-sleep/x.sleep": script, "usr/lib/systemd/system-sleep/x.bak": script, "usr/lib/systemd/system-shutdown/e": "",
			"etc/systemd/system-sleep/mine": script,
		}), []string{
			"system.sleep /usr/lib/systemd/system-sleep/x.bak: left over by an editor or a package manager (.bak)",
			"system.sleep /usr/lib/systemd/system-sleep/x.sleep: runs",
			"- /etc/systemd/system-sleep/mine: nobody runs this directory: systemd reads /usr/lib/systemd/system-sleep only",
			"system-shutdown /usr/lib/systemd/system-shutdown/e: (a mask: it is empty or a link to /dev/null)"}},
		{"others", with(programs("usr/sbin/ifplugd", "sbin/resolvconf", "usr/sbin/pm-suspend", "usr/sbin/anacron", "lib/x/security/pam_motd.so", "sbin/netplugd"), map[string]string{
			"etc/ifplugd/action.d/a": script, "etc/netplug/netplug": "true\n", "etc/resolvconf/update.d/libc": script, "etc/resolvconf/update-libc.d/p.sh": script,
			"etc/pm/sleep.d/10x": "echo\n", "usr/lib/pm-utils/sleep.d/10x": script, "etc/cron.hourly/x": script, "etc/cron.daily/x": script,
			"etc/update-motd.d/10-uname": script, "etc/update-motd.d/Big": script, "etc/kernel/postinst.d/a": "-> /nowhere", "usr/share/kernel/postinst.d/a": script,
		}), []string{
			"ifplugd /etc/ifplugd/action.d/a: runs 1",
			"netplug /etc/netplug/netplug: exec format error: it does not begin with #!",
			"update /etc/resolvconf/update.d/libc: runs 1",
			"update-libc /etc/resolvconf/update-libc.d/p.sh: run-parts takes no name with a dot in it; that of busybox would run it",
			"sleep /etc/pm/sleep.d/10x: runs 1; without #! in its first line /bin/sh reads it",
			"sleep /usr/lib/pm-utils/sleep.d/10x: (overridden by /etc/pm/sleep.d/10x)",
			"hourly /etc/cron.hourly/x: (cron is not installed)", "daily /etc/cron.daily/x: runs 1",
			"login /etc/update-motd.d/10-uname: runs 1", "login /etc/update-motd.d/Big: run-parts --lsbsysinit takes no such name",
			"postinst /etc/kernel/postinst.d/a: the link leads nowhere (/nowhere)", "postinst /usr/share/kernel/postinst.d/a: runs 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, told(Read(root(t, test.files)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An adopted system says so; what its scripts and hooks have in common is one plan only where run-parts is ours.
func TestAdopted(t *testing.T) {
	files := with(programs("usr/sbin/ifup", "usr/bin/hookshim"), map[string]string{
		"etc/network/if-up.d/a": script, "etc/network/if-up.d/hookd": "-> /usr/bin/hookshim", "etc/network/if-up.d/b.c": script, "etc/hookd/adopted/ifupdown": "x"})
	entries := Read(root(t, files))
	if e := entries[0]; !e.Adopted || e.OnePlan || entries[1].Adopted {
		t.Errorf("adopted by links: %+v", entries)
	}
	if !entries[2].Shim || entries[0].Shim {
		t.Errorf("the shim: %+v", entries)
	}
	files["usr/local/sbin/run-parts"] = "-> ../../bin/hookshim"
	if e := Read(root(t, files))[0]; !e.Adopted || !e.OnePlan {
		t.Errorf("adopted by PATH: %+v", e)
	}
}

// kinds are files of every kind that run-parts judges in its own way.
func kinds() map[string]string {
	files := map[string]string{}
	for _, name := range []string{"a", "B", "a_b", "a-b", "-a", "_a", "0", "a.sh", ".a", "a~", "a.dpkg-old", "a.dpkg-bak", "x-y.dpkg-old", ".x-y", "_foo-x.dpkg-old",
		"lanana.org-thing", "a-", "-", "a--b", "_-x", "x-Y", "a b", "a+b", "ä", "a.b-c", "x.y", "_x-y", "--x-y", "a-b.dpkg-new", "#a#", "a,v", "a\nb", "x-.y-z"} {
		files[name] = script
	}
	for name, text := range map[string]string{"mode": "0644 " + script, "own": "0700 " + script, "group": "0010 " + script, "dir/": "", "gone": "-> nowhere", "null": "-> /dev/null",
		"link": "-> a", "linkdir": "-> dir", "plain": "echo\n", "empty": "", "nointerp": "#!/nonexistent/sh\n", "crlf": "#!/bin/sh\r\necho\n", "env": "#!/usr/bin/env sh\necho env\n",
		"noenv": "#!/usr/bin/env nosuchprogram\n", "badelf": "\x7fELF\x02\x01\x01garbage", "interpdir": "#!/etc\n", "interpmode": "#!/etc/passwd\n", "suid": "4755 " + script, "self": "-> self", "spaced": "#! /bin/sh -e\necho spaced\n"} {
		files[name] = text
	}
	return files
}

// The real run-parts runs exactly what is said to run, in that order.
func TestAgreesWithRunParts(t *testing.T) {
	for _, test := range []struct{ dir, option string }{{"etc/cron.daily", ""}, {"etc/update-motd.d", "--lsbsysinit"}} {
		files := programs("usr/sbin/cron", "lib/x/security/pam_motd.so", "bin/sh", "usr/bin/env")
		real, err := os.ReadFile("/usr/bin/run-parts")
		must(t, err)
		files["usr/bin/run-parts"] = string(real)
		for name, text := range kinds() {
			files[test.dir+"/"+name] = text
		}
		if os.Geteuid() != 0 { // what is told is what root runs, who may execute what only a group may
			delete(files, test.dir+"/group")
		}
		at := root(t, files)
		must(t, syscall.Mkfifo(filepath.Join(at, test.dir, "fifo"), 0o755))
		var want []string
		for _, e := range Read(at) {
			if e.Runs {
				want = append(want, strings.TrimPrefix(e.Path, "/"+test.dir+"/"))
			}
		}
		args := slices.DeleteFunc([]string{test.option, "--", filepath.Join(at, test.dir)}, func(s string) bool { return s == "" })
		var got []string
		out, _ := exec.Command("run-parts", args...).Output() // which fails for those that cannot be executed
		for line := range strings.Lines(string(out)) {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
		if len(got) < 8 {
			t.Fatalf("run-parts ran %q only", got)
		}
		// A link says the name that it was called by, as all scripts do.
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-run-parts +told):\n%s", test.dir, diff)
		}
	}
}

// What is said to end ifup does so: it has the real run-parts fail, and run no later script, as ifup calls it.
func TestEndsIfup(t *testing.T) {
	real, err := os.ReadFile("/usr/bin/run-parts")
	must(t, err)
	told := map[string]bool{}
	for name, text := range with(kinds(), map[string]string{"fifo": "p"}) {
		files := with(programs("usr/sbin/ifup"), map[string]string{"usr/bin/run-parts": string(real), "etc/network/if-up.d/zzz": script})
		file := "etc/network/if-up.d/" + name
		if files[file] = text; text == "-> a" {
			files["etc/network/if-up.d/a"] = script
		}
		at := root(t, files)
		if name == "fifo" {
			must(t, os.Remove(filepath.Join(at, file)))
			must(t, syscall.Mkfifo(filepath.Join(at, file), 0o755))
		}
		i := slices.IndexFunc(Read(at), func(e Entry) bool { return e.Path == "/"+strings.TrimSuffix(file, "/") })
		why := Read(at)[i].Why
		out, err := exec.Command("/usr/bin/run-parts", "--exit-on-error", filepath.Join(at, "etc/network/if-up.d")).Output()
		fails, stops := err != nil, !strings.Contains(string(out), "zzz")
		if says := strings.Contains(why, "; ifup fails"); says != fails || stops != strings.Contains(why, "no later script runs") {
			t.Errorf("%q: run-parts fails: %v, runs no other: %v, and it says %q", name, fails, stops, why)
		}
		told[fmt.Sprint(fails, stops)] = true
	}
	if len(told) != 3 {
		t.Errorf("only %v", told)
	}
}

func BenchmarkRead(b *testing.B) {
	files := programs("usr/sbin/ifup", "usr/sbin/pppd", "usr/sbin/cron")
	for i := range 100 {
		files[fmt.Sprintf("etc/%s/s%d", []string{"network/if-up.d", "ppp/ip-up.d", "cron.daily", "network/if-down.d"}[i%4], i)] = script
	}
	at := root(b, files)
	for b.Loop() {
		if n := len(Read(at)); n != 100 {
			b.Fatal(n)
		}
	}
}
