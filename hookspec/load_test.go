package hookspec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// disk is a place for hook directories.
type disk struct {
	t    *testing.T
	root string
	opt  Options
}

// newDisk writes the files of an archive; those without .hook in their name are executable.
func newDisk(t *testing.T, archive string) *disk {
	d := &disk{t: t, root: t.TempDir()}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		mode := os.FileMode(0o755)
		if strings.Contains(f.Name, ".hook") {
			mode = 0o644
		}
		d.write(f.Name, string(f.Data), mode)
	}
	d.opt = Options{Hooks: []string{d.path("etc"), d.path("usr")}, Trust: TrustOf(), Accounts: people{}}
	return d
}

func (d *disk) path(name string) string { return filepath.Join(d.root, name) }

func (d *disk) write(name, text string, mode os.FileMode) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o755); err != nil {
		d.t.Fatal(err)
	}
	d.do(os.WriteFile(d.path(name), []byte(text), 0o600))
	d.do(os.Chmod(d.path(name), mode))
}

func (d *disk) do(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// describe writes what a set holds: the hooks in force, then every file and fault, without the path of the disk.
func (d *disk) describe(s *Set) string {
	lines := []string{"in force: " + strings.Join(s.Names(), " ")}
	for _, e := range s.Entries {
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%s %s: %s", e.State, e.Path, e.Reason), ": "))
	}
	for _, f := range s.Faults {
		lines = append(lines, f.Error())
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), d.root+"/", "")
}

func (d *disk) expect(s *Set, want string) {
	d.t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), d.describe(s)); diff != "" {
		d.t.Errorf("(-want +got):\n%s", diff)
	}
}

const good = "[Hook]\nOn=link.up\nExec=/bin/true\n"

// nobodyElse skips a test that needs a file of somebody who is not trusted, which only root can make.
func nobodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

func TestLoadOverride(t *testing.T) {
	d := newDisk(t, "-- etc/a.hook --\n"+good+"-- usr/a.hook --\n"+good+"-- usr/b.hook --\n"+good+"-- usr/c.hook --\n"+good+"-- etc/b.hook --\n")
	d.do(os.Symlink("/dev/null", d.path("etc/c.hook")))
	d.expect(Load(d.opt, nil), `
in force: a
loaded etc/a.hook
overridden usr/a.hook: by etc/a.hook
masked etc/b.hook: an empty file or a link to /dev/null
overridden usr/b.hook: by etc/b.hook
masked etc/c.hook: an empty file or a link to /dev/null
overridden usr/c.hook: by etc/c.hook`)
}

// Whatever leads to the null device masks: a relative link, a link to a mask, another spelling. A drop-in is masked alike.
func TestLoadMasks(t *testing.T) {
	d := newDisk(t, "-- usr/a.hook --\n"+good+"-- usr/b.hook --\n"+good+"-- usr/c.hook --\n"+good+
		"-- usr/c.hook.d/x.conf --\n[Hook]\nTimeout=5s\n-- etc/c.hook.d/y --\n")
	d.do(os.Symlink(strings.Repeat("../", 20)+"dev/null", d.path("etc/a.hook")))
	d.do(os.Symlink("a.hook", d.path("etc/b.hook")))
	d.do(os.Symlink("//dev/null", d.path("etc/c.hook.d/x.conf")))
	set := Load(d.opt, nil)
	if got := set.Names(); !slices.Equal(got, []string{"c"}) || set.Hook("c").Timeout != defaultTimeout {
		t.Errorf("in force: %v\n%s", got, d.describe(set))
	}
}

func TestLoadLeftovers(t *testing.T) {
	d := newDisk(t, "-- etc/a.hook --\n"+good+"-- etc/a.hook.dpkg-new --\n"+good+"-- etc/a.hook~ --\n"+good+"-- etc/.a.hook.swp --\nx\n-- etc/#a.hook# --\nx\n"+
		"-- etc/a.hook.d/.x.conf --\n[Hook]\nNonsense=1\n-- etc/a.hook.d/x.conf~ --\nx\n-- etc/a.hook.d/x --\nx\n-- etc/z.hook.d/x.conf --\nx\n-- etc/README --\nx\n")
	d.do(os.Symlink("nobody@host:1234", d.path("etc/a.hook.d/.#x.conf"))) // an editor's lock
	d.do(os.Mkdir(d.path("etc/directory"), 0o755))
	d.expect(Load(d.opt, nil), `
in force: a
ignored etc/#a.hook#: left over by an editor (#)
ignored etc/.a.hook.swp: left over by an editor or a package manager (.swp)
ignored etc/README: it has no # [Hook] block before its first command, and its name does not end in .hook
loaded etc/a.hook
ignored etc/a.hook.d/.#x.conf: its name begins with a dot
ignored etc/a.hook.d/.x.conf: its name begins with a dot
ignored etc/a.hook.d/x: a drop-in's name ends in .conf
ignored etc/a.hook.d/x.conf~: left over by an editor or a package manager (~)
ignored etc/a.hook.dpkg-new: left over by an editor or a package manager (.dpkg-new)
ignored etc/a.hook~: left over by an editor or a package manager (~)
ignored etc/directory: it is no regular file
ignored etc/z.hook.d/x.conf: there is no hook z`)
}

