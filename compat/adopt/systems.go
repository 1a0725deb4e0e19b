package adopt

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hookd/compat"
)

// OwnScript is our link in a directory: run-parts(8), NetworkManager, systemd and dhclient-script(8) all take that name.
const OwnScript = "hookd"

// shims are where hookshim(8) may be: of a package, or of make install.
var shims = [...]string{"/usr/lib/hookd/hookshim", "/usr/local/lib/hookd/hookshim"}

// flavor is what of a system is installed here, and how that can be adopted.
type flavor struct {
	name string   // its own, where others have the same place
	by   string   // how it is adopted unless links are asked for
	dirs []string // where its scripts, and links, stand
	unit string   // of a program whose place hookd takes
	why  string   // why it cannot be adopted
}

// flavor looks for a system.
func (h Host) flavor(s compat.System) flavor {
	switch s.Name {
	case "ifupdown":
		return h.ifupdown(s)
	case "ppp":
		return h.ppp(s)
	case "dhclient":
		return h.program(flavor{name: "ISC's dhclient", by: ByLinks, dirs: directories(s)}, "/usr/sbin/dhclient", "/sbin/dhclient")
	case "networkmanager":
		dirs := slices.DeleteFunc(directories(s), func(dir string) bool { return strings.HasSuffix(dir, "/no-wait.d") })
		return h.program(flavor{name: "NetworkManager", by: ByLinks, dirs: dirs}, "/usr/sbin/NetworkManager")
	case "networkd-dispatcher":
		return h.program(flavor{name: s.Name, by: ByMask, dirs: directories(s), unit: "networkd-dispatcher.service"}, "/usr/bin/networkd-dispatcher")
	case "system-sleep":
		return h.program(flavor{name: "systemd", by: ByLinks, dirs: directories(s)}, "/usr/lib/systemd/systemd-sleep", "/lib/systemd/systemd-sleep")
	}
	return flavor{why: "nobody has taught hookctl to adopt it"}
}

// program is a flavor that is there when one of the files is.
func (h Host) program(f flavor, files ...string) flavor {
	if !slices.ContainsFunc(files, h.exists) {
		f.why = fmt.Sprintf("there is no %s", h.at(files[0]))
	}
	return f
}

func (h Host) exists(path string) bool {
	_, err := os.Lstat(h.at(path))
	return err == nil
}

// ifupdown tells Debian's, whose run-parts(8) is found through PATH, from others of its commands' name.
func (h Host) ifupdown(s compat.System) flavor {
	f := flavor{name: "Debian's ifupdown", by: ByPath, dirs: directories(s, "pre-up", "up", "down", "post-down")}
	switch kind := h.ifup(); {
	case kind == "":
		f.why = fmt.Sprintf("there is no %s", h.at("/usr/sbin/ifup"))
	case strings.HasPrefix(kind, "ifupdown2"): // it runs the scripts itself
		f.name, f.by = "ifupdown2", ByLinks
		f.dirs = directories(s, "pre-up", "up", "post-up", "pre-down", "down", "post-down")
	case strings.HasPrefix(kind, "ifupdown"): // its /bin/run-parts is no matter of PATH, and it has a directory for each phase
		f.name, f.by, f.dirs = "ifupdown-ng", ByLinks, directories(s)
	case kind == "busybox": // the shell of busybox may prefer its own run-parts
		f.name, f.by = "busybox", ByLinks
	}
	return f
}

// ifup is the name of the program that ifup(8) is: ifup itself is Debian's. ifupdown-ng is one program of several names, and
// where Debian's may stand beside it, it is called ifup-ng.
func (h Host) ifup() string {
	for _, path := range []string{"/usr/sbin/ifup", "/sbin/ifup", "/usr/sbin/ifup-ng", "/sbin/ifup-ng"} {
		for range 10 {
			target, err := os.Readlink(h.at(path))
			if err != nil {
				break
			}
			path = filepath.Join(filepath.Dir(path), target)
			if filepath.IsAbs(target) {
				path = target
			}
		}
		if h.exists(path) {
			if strings.Contains(path, "/ifupdown2/") {
				return "ifupdown2"
			}
			return filepath.Base(path)
		}
	}
	return ""
}

// ppp is adopted where the scripts of pppd(8) are Debian's: pppd itself knows no directories.
func (h Host) ppp(s compat.System) flavor {
	f := h.program(flavor{name: "Debian's ppp", by: ByPath, dirs: directories(s)}, "/usr/sbin/pppd")
	text, err := os.ReadFile(h.at("/etc/ppp/ip-up"))
	if f.why == "" && (err != nil || !strings.Contains(string(text), "run-parts /etc/ppp/ip-up.d")) {
		f.why = fmt.Sprintf("%s does not run the scripts of /etc/ppp/ip-up.d", h.at("/etc/ppp/ip-up"))
	}
	return f
}

// directories are those of a system, or of the phases of ifupdown that are named.
func directories(s compat.System, phases ...string) []string {
	var out []string
	for _, p := range s.Phases {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(p.Directory), "if-"), ".d")
		if len(phases) == 0 || slices.Contains(phases, name) {
			out = append(out, p.Directory)
		}
	}
	return out
}

// changes are what a way of adoption makes.
func (h Host) changes(s compat.System, f flavor, by, shim string) []Change {
	if by == ByMask {
		return []Change{{Stop, f.unit, ""}, {Mask, f.unit, ""}}
	}
	if by == ByPath {
		return append(h.parents(compat.RunParts), Change{Link, compat.RunParts, shim})
	}
	var out []Change
	for _, dir := range f.dirs {
		script := Change{Link, filepath.Join(dir, OwnScript), shim}
		if s.Name == "dhclient" {
			script = Change{File, script.Path, sourced(shim)}
		}
		out = append(append(out, h.parents(script.Path)...), script)
	}
	return out
}

// parents are the directories above a file that are not there, from the top.
func (h Host) parents(path string) []Change {
	var out []Change
	for dir := filepath.Dir(path); !h.exists(dir) && dir != "/"; dir = filepath.Dir(dir) {
		out = append([]Change{{Directory, dir, ""}}, out...)
	}
	return out
}

// sourced is what dhclient-script(8) reads into its own shell: so it sets nothing, and whatever happens ends well.
func sourced(shim string) string {
	return "# Tells hookd what dhclient has done. It is taken away with: hookctl adopt --undo dhclient\n" +
		"[ ! -x " + shim + " ] || " + shim + " dhclient || :\n"
}

// shim finds hookshim(8).
func (h Host) shim() (string, error) {
	for _, path := range shims {
		if h.executable(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s", h.at(shims[0]))
}

func (h Host) executable(path string) bool {
	info, err := os.Stat(h.at(h.follow(path)))
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// shim is the hookshim(8) that what a change makes needs, empty for none.
func (c Change) shim() string {
	for _, path := range shims {
		if c.Content == path || c.Content == sourced(path) {
			return path
		}
	}
	return ""
}
