package legacy

import (
	"bytes"
	"os"
	"path"
	"slices"
	"strings"

	"hookd/compat/runparts"
)

// runPartsName is the rule of run-parts(8) without options: letters, digits, _ and -.
func runPartsName(f File) verdict {
	if names := (runparts.Options{}); names.Takes(f.Name) {
		return verdict{}
	}
	return never("%s%s", runPartsObjection(f.Name), busyboxWould(f))
}

func runPartsObjection(name string) string {
	switch left := leftover(name); {
	case left != "":
		return "run-parts takes no such name: left over by an editor or a package manager (" + left + ")"
	case strings.Contains(name, "."):
		return "run-parts takes no name with a dot in it"
	}
	return "run-parts takes letters, digits, _ and - only in a name"
}

// busyboxWould says that another run-parts would run it: that of busybox takes dots but for a first one.
func busyboxWould(f File) string {
	if only(f.Name, "_-.", true) && f.Name[0] != '.' && f.Kind == '-' && f.Mode&0o111 != 0 {
		return "; that of busybox would run it"
	}
	return ""
}

// busyboxName is the rule of busybox' run-parts: dots too, but not first.
func busyboxName(f File) verdict {
	if only(f.Name, "_-.", true) && f.Name[0] != '.' {
		return verdict{}
	}
	return never("busybox' run-parts takes letters, digits, _, - and dots that are not first in a name")
}

// lsbName is the rule of run-parts --lsbsysinit.
func (h *host) lsbName(f File) verdict {
	names := runparts.Options{LSB: true, Dialect: runparts.V5_23}
	if strings.Contains(f.Name, "_") && !h.takesUnderscore() {
		names.Dialect = runparts.V5_7
	}
	if names.Takes(f.Name) {
		return verdict{}
	}
	if left := leftover(f.Name); left != "" {
		return never("run-parts --lsbsysinit takes no such name: left over by an editor or a package manager (%s)", left)
	}
	return never("run-parts --lsbsysinit takes no such name")
}

// takesUnderscore says whether run-parts takes an underscore in a plain name: it does since 5.10. The program has its own
// expressions in it.
func (h *host) takesUnderscore() bool {
	text, err := os.ReadFile(h.real(h.resolve("/usr/bin/run-parts")))
	return err != nil || bytes.Contains(text, []byte("^[a-z0-9][a-z0-9_-]*$"))
}

// noBackup is NetworkManager's check_filename, behind noTilde.
func noBackup(f File) verdict {
	for _, end := range []string{".rpmsave", ".rpmorig", ".rpmnew", ".swp"} {
		if strings.HasSuffix(f.Name, end) {
			return never("left over by an editor or a package manager (%s)", end)
		}
	}
	if i := strings.LastIndex(f.Name, ".dpkg-"); i >= 0 && !strings.Contains(f.Name[i+1:], ".") {
		return never("left over by the package manager (%s)", f.Name[i:])
	}
	return verdict{}
}

// noLeftover is systemd's hidden_or_backup_file, behind noTilde.
func noLeftover(f File) verdict {
	if slices.Contains([]string{"lost+found", "aquota.user", "aquota.group"}, f.Name) {
		return never("systemd takes no such name")
	}
	end := path.Ext(f.Name)
	for _, left := range strings.Fields("rpmnew rpmsave rpmorig dpkg-old dpkg-new dpkg-tmp dpkg-dist dpkg-bak dpkg-backup dpkg-remove " +
		"ucf-new ucf-old ucf-dist swp bak old new") {
		if end == "."+left {
			return never("left over by an editor or a package manager (%s)", end)
		}
	}
	return verdict{}
}

// noTilde is the glob of pm-utils and dhcpcd: nothing hidden, no ~ at the end.
func noTilde(f File) verdict {
	switch {
	case strings.HasPrefix(f.Name, "."):
		return never("its name begins with a dot")
	case strings.HasSuffix(f.Name, "~"):
		return never("left over by an editor (~)")
	}
	return verdict{}
}

// leftover is the end of a name that an editor or a package manager gives to what it keeps.
func leftover(name string) string {
	if strings.HasSuffix(name, "~") {
		return "~"
	}
	for _, prefix := range []string{".dpkg-", ".ucf-", ".rpm"} {
		if i := strings.LastIndex(name, prefix); i > 0 {
			return name[i:]
		}
	}
	if end := path.Ext(name); end == ".swp" || end == ".bak" || end == ".orig" || end == ".old" {
		return end
	}
	return ""
}

func only(s, besides string, upper bool) bool {
	for i := range len(s) {
		c := s[i]
		if !lowerDigit(c) && !(upper && c >= 'A' && c <= 'Z') && strings.IndexByte(besides, c) < 0 {
			return false
		}
	}
	return s != ""
}

func lowerDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
