package paths

import (
	"os"
	"testing"
)

func TestChanges(t *testing.T) {
	const one = "mkdir hooks; echo one >hooks/a"
	tests := []struct {
		name    string
		prepare string
		root    string // hooks if empty
		steps   []string
	}{
		{"edit in place", one, "", []string{"echo two >hooks/a", "echo three >>hooks/a", ">hooks/a"}},
		{"new file and its end", one, "", []string{"echo two >hooks/b", "rm hooks/b"}},
		{"renamed over", one, "", []string{"echo two >new; mv new hooks/a", "echo two >new; mv new hooks/a"}},
		{"renamed over in the directory", one, "", []string{"echo two >hooks/.new; mv hooks/.new hooks/a"}},
		{"moved out", one, "", []string{"mv hooks/a ."}},
		{"package manager", "mkdir hooks", "", []string{
			"echo one >hooks/a.dpkg-new; chmod 755 hooks/a.dpkg-new; mv hooks/a.dpkg-new hooks/a",
			"echo two >hooks/a.dpkg-new; ln hooks/a hooks/a.dpkg-tmp; mv hooks/a.dpkg-new hooks/a; rm hooks/a.dpkg-tmp",
			"rm hooks/a; rmdir hooks"}},
		{"editor with a backup", one, "", []string{
			"cp hooks/a hooks/.a.swp; mv hooks/a hooks/a~; echo two >hooks/a; rm hooks/.a.swp hooks/a~"}},
		{"chmod", one, "", []string{"chmod 755 hooks/a", "chmod 644 hooks/a", "chmod 700 hooks"}},
		{"touch", one, "", []string{"touch hooks/a", "touch -d 2001-01-01 hooks/a"}},
		{"strange names", one, "", []string{"echo two >'hooks/a\n%s \"'", "echo three >'hooks/a\n%s \"'"}},

		{"root made late", "", "a/b/c", []string{"mkdir -p a/b/c; echo one >a/b/c/f", "echo two >a/b/c/f"}},
		{"root removed", one, "", []string{"rm -r hooks", "mkdir hooks; echo one >hooks/a", "echo two >hooks/a"}},
		{"root made anew at once", one, "", []string{"rm -r hooks; mkdir hooks; echo two >hooks/a", "echo three >hooks/a"}},
		{"root moved, removed and made anew", one, "", []string{
			"mv hooks old; rm -r old; mkdir hooks; echo two >hooks/a", "echo three >hooks/a"}},
		{"root swapped", one + "; mkdir new; echo two >new/a", "", []string{
			"mv hooks old; mv new hooks", "echo three >hooks/a", "mv hooks new; mv old hooks", "echo four >hooks/a"}},
		{"root replaced by a file", one, "", []string{"rm -r hooks; echo >hooks", "rm hooks; " + one, "echo two >hooks/a"}},
		{"ancestor swapped", "mkdir -p x/y/hooks z/y/hooks; echo one >x/y/hooks/a", "x/y/hooks", []string{
			"mv x old; mv z x", "echo two >x/y/hooks/a", "mv x z; mv old x; echo three >x/y/hooks/a", "echo four >x/y/hooks/a"}},
		{"ancestor loses rights", "mkdir -p x/hooks", "x/hooks", []string{"chmod 711 x", "chmod 755 x"}},
		{"dots in the path", "mkdir a hooks", "a/.././hooks", []string{"echo one >hooks/a", "rm -r a", "mkdir a"}},

		{"root is a link", "mkdir one two; echo >two/b; ln -s one hooks", "", []string{
			"echo one >one/a", "ln -sfn two hooks", "echo two >two/a", "rm hooks", "ln -s $PWD/one hooks", "echo three >one/a"}},
		{"link renamed over", "mkdir one two; echo >two/b; ln -s one hooks", "", []string{
			"ln -s two new; mv -T new hooks", "echo two >two/a"}},
		{"link on the way", "mkdir -p v1/hooks v2/hooks; echo >v2/hooks/b; ln -s v1 at; ln -s at now", "now/hooks", []string{
			"echo one >v1/hooks/a", "ln -sfn v2 at", "echo two >v2/hooks/a", "ln -sfn v1 now", "echo three >v1/hooks/a"}},
		{"link to nothing", "ln -s x/y hooks", "", []string{"mkdir -p x/y; echo one >x/y/a", "echo two >x/y/a"}},
		{"link to itself", "ln -s hooks hooks", "", []string{"rm hooks; " + one, "echo two >hooks/a"}},

		{"file is a link", "mkdir hooks x; echo one >x/a; echo two >x/b; ln -s ../x/a hooks/a", "", []string{
			"ln -sfn ../x/b hooks/a", "echo three >x/b", "chmod 755 x/b", "echo four >new; mv new x/b"}},
		{"file is a link to a link", "mkdir hooks x y; echo one >y/a; ln -s ../y/a x/a; ln -s $PWD/x/a hooks/a", "", []string{
			"echo two >y/a", "echo three >y/b; ln -sfn ../y/b x/a", "echo four >y/b", "mv y z", "mkdir y; echo five >y/b",
			"echo six >y/b"}},
		{"file is a link to nothing", "mkdir hooks; ln -s ../x/y/a hooks/a", "", []string{
			"mkdir -p x/y; echo one >x/y/a", "echo two >x/y/a"}},
		{"file is masked", one, "", []string{"ln -sf /dev/null hooks/a", "rm hooks/a"}},

		{"drop-ins", one, "", []string{
			"mkdir hooks/a.hook.d; echo one >hooks/a.hook.d/x.conf", "echo two >hooks/a.hook.d/x.conf", "chmod 700 hooks/a.hook.d",
			"rm hooks/a.hook.d/x.conf", "rmdir hooks/a.hook.d"}},
		{"drop-ins behind a link", one + "; mkdir x", "", []string{
			"ln -s ../x hooks/a.hook.d", "echo one >x/x.conf", "echo two >x/x.conf", "echo >y; ln -s ../y x/y.conf",
			"echo three >y"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.root == "" {
				test.root = "hooks"
			}
			o := prepare(t, test.prepare, test.root).run()
			for _, step := range test.steps {
				o.do(step)
			}
			if how := o.watcher.How(); how != "inotify" {
				t.Errorf("How: %s", how)
			}
		})
	}
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change owners")
	}
	o := prepare(t, "mkdir -p x/hooks; echo one >x/hooks/a", "x/hooks").run()
	o.do("chown 1 x/hooks/a")
	o.do("chown 1 x/hooks")
	o.do("chown 1 x")
}
