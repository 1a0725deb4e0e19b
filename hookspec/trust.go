package hookspec

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"hookd/events"
)

// Trust says who may own and write what hookd reads and executes. The zero value trusts nobody.
type Trust struct {
	UIDs []uint32
	GIDs []uint32 // groups whose members are trusted users only
}

// TrustOf is the trust of a hookd that runs as the user of this process: root, the user, and the group of the user that
// nobody else is in (which is what a umask of 002 relies on).
func TrustOf() Trust {
	uid := uint32(os.Geteuid())
	t := Trust{UIDs: []uint32{0}}
	if uid != 0 {
		t.UIDs = append(t.UIDs, uid)
	}
	if gid, private := privateGroup(uid); private {
		t.GIDs = append(t.GIDs, gid)
	}
	return t
}

// privateGroup finds the user's primary group, if it has the user's name and nobody else is in it: neither as a member
// nor with it as their own primary group.
func privateGroup(uid uint32) (uint32, bool) {
	u, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return 0, false
	}
	groups, err := os.ReadFile("/etc/group")
	users, err2 := os.ReadFile("/etc/passwd")
	gid, err3 := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil || err2 != nil || err3 != nil {
		return 0, false
	}
	found := false
	for _, f := range colonLines(groups, 4, 2, u.Gid) {
		if f[0] != u.Username || f[3] != "" && f[3] != u.Username {
			return 0, false
		}
		found = true
	}
	return uint32(gid), found && len(colonLines(users, 7, 3, u.Gid)) == 1
}

// colonLines finds the lines of n fields (passwd(5), group(5)) in which the field at the given place has the value.
func colonLines(text []byte, n, at int, value string) [][]string {
	var out [][]string
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Split(line, ":"); len(f) == n && f[at] == value {
			out = append(out, f)
		}
	}
	return out
}

// maxLinks is how many links a path may lead through, as in the kernel (path_resolution(7)).
const maxLinks = 40

// Resolve follows a path link by link and returns it without links. Every directory and link on the way and the file at
// its end must belong to a trusted user and be writable by trusted users only; then nobody else can change between
// this check and the use what the result names (failures: S2).
func (t Trust) Resolve(path string) (string, error) {
	full := path
	if !strings.HasPrefix(path, "/") {
		wd, err := os.Getwd()
		if err != nil {
			return "", err
		}
		full = wd + "/" + path // not cleaned: what .. means depends on the links before it
	}
	at, rest, links := "/", strings.Split(full, "/"), 0
	if err := t.checkPath(at); err != nil {
		return "", err
	}
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		target, isLink, err := t.step(next)
		if err != nil {
			return "", err
		}
		if !isLink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s leads through too many links", events.Show(path))
		}
		if strings.HasPrefix(target, "/") {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

// step checks one path and reads it if it is a link.
func (t Trust) step(path string) (target string, isLink bool, err error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return "", false, err
	}
	if fi.Mode()&os.ModeSymlink == 0 {
		return "", false, t.check(path, fi)
	}
	if err := t.owner(path, fi); err != nil {
		return "", false, err
	}
	target, err = os.Readlink(path)
	return target, true, err
}

func (t Trust) checkPath(path string) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return t.check(path, fi)
}

// check judges a file or directory. A sticky directory may be writable: what others own in it fails its own check, and
// what trusted users own in it others cannot replace.
func (t Trust) check(path string, fi os.FileInfo) error {
	if err := t.owner(path, fi); err != nil {
		return err
	}
	st := fi.Sys().(*syscall.Stat_t)
	sticky := fi.IsDir() && fi.Mode()&os.ModeSticky != 0
	switch {
	case sticky, isNull(fi):
	case fi.Mode()&0o002 != 0:
		return fmt.Errorf("%s is writable by everybody (mode %04o)", events.Show(path), fi.Mode().Perm())
	case fi.Mode()&0o020 != 0 && !slices.Contains(t.GIDs, st.Gid):
		return fmt.Errorf("%s is writable by its group %d (mode %04o)", events.Show(path), st.Gid, fi.Mode().Perm())
	}
	return nil
}

func (t Trust) owner(path string, fi os.FileInfo) error {
	if uid := fi.Sys().(*syscall.Stat_t).Uid; !slices.Contains(t.UIDs, uid) {
		return fmt.Errorf("%s belongs to uid %d, who is not trusted here", events.Show(path), uid)
	}
	return nil
}

// maxFile is the largest hook file in bytes. A script may be larger; only its beginning is read.
const maxFile = 1 << 20

// readFile opens a resolved path and reads what it opened, so that what was judged is what is read.
func readFile(path string) (string, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return "", fi, err
	}
	if beingWritten(f) {
		return "", fi, errWritten
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return string(text), fi, err
}

// errWritten is about a file of which perhaps a half is there (failures: R18).
var errWritten = errors.New("somebody has it open for writing")

// beingWritten asks for a lease, which the kernel refuses while a writer has the file open (fcntl(2), F_SETLEASE). Where
// we may not have one, because the file is somebody else's or its file system knows none, nothing is known.
func beingWritten(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}
