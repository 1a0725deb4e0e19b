package hookshim

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	"hookd/events"
	"hookd/internal/procs"
)

// ancestors are the jobs from which this process was started, oldest first: what they led to never runs their hooks again
// (failures: R9). Programs on the way may have dropped the variables (ifup does), so each process is asked for its own.
func ancestors() []events.Cause {
	var out []events.Cause
	seen := map[int]bool{}
	for pid := os.Getpid(); pid > 1 && !seen[pid]; {
		seen[pid] = true
		if c, is := job(pid); is && !slices.Contains(out, c) {
			out = append(out, c)
		}
		p, there := procs.Of(pid)
		if !there {
			break
		}
		pid = p.Parent
	}
	slices.Reverse(out)
	return out
}

// job is the one whose process this is, by the environment that it was given.
func job(pid int) (c events.Cause, is bool) {
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for v := range bytes.SplitSeq(env, []byte{0}) {
		name, value, _ := bytes.Cut(v, []byte("="))
		switch string(name) {
		case "HOOK_RUN":
			c.Run = string(value)
		case "HOOK_NAME":
			c.Hook = string(value)
		}
	}
	return c, c.Run != "" && c.Hook != ""
}
