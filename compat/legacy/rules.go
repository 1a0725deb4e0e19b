package legacy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"hookd/events"
)

// verdict is what an old system makes of a file.
type verdict struct {
	why      string // why it never runs; empty if it does
	expected bool   // and that is no mistake
	chosen   bool   // the system tries it all the same
	fails    bool   // run-parts goes on behind it, and fails at the end
	remarks  []string
}

// rule says why a file never runs, as one old system judges it. The first one that objects decides.
type rule func(File) verdict

func (f File) judged(rules []rule) verdict {
	var remarks []string
	for _, r := range rules {
		v := r(f)
		if v.why != "" {
			return v
		}
		remarks = append(remarks, v.remarks...)
	}
	return verdict{remarks: remarks}
}

// unstartable is what the old system finds out only when it tries.
func unstartable(format string, args ...any) verdict {
	return verdict{why: fmt.Sprintf(format, args...), chosen: true}
}

func never(format string, args ...any) verdict { return verdict{why: fmt.Sprintf(format, args...)} }

func remark(text string) verdict { return verdict{remarks: []string{text}} }

// mask is a verdict about what somebody has switched off.
func mask(why string) verdict { return verdict{why: why, expected: true} }

// leads refuses links that lead nowhere.
func leads(f File) verdict {
	if f.Real == "" {
		return never("the link leads nowhere (%s)", events.Show(f.Link))
	}
	return verdict{}
}

// regular refuses what is no file.
func regular(f File) verdict {
	switch f.Kind {
	case '-':
		return verdict{}
	case 'd':
		return never("it is a directory")
	}
	return never("it is no regular file")
}

// notNull tells of masks where the old system knows none.
func notNull(f File) verdict {
	if f.null() {
		return failing("a link to /dev/null: run-parts knows no masks, it")
	}
	return verdict{}
}

// noEntry is regular for run-parts, which says nothing of a directory.
func noEntry(f File) verdict {
	if v := regular(f); v.why == "" || f.isDir() {
		return v
	}
	return failing("it is no regular file: run-parts")
}

func failing(why string) verdict { return verdict{why: why + " complains and fails", fails: true} }

// leadsOrStops is leads for ifup with a run-parts that cannot look at such a link: since 5.21 it passes it over.
func leadsOrStops(f File) verdict {
	v := leads(f)
	v.chosen = v.why != ""
	return v
}

// ends says what a file does to ifup, which calls run-parts with --exit-on-error.
func (v verdict) ends() string {
	switch {
	case v.chosen:
		return "; ifup fails there, and no later script runs"
	case v.fails:
		return "; ifup fails, too"
	}
	return ""
}

// anyExecutable is access(2) for root: one bit is enough.
func anyExecutable(f File) verdict {
	if f.Mode&0o111 == 0 {
		return never("it is not executable (mode %04o)", f.Mode)
	}
	return verdict{}
}

// executes refuses what execve(2) refuses.
func executes(f File) verdict {
	switch {
	case f.Size == 0:
		return unstartable("exec format error: it is empty")
	case f.Secret:
		return remark("only its owner can see how it begins")
	case f.elf() && !f.format():
		return unstartable("exec format error: it begins as a program and is none")
	case !f.format():
		return unstartable("exec format error: it does not begin with #!")
	}
	return interpreted(f)
}

// interpreted refuses a script whose interpreter is not there.
func interpreted(f File) verdict {
	if f.Missing == "" {
		return verdict{}
	}
	program, _ := f.interpreter()
	switch {
	case f.Unfit != "":
		return unstartable("its interpreter %s is %s", events.Show(f.Missing), f.Unfit)
	case strings.HasSuffix(f.Missing, "\r"):
		return unstartable("its first line ends in a carriage return, so there is no interpreter %s", events.Show(f.Missing))
	case f.Missing != program:
		return unstartable("%s finds no %s", program, events.Show(f.Missing))
	}
	return unstartable("there is no interpreter %s", events.Show(f.Missing))
}

// executesOrShell is for systems that have /bin/sh read what the kernel cannot execute.
func executesOrShell(f File) verdict {
	if !f.format() && !f.Secret {
		return remark("without #! in its first line /bin/sh reads it")
	}
	return interpreted(f)
}

// exactly is networkd-dispatcher's check_perms: the mode to the bit, of the directory and of what a link leads to.
func exactly(f File) verdict {
	dir, base := f.Dir, path.Base(path.Dir(f.Path))
	switch {
	case dir.Mode != 0o755 || dir.UID != 0 || dir.GID != 0:
		return never("%s must have mode 0755 and belong to root:root; it has %04o, %d:%d", base, dir.Mode, dir.UID, dir.GID)
	case f.Mode != 0o755:
		return never("its mode must be 0755, and is %04o", f.Mode)
	case f.UID != 0 || f.GID != 0:
		return never("it must belong to root:root, not to %d:%d", f.UID, f.GID)
	}
	return verdict{}
}

// trusted is what hookd believes that runs scripts itself: nobody but root can change them.
func trusted(f File) verdict {
	switch {
	case f.UID != 0:
		return never("hookd does not trust it: it belongs to user %d", f.UID)
	case f.Mode&0o002 != 0 || f.Mode&0o020 != 0 && f.GID != 0:
		return never("hookd does not trust it: others may write to it (mode %04o)", f.Mode)
	}
	return verdict{}
}

// ownedByRoot is what NetworkManager's dispatcher believes (check_permissions).
func ownedByRoot(f File) verdict {
	switch {
	case f.UID != 0:
		return never("it must belong to root, not to %d", f.UID)
	case f.Mode&0o022 != 0:
		return never("others may write to it (mode %04o)", f.Mode)
	case f.Mode&0o4000 != 0:
		return never("it is set-user-ID (mode %04o)", f.Mode)
	case f.Mode&0o100 == 0:
		return never("its owner may not execute it (mode %04o)", f.Mode)
	}
	return verdict{}
}

// emptyMasks is for systems where an empty file or a link to /dev/null switches a name off.
func emptyMasks(f File) verdict {
	if f.null() || f.Kind == 'c' || f.Kind == '-' && f.Size == 0 && f.Real != "" {
		return mask("a mask: it is empty or a link to /dev/null")
	}
	return verdict{}
}

// oneOwner is test -O in pm-utils, which root runs.
func oneOwner(f File) verdict {
	if f.UID != 0 {
		return never("it must belong to root, not to %d", f.UID)
	}
	return verdict{}
}

// noWait tells of scripts that NetworkManager starts at once.
func noWait(f File) verdict {
	if f.Link != "" && path.Base(path.Dir(f.Real)) == "no-wait.d" {
		return remark("it does not wait for others (no-wait.d)")
	}
	return verdict{}
}

// doubts are what does not stop a script and hardly anybody means.
func (f File) doubts() []string {
	var out []string
	switch {
	case f.Real == "" || f.null() || f.isDir():
		return nil
	case f.Mode&0o002 != 0:
		out = append(out, fmt.Sprintf("everybody may write to it (mode %04o)", f.Mode))
	case f.Mode&0o020 != 0 && f.GID != 0:
		out = append(out, fmt.Sprintf("the group %d may write to it (mode %04o)", f.GID, f.Mode))
	}
	if f.UID != 0 {
		out = append(out, fmt.Sprintf("it belongs to user %d, and root runs it", f.UID))
	}
	return slices.Clip(out)
}
