package runparts

import (
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// Runner runs scripts one after the other. Between two of them anything else may be done.
type Runner struct {
	Options
	Status int           // the exit status so far
	Heard  func(Outcome) // told of each script that has run; may be nil
	stdin  int           // what scripts read, -1 for the process's own
	env    []string
	bound  bool   // to a thread with the mask of scripts
	headed string // the script whose path was written last
	out    stdout
}

// Outcome is how a script went, for --json.
type Outcome struct {
	Path     string
	Status   int // of its exit; 126 and 127 are never made up
	Signal   int // that ended it, or 0
	Error    string
	Timeout  bool
	Duration time.Duration
	Bytes    int64 // that it wrote, where it was read: with Report, JSON or Parallel
}

// New makes a Runner, and the process one that gives scripts what run-parts gives them: the umask, and what happens at
// signals.
func New(o Options) *Runner {
	closeAgain()
	return prepared(o)
}

func prepared(o Options) *Runner {
	syscall.Umask(o.Umask)
	SetSignals()
	return &Runner{Options: o, stdin: -1}
}

// closeAgain closes what was closed and Go's runtime has opened.
func closeAgain() {
	for fd := range 3 {
		if atStart.closed&(1<<fd) != 0 {
			syscall.Close(fd)
		}
	}
}

// Begin reads standard input where it is for all scripts. False: that failed, and the exit status is 1.
func (r *Runner) Begin(scripts []Script) bool {
	if !r.Stdin || len(scripts) == 0 && !r.Dialect.Old() {
		return true
	}
	fd, failure := copyStdin()
	if failure != "" {
		r.say(failure)
	}
	if r.stdin = fd; fd < 0 {
		r.say("run-parts: failed to copy content of stdin\n")
		return false
	}
	return true
}

// End writes what is left, and returns the exit status.
func (r *Runner) End() int {
	r.out.flush()
	return r.Status
}

// runAll runs scripts until one is the last.
func (r *Runner) runAll(scripts []Script) {
	if r.Parallel > 1 && !r.Test && !r.List {
		r.runParallel(scripts)
		return
	}
	for _, s := range scripts {
		if !r.Run(s) {
			return
		}
	}
}

// Verdict is what an entry is.
type Verdict uint8

// Only Runs is run.
const (
	Runs    Verdict = iota
	Silent          // a directory, or a file that nobody may execute
	Listed          // the same file, with --list
	Strange         // a FIFO, a socket, a device
	Gone            // it cannot be looked at
)

// Judge looks at an entry as run-parts does when its turn has come: through links, and with the real user's rights.
func Judge(path string) (Verdict, error) {
	var st syscall.Stat_t
	if err := stat(path, &st); err != nil {
		return Gone, err
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		return Silent, nil
	default:
		return Strange, nil
	}
	const execute, read = 1, 4
	switch {
	case syscall.Access(path, execute) == nil:
		return Runs, nil
	case syscall.Access(path, read) == nil:
		return Listed, nil
	}
	return Silent, nil
}

func stat(path string, st *syscall.Stat_t) error {
	for {
		if err := syscall.Stat(path, st); err != syscall.EINTR {
			return err
		}
	}
}

// Run does with one entry what is to be done with it: it runs the script, or prints its path, or says what is wrong with
// it. False: no other script may run.
func (r *Runner) Run(s Script) bool {
	verdict, err := Judge(s.Path)
	return r.act(s, verdict, err, func() Outcome { return r.execute(s, r) })
}

// act does what the verdict asks for.
func (r *Runner) act(s Script, verdict Verdict, err error, execute func() Outcome) bool {
	if r.Debug && !r.Dialect.Old() {
		write(2, "processing: "+s.Path+"\n")
	}
	switch {
	case verdict == Gone:
		r.say("failed to stat component " + s.Path + ": " + errorText(err))
		if r.ExitOnError {
			r.Status = 1
			return false
		}
	case verdict == Strange && !r.List:
		r.say("run-parts: component " + s.Path + " is not an executable plain file\n")
		r.Status = 1
	case r.Test && verdict == Runs, r.List && r.listed(s, verdict):
		r.out.print(s.Path + "\n")
	case verdict == Runs && !r.Test && !r.List:
		r.announce(s)
		r.finish(execute())
		return r.Status == 0 || !r.ExitOnError
	}
	return true
}

// listed: a file that may be executed and not read is not.
func (r *Runner) listed(s Script, v Verdict) bool {
	return v == Listed || v == Runs && syscall.Access(s.Path, 4) == nil
}

// announce is --verbose.
func (r *Runner) announce(s Script) {
	if !r.Verbose {
		return
	}
	text := "executing " + s.Path
	for _, arg := range r.Args {
		text += " " + arg
	}
	r.say(text)
}

// finish takes in how a script went.
func (r *Runner) finish(o Outcome) {
	switch {
	case o.Signal != 0:
		r.say(o.Path + " exited because of uncaught signal " + strconv.Itoa(o.Signal))
		r.Status = 1
	case o.Status != 0:
		r.say(o.Path + " exited with return code " + strconv.Itoa(o.Status))
		if r.Status = o.Status; o.Status != 1 && r.Dialect.Old() {
			r.Status = 1
		}
	case o.Timeout:
		r.Status = 1
	}
	r.after(o)
	if r.Heard != nil {
		r.Heard(o)
	}
	if r.JSON {
		r.out.print(o.json())
	}
}

// say writes a message on standard error.
func (r *Runner) say(text string) { write(2, "run-parts: "+text+"\n") }

// SetSignals gives signals back what they did before Go's runtime caught them: those that end a program end this one,
// and scripts ignore what was ignored.
func SetSignals() {
	for n := syscall.Signal(1); n <= 64; n++ {
		switch {
		case keeps(n):
		case atStart.ignored&(1<<(n-1)) != 0 && n != syscall.SIGCHLD:
			signal.Ignore(n)
		default:
			sigDefault(n)
		}
	}
}

// keeps: signals that the runtime lives by, and those that nobody can catch.
func keeps(n syscall.Signal) bool {
	switch n {
	case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGURG, 32, 33, 34:
		return true
	}
	return false
}
