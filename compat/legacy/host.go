package legacy

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hookd/compat"
)

// host is the system below a root. All paths that it takes and gives are those that the system itself knows; links in it
// lead to places below the root.
type host struct {
	root    string
	adopted map[string]bool // systems that hookctl adopt has taken over
	shimmed bool            // ifup and pppd find our run-parts before the real one
	known   map[string]bool // files that were looked for

	programs map[string]bool // interpreters that were looked for
}

func newHost(root string) *host {
	h := &host{root: strings.TrimRight(root, "/"), adopted: map[string]bool{}, known: map[string]bool{}, programs: map[string]bool{}}
	for _, s := range compat.Systems() {
		if fi, err := os.Lstat(h.real(compat.Records + "/" + s.Name)); err == nil && fi.Mode().IsRegular() {
			h.adopted[s.Name] = true
		}
	}
	h.shimmed = path.Base(h.resolve(compat.RunParts)) == "hookshim"
	return h
}

// onePlan says whether the scripts of a system run in one order with hooks: where our run-parts runs them, or hookd itself.
func (h *host) onePlan(system string) bool {
	if !h.adopted[system] {
		return false
	}
	s, _ := compat.Find(system)
	return s.RunParts && h.shimmed || system == "networkd-dispatcher"
}

func (h *host) real(p string) string { return h.root + p }

// resolve follows all links in a path without leaving the root. It is empty where the path leads nowhere.
func (h *host) resolve(p string) string {
	if h.root == "" {
		real, _ := filepath.EvalSymlinks(p)
		return real
	}
	rest, at := strings.Split(path.Clean(p), "/"), "/"
	for links := 0; len(rest) > 0; {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		if next == "/dev/null" {
			return next // which a root that is not in use hardly has
		}
		fi, err := os.Lstat(h.real(next))
		if err != nil {
			return ""
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		text, err := os.Readlink(h.real(next))
		if links++; err != nil || links > 40 {
			return ""
		}
		if path.IsAbs(text) {
			at = "/"
		}
		rest = append(strings.Split(path.Clean(text), "/"), rest...)
	}
	return at
}

// has says whether one of these is there; a * stands for names of directories.
func (h *host) has(paths ...string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		if found, asked := h.known[p]; asked {
			return found
		}
		matches, _ := filepath.Glob(escape(h.root) + p)
		h.known[p] = len(matches) > 0
		return h.known[p]
	})
}

func escape(root string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(root)
}

// list describes what lies in a directory.
func (h *host) list(dir string) []File {
	real := h.resolve(dir)
	names, err := os.ReadDir(h.real(real))
	if real == "" || err != nil {
		return nil
	}
	var out []File
	for _, n := range names {
		out = append(out, h.file(path.Join(dir, n.Name()), n.Type()))
	}
	return out
}

// files is a single file, if it is there.
func (h *host) files(p string) []File {
	fi, err := os.Lstat(h.real(p))
	if err != nil {
		return nil
	}
	return []File{h.file(p, fi.Mode().Type())}
}

// names are those of a directory that match a glob.
func (h *host) names(dir, glob string) []string {
	matches, _ := filepath.Glob(escape(h.root) + path.Join(dir, glob))
	for i := range matches {
		matches[i] = path.Base(matches[i])
	}
	return matches
}

func (h *host) file(p string, kind fs.FileMode) File {
	f := File{Path: p, Name: path.Base(p), Kind: '?', Real: p}
	if kind&fs.ModeSymlink != 0 {
		f.Link, _ = os.Readlink(h.real(p))
		f.Real = h.resolve(p)
	}
	f.Dir = h.owner(path.Dir(p))
	var st syscall.Stat_t
	switch {
	case f.Real == "/dev/null":
		f.Kind = 'c'
		return f
	case f.Real == "" || syscall.Lstat(h.real(f.Real), &st) != nil:
		return f
	}
	f.ID = fmt.Sprintf("%x:%x", st.Dev, st.Ino)
	f.Kind, f.Mode, f.UID, f.GID, f.Size = kindOf(st.Mode), st.Mode&0o7777, st.Uid, st.Gid, st.Size
	if f.Kind == '-' {
		f.Start, f.Secret = h.start(f.Real)
		f.Missing, f.Unfit = h.missing(f)
	}
	return f
}

func kindOf(mode uint32) byte {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return '-'
	case syscall.S_IFDIR:
		return 'd'
	case syscall.S_IFIFO:
		return 'p'
	case syscall.S_IFSOCK:
		return 's'
	case syscall.S_IFCHR, syscall.S_IFBLK:
		return 'c'
	}
	return '?'
}

func (h *host) owner(dir string) Owner {
	var st syscall.Stat_t
	if syscall.Lstat(h.real(dir), &st) != nil {
		return Owner{}
	}
	return Owner{st.Mode & 0o7777, st.Uid, st.Gid}
}

// startSize is how much the kernel reads of a script's first line.
const startSize = 256

func (h *host) start(p string) (text string, secret bool) {
	f, err := os.OpenFile(h.real(p), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", true
	}
	defer f.Close()
	buf := make([]byte, startSize)
	n, _ := f.Read(buf)
	return string(buf[:n]), false
}

// missing is the interpreter of a script, or what env(1) is to find for it, if that is not there, or why it cannot be one.
func (h *host) missing(f File) (program, unfit string) {
	program, arg := f.interpreter()
	switch {
	case program == "":
		return "", ""
	case !h.program(program):
		return program, h.unfit(program)
	case path.Base(program) == "env" && arg != "" && !strings.HasPrefix(arg, "-") && !strings.ContainsAny(arg, "/= \t"):
		for _, dir := range []string{"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"} {
			if h.program(dir + arg) {
				return "", ""
			}
		}
		return arg, ""
	}
	return "", ""
}

func (h *host) program(p string) bool {
	if found, asked := h.programs[p]; asked {
		return found
	}
	h.programs[p] = path.IsAbs(p) && h.resolve(p) != "" && h.unfit(p) == ""
	return h.programs[p]
}

// unfit says why a file cannot be executed; of one that is not there it says nothing.
func (h *host) unfit(p string) string {
	switch fi, err := os.Stat(h.real(h.resolve(p))); {
	case !path.IsAbs(p) || h.resolve(p) == "" || err != nil:
		return ""
	case !fi.Mode().IsRegular():
		return "no file"
	case fi.Mode()&0o111 == 0:
		return fmt.Sprintf("not executable (mode %04o)", fi.Mode().Perm())
	}
	return ""
}