// A fault of a file that is overridden or masked disables nothing.
func TestLoadFaultBelow(t *testing.T) {
	d := newDisk(t, "-- etc/a.hook --\n"+good+"-- usr/a.hook --\n"+good)
	d.do(os.Chmod(d.path("usr/a.hook"), 0o666))
	d.expect(Load(d.opt, nil), `
in force: a
loaded etc/a.hook
overridden usr/a.hook: by etc/a.hook
usr/a.hook:1:1: doubt: usr/a.hook is writable by everybody (mode 0666)`)
}

// S2 and the trust of design: owner and mode of the file, of each directory and of each link on the way.
func TestLoadTrust(t *testing.T) {
	for _, test := range []struct {
		name string
		root bool
		do   func(d *disk)
		want string // the reason; empty for a hook in force
	}{
		{"plain", false, func(d *disk) {}, ""},
		{"file writable by everybody", false, func(d *disk) { d.do(os.Chmod(d.path("etc/a.hook"), 0o646)) }, "etc/a.hook is writable by everybody (mode 0646)"},
		{"file of somebody else", true, func(d *disk) { d.do(os.Chown(d.path("etc/a.hook"), 1234, 0)) }, "etc/a.hook belongs to uid 1234, who is not trusted here"},
		{"file writable by a group", true, func(d *disk) {
			d.do(os.Chown(d.path("etc/a.hook"), 0, 1234))
			d.do(os.Chmod(d.path("etc/a.hook"), 0o664))
		}, "etc/a.hook is writable by its group 1234 (mode 0664)"},
		{"directory writable by everybody", false, func(d *disk) { d.do(os.Chmod(d.path("etc"), 0o777)) },
			"the directory is not trusted: etc is writable by everybody (mode 0777)"},
		{"sticky directory", false, func(d *disk) { d.do(os.Chmod(d.path("etc"), 0o777|os.ModeSticky)) }, ""},
		{"link in a trusted chain", false, func(d *disk) {
			d.write("real", good, 0o644)
			d.do(os.Remove(d.path("etc/a.hook")))
			d.do(os.Symlink("../real", d.path("etc/a.hook")))
		}, ""},
		{"link through a directory writable by everybody", false, func(d *disk) {
			d.write("open/real", good, 0o644)
			d.do(os.Chmod(d.path("open"), 0o777))
			d.do(os.Remove(d.path("etc/a.hook")))
			d.do(os.Symlink("../open/real", d.path("etc/a.hook")))
		}, "open is writable by everybody (mode 0777)"},
		{"link of somebody else", true, func(d *disk) {
			d.write("real", good, 0o644)
			d.do(os.Remove(d.path("etc/a.hook")))
			d.do(os.Symlink("../real", d.path("etc/a.hook")))
			d.do(os.Lchown(d.path("etc/a.hook"), 1234, 0))
		}, "etc/a.hook belongs to uid 1234, who is not trusted here"},
		{"mask of somebody else in a sticky directory", true, func(d *disk) {
			d.do(os.Chmod(d.path("etc"), 0o777|os.ModeSticky))
			d.do(os.Remove(d.path("etc/a.hook")))
			d.do(os.Symlink("/dev/null", d.path("etc/a.hook")))
			d.do(os.Lchown(d.path("etc/a.hook"), 1234, 0))
		}, "etc/a.hook belongs to uid 1234, who is not trusted here"},
		{"link loop", false, func(d *disk) {
			d.do(os.Remove(d.path("etc/a.hook")))
			d.do(os.Symlink("a.hook", d.path("etc/a.hook")))
		}, "etc/a.hook leads through too many links"},
		{"untrusted drop-ins", false, func(d *disk) {
			d.write("etc/a.hook.d/x.conf", "[Hook]\nTimeout=5s\n", 0o644)
			d.do(os.Chmod(d.path("etc/a.hook.d"), 0o777))
		}, "etc/a.hook.d is writable by everybody (mode 0777)"},
		{"program writable by everybody", false, func(d *disk) {
			d.write("program", "#!/bin/sh\n", 0o777)
			d.write("etc/a.hook", "[Hook]\nOn=link.up\nExec="+d.path("program")+"\n", 0o644)
		}, "program is writable by everybody (mode 0777)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.root {
				nobodyElse(t)
			}
			d := newDisk(t, "-- etc/a.hook --\n"+good+"-- usr/a.hook --\n"+good)
			test.do(d)
			set := Load(d.opt, nil)
			e := set.Entries[0]
			got := strings.ReplaceAll(e.Reason, d.root+"/", "")
			if got != test.want || (set.Hook("a") != nil) != (test.want == "") {
				t.Errorf("%s %q, want %q\n%s", e.State, got, test.want, d.describe(set))
			}
		})
	}
}

