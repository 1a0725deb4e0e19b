package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "a kernel without a name"
	}
	text := unix.ByteSliceToString
	return text(u.Sysname[:]) + " " + text(u.Release[:]) + " " + text(u.Machine[:])
}

// load is the average number of processes that run or want to, over the last minute and the last five.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	f := append(strings.Fields(string(text)), "unknown", "unknown")
	return f[0] + " " + f[1]
}

// times is what all CPUs together have spent since the boot, in clock ticks.
type times struct{ all, idle, stolen int }

// cpuTimes reads the first line of /proc/stat (proc_stat(5)).
func cpuTimes() times {
	text, _ := os.ReadFile("/proc/stat") // without it every share is 0
	return parseTimes(string(text))
}

func parseTimes(text string) times {
	line, _, _ := strings.Cut(text, "\n")
	var t times
	for i, word := range strings.Fields(line) {
		n, _ := strconv.Atoi(word)
		switch {
		case i == 4 || i == 5: // idle, and idle while the disk works
			t.idle += n
		case i == 8: // by other guests of our host
			t.stolen += n
		case i > 8: // part of user time
			continue
		}
		t.all += n
	}
	return t
}

// since says what the CPUs did between two readings.
func (t times) since(before times) string {
	share := func(now, then int) float64 { return 100 * float64(now-then) / float64(max(1, t.all-before.all)) }
	idle := share(t.idle, before.idle)
	text := fmt.Sprintf("%.0f %% idle, %.0f %% stolen", idle, share(t.stolen, before.stolen))
	if idle < enoughIdle {
		text += "; the times tell of other work, too"
	}
	return text
}

// enoughIdle is the share of the CPUs' time, in percent, that the race leaves over where nothing else runs, and some less.
const enoughIdle = 70
