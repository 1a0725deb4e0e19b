// Command hookshim is what hookd puts between itself and others; see hookd(8).
package main

import (
	"os"

	"hookd/cmd/internal/hookshim"
)

func main() { os.Exit(hookshim.Main(os.Args[1:], os.Stdout, os.Stderr)) }
