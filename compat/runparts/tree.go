package runparts

import "syscall"

func signalTree(pid int, sig syscall.Signal) { syscall.Kill(-pid, sig) }

const maxParallel = 1024

func defaultParallel() int               { return 2 }
func (r *Runner) runParallel(s []Script) {}
func (o *Outcome) json() string          { return "" }
