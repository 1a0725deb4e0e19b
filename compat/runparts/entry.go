package runparts

// atStart is what the process was given, noted down before Go's runtime changed it: it catches signals that were ignored,
// and opens /dev/null in place of standard descriptors that were closed. The program must be linked with entry as its entry
// point (-ldflags '-E hookd/compat/runparts.entry') on a machine that has one; elsewhere known is 0, and scripts get
// signals that were ignored as if they had not been, and /dev/null.
var atStart struct {
	known   uint64
	mask    uint64 // blocked signals, from bit 0 for signal 1
	ignored uint64
	closed  uint64 // descriptors, from bit 0 for 0
}
