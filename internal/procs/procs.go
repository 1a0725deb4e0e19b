// Package procs sees processes and control groups as the kernel shows them below /proc and in cgroupfs.
package procs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stat is the state of a process (proc_pid_stat(5)).
type Stat struct {
	Parent, Session int
	Start           uint64 // in clock ticks since boot
	Zombie          bool
}

// All reads the state of every process.
func All() map[int]Stat {
	all := map[int]Stat{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, there := Of(pid); there {
			all[pid] = p
		}
	}
	return all
}

// Of reads the state of one process; false when there is none.
func Of(pid int) (Stat, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if err != nil || len(f) < 20 {
		return Stat{}, false
	}
	p := Stat{Zombie: f[0] == "Z" || f[0] == "X"}
	p.Parent, _ = strconv.Atoi(f[1])
	p.Session, _ = strconv.Atoi(f[3])
	p.Start, _ = strconv.ParseUint(f[19], 10, 64)
	return p, true
}

// maxAncestors bounds how far up we look: no tree of ours is that deep.
const maxAncestors = 64

// Ancestors lists a process, its parent, and so on, up to one that is left out, or to process 1.
func Ancestors(pid, until int) []int {
	var line []int
	for pid > 1 && pid != until && len(line) < maxAncestors {
		line = append(line, pid)
		p, _ := Of(pid)
		pid = p.Parent
	}
	return line
}

// Adopt adds to known, by process id and time of start, the descendants of the processes in it.
func Adopt(all map[int]Stat, known map[int]uint64) {
	for grown := true; grown; {
		grown = false
		for pid, p := range all {
			_, there := known[pid]
			if _, parent := known[p.Parent]; parent && !there {
				known[pid], grown = p.Start, true
			}
		}
	}
}

// Children lists the children of all threads of this process.
func Children() []int {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []int
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	if len(files) == 0 { // a kernel without CONFIG_PROC_CHILDREN
		for pid, p := range All() {
			if p.Parent == os.Getpid() {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Command is the command line of a process, or its name; empty when there is no such process.
func Command(pid int) []byte {
	cmd, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(cmd) == 0 {
		cmd, _ = os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	}
	return bytes.TrimSpace(bytes.ReplaceAll(cmd, []byte{0}, []byte{' '}))
}

// Signal sends a signal to the process that has an id and was started at a time, and to no other that has the id by now.
func Signal(pid int, start uint64, s unix.Signal) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if p, there := Of(pid); there && p.Start == start {
		unix.PidfdSendSignal(fd, s, nil, 0)
	}
}

// Carries says whether a process was given a variable, NAME=value, in its environment and left it there.
func Carries(pid int, variable string) bool {
	name, value, _ := strings.Cut(variable, "=")
	given, there := Variable(pid, name)
	return there && given == value
}

// Variable is a variable of the environment that a process was given, if it has left it there. Of several the first counts, as
// for getenv(3).
func Variable(pid int, name string) (value string, there bool) {
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if value, there := strings.CutPrefix(string(v), name+"="); there {
			return value, true
		}
	}
	return "", false
}
