// Package runparts is run-parts(8) of debianutils: it runs the scripts of a directory in order, with the same options,
// output and exit status. It imports little, because it is started often and its start is most of what it costs.
package runparts

// Main runs run-parts with a command line, the name it was called by first, and returns its exit status.
func Main(args []string) int { return 1 }
