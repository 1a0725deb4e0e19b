package runparts

import "strings"

// option is one that getopt_long(3) knows.
type option struct {
	name  string
	short byte // 0: none
	takes takes
}

type takes uint8

const (
	nothing takes = iota
	value
	perhaps // only as --name=value
)

// table is that of debianutils 5.7 and 5.23, in its order, in which getopt lists what an abbreviation can mean.
var table = []option{{"test", 0, nothing}, {"list", 0, nothing}, {"verbose", 'v', nothing}, {"debug", 0, nothing},
	{"report", 0, nothing}, {"reverse", 0, nothing}, {"umask", 'u', value}, {"arg", 'a', value}, {"help", 'h', nothing},
	{"version", 'V', nothing}, {"lsbsysinit", 0, nothing}, {"regex", 0, value}, {"stdin", 0, nothing},
	{"exit-on-error", 0, nothing}, {"new-session", 0, nothing}}

// later are those of 5.24. With an older dialect they are known, too, but are no meaning of an abbreviation.
var later = []option{{"after", 'A', value}, {"before", 'B', value}, {"debug", 'd', nothing}}

// own are ours. They cannot be abbreviated, so that they change nothing in how others are read.
var own = []option{{"compat", 0, value}, {"timeout", 0, value}, {"parallel", 0, perhaps}, {"json", 0, nothing}}

// read takes in options and operands as glibc's getopt_long does.
func (o *Options) read(args []string, posix bool) *Stop {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		var stop *Stop
		switch {
		case arg == "--":
			o.Directories = append(o.Directories, args...)
			return nil
		case len(arg) < 2 || arg[0] != '-':
			o.Directories = append(o.Directories, arg)
			if posix {
				o.Directories = append(o.Directories, args...)
				return nil
			}
		case arg[1] == '-':
			args, stop = o.readLong(arg[2:], args)
		default:
			args, stop = o.readShort(arg[1:], args)
		}
		if stop != nil {
			return stop
		}
	}
	return nil
}

func (o *Options) readLong(text string, rest []string) ([]string, *Stop) {
	name, given, has := strings.Cut(text, "=")
	opt, stop := o.find(name, text)
	switch {
	case stop != nil:
	case has && opt.takes == nothing:
		stop = o.complain("option '--" + opt.name + "' doesn't allow an argument")
	case has || opt.takes != value:
		stop = o.set(opt.name, given)
	case len(rest) == 0:
		stop = o.complain("option '--" + opt.name + "' requires an argument")
	default:
		return rest[1:], o.set(opt.name, rest[0])
	}
	return rest, stop
}

// find looks an option up, whole or abbreviated.
func (o *Options) find(name, text string) (option, *Stop) {
	for _, list := range [][]option{table, later, own} {
		for _, opt := range list {
			if opt.name == name {
				return opt, nil
			}
		}
	}
	known := table
	if o.Dialect == V5_24 {
		known = append(known[:len(known):len(known)], later[:2]...)
	}
	var meant []option
	for _, opt := range known {
		if strings.HasPrefix(opt.name, name) {
			meant = append(meant, opt)
		}
	}
	switch len(meant) {
	case 0:
		return option{}, o.complain("unrecognized option '--" + text + "'")
	case 1:
		return meant[0], nil
	}
	all := ""
	for _, opt := range meant {
		all += " '--" + opt.name + "'"
	}
	return option{}, o.complain("option '--" + text + "' is ambiguous; possibilities:" + all)
}

// readShort reads letters that stand behind one hyphen.
func (o *Options) readShort(letters string, rest []string) ([]string, *Stop) {
	for letters != "" {
		opt, known := short(letters[0])
		if !known {
			return rest, o.complain("invalid option -- '" + letters[:1] + "'")
		}
		letter := letters[:1]
		letters = letters[1:]
		given := ""
		if opt.takes == value {
			switch {
			case letters != "":
				given, letters = letters, ""
			case len(rest) == 0:
				return rest, o.complain("option requires an argument -- '" + letter + "'")
			default:
				given, rest = rest[0], rest[1:]
			}
		}
		if stop := o.set(opt.name, given); stop != nil {
			return rest, stop
		}
	}
	return rest, nil
}

func short(letter byte) (option, bool) {
	for _, list := range [][]option{table, later} {
		for _, opt := range list {
			if opt.short == letter && letter != 0 {
				return opt, true
			}
		}
	}
	return option{}, false
}

// complain is what getopt says, under the name that the program was called by.
func (o *Options) complain(text string) *Stop { return wrong(o.Name + ": " + text + "\n") }