// What .. means depends on the links before it; a path must not be cleaned as text.
func TestResolveDotDot(t *testing.T) {
	d := newDisk(t, "-- srv/v2/x --\n-- srv/bin/tool --\nreal\n-- opt/bin/tool --\nwrong\n")
	d.do(os.Symlink(d.path("srv/v2"), d.path("opt/current")))
	got, err := TrustOf().Resolve(d.path("opt/current") + "/../bin/tool")
	if err != nil || got != d.path("srv/bin/tool") {
		t.Errorf("resolved to %s, %v", got, err)
	}
}

// R18: a broken edit keeps the version before, of a file but not of a script: its old body is gone.
func TestLoadKeep(t *testing.T) {
	d := newDisk(t, "-- etc/a.hook --\n"+good+"-- etc/s --\n#!/bin/sh\n# [Hook]\n# On=user.x\n-- etc/b.hook --\n"+good+"-- usr/b.hook --\n"+good)
	first := Load(d.opt, nil)
	d.write("etc/a.hook", "[Hook]\nOn=link.upp\nExec=/bin/true\n", 0o644)
	d.write("etc/s", "#!/bin/sh\n# [Hook]\n# On=user.x\n# User=nosuch\n", 0o755)
	d.do(os.Chmod(d.path("etc/b.hook"), 0o666))
	second := Load(d.opt, first)
	d.expect(second, `
in force: a b
kept etc/a.hook: unknown event link.upp; the hook stays as it was read before
kept etc/b.hook: etc/b.hook is writable by everybody (mode 0666); the hook stays as it was read before
overridden usr/b.hook: by etc/b.hook
refused etc/s: unknown user nosuch; of a script no earlier version can be kept
etc/a.hook:2:4: unknown event link.upp (did you mean link.up?)
etc/b.hook:1:1: etc/b.hook is writable by everybody (mode 0666)
etc/s:4:8: unknown user nosuch`)
	if second.Hook("a") != first.Hook("a") {
		t.Error("the hook that was kept is another one")
	}
	d.do(os.Remove(d.path("etc/a.hook")))
	if third := Load(d.opt, second); third.Hook("a") != nil {
		t.Error("a hook whose file is gone is still in force")
	}
}

// A mask stands whatever is wrong with drop-ins, and hooks of a directory that cannot be read any more stay.
func TestLoadKeepNot(t *testing.T) {
	d := newDisk(t, "-- etc/a.hook --\n"+good+"-- usr/b.hook --\n"+good)
	first := Load(d.opt, nil)
	d.write("etc/a.hook", "", 0o644)
	d.write("etc/a.hook.d/x.conf", "[Hook]\nTimeout=5s\n", 0o644)
	d.do(os.Chmod(d.path("etc/a.hook.d/x.conf"), 0o666))
	d.do(os.Rename(d.path("usr"), d.path("away")))
	d.write("usr", "a file", 0o644)
	second := Load(d.opt, first)
	if got := second.Names(); !slices.Equal(got, []string{"b"}) || !slices.Equal(second.Kept(), []string{"b"}) {
		t.Errorf("in force %v, kept %v\n%s", got, second.Kept(), d.describe(second))
	}
}

func TestLoadTwoForms(t *testing.T) {
	d := newDisk(t, "-- etc/a --\n#!/bin/sh\n# [Hook]\n# On=user.x\n-- etc/a.hook --\n"+good+"-- usr/a.hook --\n"+good)
	d.expect(Load(d.opt, nil), `
in force: 
refused etc/a: a.hook declares the same hook in the same directory
refused etc/a.hook: there is a in the same directory
overridden usr/a.hook: by etc/a
etc/a:1:1: a.hook declares the same hook in the same directory (remove one of them)`)
}

// A group with somebody else in it, as a member or as their own group, is nobody's private one.
func TestColonLines(t *testing.T) {
	text := []byte("root:x:0:0:root:/root:/bin/sh\noperator:x:11:0::/:/bin/false\nbroken\nweb:x:33:33:::\n")
	if got := len(colonLines(text, 7, 3, "0")); got != 2 {
		t.Errorf("%d users with group 0", got)
	}
}

func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("h%04d.hook", i)), []byte(good), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	opt := Options{Hooks: []string{dir}, Trust: TrustOf(), Accounts: people{}}
	for b.Loop() {
		if len(Load(opt, nil).Hooks) != 1000 {
			b.Fatal("not all were loaded")
		}
	}
}
