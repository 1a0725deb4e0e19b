// Command hookctl lists, checks, tests and explains hooks, and speaks to hookd; see hookctl(1).
package main

import (
	"os"

	"hookd/cmd/internal/hookctl"
	"hookd/hookspec"
)

func main() { os.Exit(hookctl.Main(os.Args[1:], hookspec.TrustOf(), os.Stdout, os.Stderr)) }
