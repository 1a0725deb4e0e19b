package monitor

import (
	"fmt"
	"maps"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/procs"
)

// family lists the processes that live below this one and in a control group, by the time of their start. Nothing leaves:
// this process is the subreaper of all it starts.
func family(group string) map[int]uint64 {
	all := procs.All()
	self := os.Getpid()
	known := map[int]uint64{self: all[self].Start}
	procs.Adopt(all, known)
	if group != "" {
		for _, pid := range procs.Cgroup(group).Members() {
			known[pid] = all[pid].Start
		}
	}
	delete(known, self)
	maps.DeleteFunc(known, func(pid int, _ uint64) bool { return all[pid].Zombie })
	return known
}

// Between two looks at what is to be ended, at first and at the most. Ends are heard of without looking; only processes
// that were made meanwhile have to be asked too.
const (
	firstLook = 10 * time.Millisecond
	lastLook  = time.Second
)

// killing ends processes: it asks each once, and kills what is left when it is told to.
type killing struct {
	rule   killRule
	group  string
	asked  map[int]string
	silent bool // they know already
	final  bool
	look   time.Duration
}

func newKilling(rule killRule, group string) *killing {
	return &killing{rule: rule, group: group, asked: map[int]string{}, look: firstLook}
}

// ask sends the first signal to all that have not got it, or with KillMode=mixed to the main process only.
func (k *killing) ask(members map[int]uint64, main int) {
	for pid, start := range members {
		if who := identity(pid, start); !k.silent && k.asked[pid] != who && (pid == main || !k.rule.Mixed) {
			k.asked[pid] = who
			k.signal(pid, start)
		}
	}
}

// identity differs for a process that becomes another program: a shell's child forgets the signal when it does.
func identity(pid int, start uint64) string {
	program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return fmt.Sprint(start, " ", program)
}

func (k *killing) signal(pid int, start uint64) {
	procs.Signal(pid, start, unix.Signal(k.rule.Signal))
	procs.Signal(pid, start, unix.SIGCONT)
	if k.rule.Hangup {
		procs.Signal(pid, start, unix.SIGHUP)
	}
}

// kill ends what is left.
func (k *killing) kill(members map[int]uint64) {
	if k.group != "" && k.rule.Final == int32(unix.SIGKILL) {
		procs.Cgroup(k.group).Kill()
	}
	for pid, start := range members {
		procs.Signal(pid, start, unix.Signal(k.rule.Final))
	}
}

// again does what is to be done now, and says when to look again.
func (k *killing) again(members map[int]uint64, main int) time.Duration {
	if k.final {
		k.kill(members)
	} else {
		k.ask(members, main)
	}
	next := k.look
	k.look = min(2*k.look, lastLook)
	return next
}
