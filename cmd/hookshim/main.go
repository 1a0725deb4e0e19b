// Command hookshim is what hookd puts between itself and others; see hookd(8). Called as run-parts it is run-parts(8).
package main

import (
	"os"

	"hookd/cmd/internal/hookshim"
)

func main() { os.Exit(hookshim.Main(os.Args, os.Stdout, os.Stderr)) }
