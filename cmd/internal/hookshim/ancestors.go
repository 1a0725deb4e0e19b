package hookshim

import (
	"os"
	"slices"

	"hookd/events"
	"hookd/internal/procs"
)

// ancestors are the jobs from which this process was started, oldest first: what they led to never runs their hooks again
// (failures: R9). Programs on the way may have dropped the variables (ifup does), so each process is asked for its own.
func ancestors() []events.Cause {
	var out []events.Cause
	for _, pid := range procs.Ancestors(os.Getpid(), 1) {
		run, _ := procs.Variable(pid, "HOOK_RUN")
		hook, _ := procs.Variable(pid, "HOOK_NAME")
		if c := (events.Cause{Run: run, Hook: hook}); run != "" && hook != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	slices.Reverse(out)
	return out
}
