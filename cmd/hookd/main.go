// Command hookd runs hooks on events; see hookd(8).
package main

import (
	"os"

	"hookd/cmd/internal/hookd"
	"hookd/hookspec"
)

func main() { os.Exit(hookd.Main(os.Args[1:], hookspec.TrustOf(), os.Stdout, os.Stderr)) }
