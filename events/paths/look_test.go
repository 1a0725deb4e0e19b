package paths

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unread is for looks that nobody listens beside.
func unread(string, string) {}

// A change in the tick of a look may leave everything as it was, size and times, so such a look is never believed.
func TestUnsure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := fi.Sys().(*syscall.Stat_t).Ctim.Nano()
	tests := []struct {
		name  string
		begin int64
		want  bool
	}{
		{"changed in the tick of the look", changed, true},
		{"changed while the look was under way", changed - int64(time.Millisecond), true},
		{"changed before", changed + 1, false},
	}
	for _, test := range tests {
		s := surveyor{watch: unread, begin: test.begin}
		s.note(path)
		if s.unsure != test.want {
			t.Errorf("%s: unsure is %v", test.name, s.unsure)
		}
		v := view{s.text.String(), s.unsure}
		if v.same(v) == test.want {
			t.Errorf("%s: the same view is taken for the same: %v", test.name, !test.want)
		}
	}
	s := surveyor{watch: unread}
	if s.note(dir); s.unsure {
		t.Error("unsure because of a directory")
	}
}

// Views of a tree that is at rest are the same and sure, also one that was changed just before.
func TestLookAtRest(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first := look([]string{dir}, unread)
	for deadline := time.Now().Add(patience); first.unsure; first = look([]string{dir}, unread) {
		if time.Now().After(deadline) {
			t.Fatalf("never sure: %v", first)
		}
	}
	if second := look([]string{dir}, unread); !second.same(first) {
		t.Errorf("first %v\nthen  %v", first, second)
	}
}

// plant makes links, and the directories that they stand in. DIR in a target is the directory of all.
func plant(t *testing.T, links map[string]string) (dir string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, target := range links {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(strings.ReplaceAll(target, "DIR", dir), path); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFollow(t *testing.T) {
	dir := plant(t, map[string]string{"a/b/here": ".", "up": "a/b/..", "top": "/", "full": "DIR//a/./b/", "loop": "loop",
		"one": "two", "two": "up/b/here", "null": "/dev/null", "gone": "a/none", "deep/40": "."})
	for i := range 40 {
		if err := os.Symlink(fmt.Sprint(i+1), filepath.Join(dir, "deep", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		path, want string
		dir        bool
	}{
		{"", dir, true}, {"a/b", dir + "/a/b", true}, {"a/b/here", dir + "/a/b", true}, {"up", dir + "/a", true},
		{"top", "/", true}, {"top/" + dir + "/up/..", dir, true}, {"full", dir + "/a/b", true}, {"one", dir + "/a/b", true},
		{"loop", "", false}, {"gone", "", false}, {"a/none/..", "", false}, {"null", "/dev/null", false},
		{"deep/1", dir + "/deep", true}, {"deep/0", "", false},
	}
	for _, test := range tests {
		s := surveyor{watch: unread}
		path, mode := s.follow("/", dir+"/"+test.path)
		if path != test.want || isDir(mode) != test.dir {
			t.Errorf("%q leads to %q, directory: %v", test.path, path, isDir(mode))
		}
	}
}

// What is watched before a directory is read decides whether a change is missed.
func TestWatchedBeforeRead(t *testing.T) {
	dir := plant(t, map[string]string{"x/root": "../y", "y/mask": "/dev/null", "y/link": "/DIR/x/../x/file",
		"y/gone": "none/file", "y/a.d/link": "../../x/none"})
	var got []string
	survey([]string{dir + "/x/root"}, func(in, name string) {
		if below, found := strings.CutPrefix(in, dir); found || in == "/dev" {
			got = append(got, below+":"+name)
		}
	})
	want := ":x /x:root :y /y: /y:a.d /y/a.d: /y/a.d:link :x /x:none /y:gone /y:none /y:link :x :x /x:file /y:mask"
	if strings.Join(got, " ") != want {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestMatter(t *testing.T) {
	w := newWatches()
	w.begin()
	defer w.close()
	w.add("/", "tmp")
	w.add("/tmp", "")
	tests := map[string]bool{"/": true, "//tmp": true, "/tmp": true, "/tmp/x": true,
		"//etc": false, "/tmp/x/y": false, "/tmpx": false}
	for path, want := range tests {
		if w.matter(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	var roots []string
	for i := range 6 {
		dir := filepath.Join(b.TempDir(), fmt.Sprint(i))
		roots = append(roots, dir)
		if err := os.Mkdir(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		for j := range 10 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(j)), nil, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	w := New(roots)
	b.ReportAllocs()
	for b.Loop() {
		w.look()
	}
	w.watches.close()
}
