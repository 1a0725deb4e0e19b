package systemd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"hookd/hookspec"
	"hookd/runner"
)

// slice is where our services are in the tree of units.
const slice = "system-hookd.slice"

// execCommand is an entry of ExecStart, a(sasb).
type execCommand struct {
	Path          string
	Args          []string
	IgnoreFailure bool
}

// properties are those of the transient unit of a service. Nothing else gets into a unit: directives come from the table
// of [Service], and win over what is said here. unset are variables that the service manager would give to every
// service. What can not go over D-Bus is an error.
func properties(s runner.ServiceSpec, unset []string) ([]sd.Property, error) {
	if err := sendable(s); err != nil {
		return nil, err
	}
	set := defaults(s)
	set = append(set, identity(s.User, s.Group)...)
	set = append(set, environment(s.Env, unset)...)
	for _, d := range s.Directives {
		set = put(set, property(d.Property, d.Value))
	}
	return put(set, property("RemainAfterExit", remains(s.Directives))), nil
}

func sendable(s runner.ServiceSpec) error {
	switch {
	case len(s.Args) == 0 || !strings.HasPrefix(s.Args[0], "/"):
		return fmt.Errorf("start %s: the program is no absolute path", s.ID.Hook)
	case !utf8.ValidString(s.Args[0]):
		return fmt.Errorf("start %s: the program's path %q is no UTF-8, which systemd does not take", s.ID.Hook, s.Args[0])
	case !utf8.ValidString(s.Dir):
		return fmt.Errorf("start %s: the directory %q is no UTF-8, which systemd does not take", s.ID.Hook, s.Dir)
	}
	return nil
}

func property(name string, value any) sd.Property {
	return sd.Property{Name: name, Value: dbus.MakeVariant(value)}
}

func put(set []sd.Property, p sd.Property) []sd.Property {
	if i := slices.IndexFunc(set, func(have sd.Property) bool { return have.Name == p.Name }); i >= 0 {
		set[i] = p
		return set
	}
	return append(set, p)
}

// defaults are systemd's own, but said, so that a host's configuration does not change what a hook file means. A unit
// that failed stays until somebody has read why (CollectMode).
func defaults(s runner.ServiceSpec) []sd.Property {
	args := command(s.Args, s.Env)
	set := []sd.Property{
		property("Description", description(s)),
		property("CollectMode", "inactive"),
		property("StartLimitIntervalUSec", uint64(10_000_000)),
		property("StartLimitBurst", uint32(5)),
		property("Slice", slice),
		property("Type", "exec"),
		property("ExecStart", []execCommand{{args[0], args, false}}),
		property("KillMode", "control-group"),
		property("TimeoutStopUSec", uint64(90_000_000)),
		property("RestartUSec", uint64(100_000)),
		property("SyslogIdentifier", label(s.ID.Hook)),
		property("LogExtraFields", fields(s.ID)),
	}
	if s.Dir != "" {
		set = append(set, property("WorkingDirectory", s.Dir))
	}
	return set
}

func description(s runner.ServiceSpec) string {
	text := label(s.Description)
	if text == "" {
		text = label("hook " + s.ID.Hook)
	}
	if s.ID.Instance != "" {
		text += " (" + label(s.ID.Instance) + ")"
	}
	return text
}

// identity names accounts by number: a name could mean somebody else by the time systemd looks it up (S12).
func identity(user, group *hookspec.Account) []sd.Property {
	var set []sd.Property
	if user != nil {
		set = append(set, property("User", number(user.ID)), property("Group", number(user.GID)))
		set = append(set, property("SupplementaryGroups", numbers(user.Groups)))
	}
	if group != nil {
		set = put(set, property("Group", number(group.ID)))
	}
	return set
}

func number(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

func numbers(ids []uint32) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = number(id)
	}
	return all
}

// ofTheUser are variables that systemd sets for a service with User=.
var ofTheUser = [...]string{"HOME", "LOGNAME", "SHELL", "USER"}

// environment is built from nothing, as that of every hook; what remains is what systemd tells a service about itself.
// systemd takes values literally and keeps them, "%" included.
func environment(env, unset []string) []sd.Property {
	gone := slices.Concat(unset, ofTheUser[:])
	slices.Sort(gone)
	gone = slices.DeleteFunc(slices.Compact(gone), func(name string) bool {
		return slices.ContainsFunc(env, func(have string) bool { return strings.HasPrefix(have, name+"=") })
	})
	return []sd.Property{property("Environment", plainAll(env)), property("UnsetEnvironment", gone)}
}

// remains says whether the unit stays when its process ends by itself, so that its exit status can be read, also by a
// hookd that comes later. systemd would not restart such a unit after an exit with status 0.
func remains(directives []hookspec.Directive) bool {
	for _, d := range directives {
		if d.Property == "Restart" && (d.Value == "always" || d.Value == "on-success") {
			return false
		}
	}
	return true
}
