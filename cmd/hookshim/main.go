// It is started often, and has nothing to share out among CPUs: the runtime need not read what its control group may use,
// nor keep files open for that, which would take numbers that scripts may expect.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command hookshim is what hookd puts between itself and others; see hookd(8). Called as run-parts it is run-parts(8).
package main

import (
	"os"

	"hookd/cmd/internal/hookshim"
)

func main() { os.Exit(hookshim.Main(os.Args, os.Stdout, os.Stderr)) }
