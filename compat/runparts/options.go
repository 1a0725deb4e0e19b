package runparts

import (
	"os"
	"strconv"
	"time"

	"hookd/compat/ere"
)

// Options are what a command line asks for.
type Options struct {
	Name        string // run-parts was called by
	Directories []string
	Dialect     Dialect

	Test, List     bool // print paths instead of running
	Verbose, Debug bool
	Report         bool // say whose output it is
	Reverse        bool
	ExitOnError    bool
	Stdin          bool // every script reads all of standard input
	NewSession     bool
	LSB            bool        // names as --lsbsysinit has them
	Regex          *ere.Regexp // nil: other names
	Umask          int
	Args           []string
	Before, After  string        // programs run around each script
	Timeout        time.Duration // of each script; 0: none
	Parallel       int           // so many scripts at a time; at least 1
	JSON           bool

	pattern string // of --regex, which is compiled at the end
	custom  bool
}

// Stop is why there is nothing to run: a wrong command line, --help or --version.
type Stop struct {
	Status         int
	Stdout, Stderr string
}

func (s *Stop) Error() string { return s.Stderr }

const try = "Try `run-parts --help' for more information.\n"

func wrong(text string) *Stop { return &Stop{Status: 1, Stderr: text + try} }

// Parse reads a command line, the name run-parts was called by first. As getopt(3) does, it takes options from behind
// operands unless POSIXLY_CORRECT is in the environment.
func Parse(args []string) (Options, *Stop) {
	_, posix := os.LookupEnv("POSIXLY_CORRECT")
	return parse(args, posix)
}

func parse(args []string, posix bool) (Options, *Stop) {
	o := Options{Name: "run-parts", Umask: 0o22, Parallel: 1}
	if len(args) > 0 {
		o.Name, args = args[0], args[1:]
	}
	if stop := o.read(args, posix); stop != nil {
		return o, stop
	}
	switch {
	case len(o.Directories) == 0, len(o.Directories) > 1 && o.Dialect.Old():
		return o, wrong("run-parts: missing operand\n")
	case o.List && o.Test:
		return o, wrong("run-parts: --list and --test can not be used together\n")
	case o.Parallel > 1 && (o.Before != "" || o.After != ""):
		return o, wrong("run-parts: --parallel can not be used with --before and --after\n")
	case o.custom:
		re, err := ere.Compile(o.pattern)
		if err != nil {
			return o, &Stop{Status: 1, Stderr: "Unable to build regexp: " + err.Error() + "\n"}
		}
		o.Regex = re
	}
	return o, nil
}

// set takes in one option in its turn: what stands before a wrong one has its effect.
func (o *Options) set(name, value string) *Stop {
	if on := o.flag(name); on != nil {
		*on = true
		return nil
	}
	switch name {
	case "lsbsysinit":
		o.LSB, o.custom = true, false
	case "regex":
		o.LSB, o.custom, o.pattern = false, true, value
	case "arg":
		o.Args = append(o.Args, value)
	case "after":
		o.After = value
	case "before":
		o.Before = value
	case "umask":
		return o.setUmask(value)
	case "help":
		return o.help()
	case "version":
		return &Stop{Stdout: versionText}
	}
	return o.setOwn(name, value)
}

func (o *Options) flag(name string) *bool {
	switch name {
	case "test":
		return &o.Test
	case "list":
		return &o.List
	case "verbose":
		return &o.Verbose
	case "debug":
		return &o.Debug
	case "report":
		return &o.Report
	case "reverse":
		return &o.Reverse
	case "stdin":
		return &o.Stdin
	case "exit-on-error":
		return &o.ExitOnError
	case "new-session":
		return &o.NewSession
	case "json":
		return &o.JSON
	}
	return nil
}

// setOwn takes in what debianutils does not have.
func (o *Options) setOwn(name, value string) *Stop {
	switch name {
	case "compat":
		d, known := dialects(value)
		if !known {
			return wrong("run-parts: --compat takes 5.7, 5.23 or 5.24\n")
		}
		o.Dialect = d
	case "timeout":
		span, good := parseSpan(value)
		if !good {
			return wrong("run-parts: --timeout takes a span of time, like 30s\n")
		}
		o.Timeout = span
	case "parallel":
		o.Parallel = defaultParallel
		if value != "" {
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > maxParallel {
				return wrong("run-parts: --parallel takes a number from 1 to " + strconv.Itoa(maxParallel) + "\n")
			}
			o.Parallel = n
		}
	}
	return nil
}

// parseSpan reads a number of seconds, or what Go reads.
func parseSpan(text string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, n > 0
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0
}

// setUmask reads the mask as sscanf(3) reads %o: behind white space and a sign, and never mind what follows.
func (o *Options) setUmask(text string) *Stop {
	mask, good := octal(text)
	if !good || mask > 0o7777 {
		return &Stop{Status: 1, Stderr: "run-parts: bad umask value\n"}
	}
	o.Umask = int(mask)
	return nil
}

func octal(text string) (uint32, bool) {
	for text != "" && (text[0] == ' ' || text[0] >= '\t' && text[0] <= '\r') {
		text = text[1:]
	}
	negative := text != "" && text[0] == '-'
	if negative || text != "" && text[0] == '+' {
		text = text[1:]
	}
	n, digits, over := uint64(0), 0, false
	for ; digits < len(text) && text[digits] >= '0' && text[digits] <= '7'; digits++ {
		over = over || n >= 1<<61
		n = n<<3 | uint64(text[digits]-'0')
	}
	switch { // strtoul(3) with 64 bits, of which 32 are kept
	case over:
		n = 1<<64 - 1
	case negative:
		n = -n
	}
	return uint32(n), digits > 0
}
