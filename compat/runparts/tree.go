package runparts

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// signalTree sends a signal to all processes of a session, and to all descendants of the one that began it. What has
// left both is not found: a daemon.
func signalTree(pid int, sig syscall.Signal) {
	parents := map[int]int{}
	for other, p := range processes() {
		parents[other] = p.parent
		if p.session == pid {
			parents[other] = pid
		}
	}
	for other := range parents {
		if descends(other, pid, parents) {
			syscall.Kill(other, sig)
		}
	}
}

// descends goes up no further than there are processes: what is read of them is of no one moment.
func descends(from, to int, parents map[int]int) bool {
	for range len(parents) + 1 {
		if from == to {
			return true
		}
		if from = parents[from]; from <= 1 {
			return false
		}
	}
	return false
}

type process struct{ parent, session int }

// processes reads proc_pid_stat(5) of all.
func processes() map[int]process {
	all := map[int]process{}
	names, _ := os.ReadDir("/proc")
	for _, name := range names {
		pid, err := strconv.Atoi(name.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile("/proc/" + name.Name() + "/stat")
		fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
		if len(fields) > 3 {
			parent, _ := strconv.Atoi(fields[1])
			session, _ := strconv.Atoi(fields[3])
			all[pid] = process{parent, session}
		}
	}
	return all
}
