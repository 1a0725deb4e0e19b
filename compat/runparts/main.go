// Package runparts is run-parts(8) of debianutils: it runs the scripts of directories in order, with the same options,
// output and exit status, byte for byte; only the texts of --help and --version are our own. What is said about
// debianutils was asked of its versions 5.7, 5.23.1 and 5.24. It imports little, because it is started often and its
// start is most of what it costs.
//
// Beyond the original it knows --compat, --timeout, --parallel and --json; see Options.
package runparts

// Main runs run-parts with a command line, the name it was called by first, and returns its exit status. It uses the
// process's own descriptors 0, 1 and 2, and changes its umask and signals: nothing else should go on in the process.
func Main(args []string) int {
	o, stop := Parse(args)
	if stop != nil {
		write(1, stop.Stdout)
		write(2, stop.Stderr)
		return stop.Status
	}
	closeAgain()
	scripts, told := List(&o)
	if len(scripts) == 0 && told == (Told{}) && !o.Stdin {
		return 0 // nothing to run, to say or to read: nothing to prepare
	}
	r := prepared(o)
	write(2, told.Stderr)
	if told.Failed {
		return 1
	}
	if !r.Begin(scripts) {
		return 1
	}
	r.runAll(scripts)
	return r.End()
}
