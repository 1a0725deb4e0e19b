package hookspec

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"hookd/events"
	"hookd/internal/unitfile"
)

// Real-time signals as the C library counts them: it keeps the first two for itself (signal(7)).
const firstRealTime, lastRealTime = 34, 64

func signalNumber(name string) int {
	name = "SIG" + strings.TrimPrefix(name, "SIG")
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "SIGRTMIN+")); err == nil && n >= 0 && n <= lastRealTime-firstRealTime {
		return firstRealTime + n
	}
	if name == "SIGRTMIN" {
		return firstRealTime
	}
	return int(unix.SignalNum(name))
}

func signalName(n int) string {
	if n >= firstRealTime {
		return fmt.Sprintf("SIGRTMIN+%d", n-firstRealTime)
	}
	return unix.SignalName(syscall.Signal(n))
}

func signal(p *parser, v unitfile.Value, _ any) (any, string, bool) {
	n := signalNumber(v.Text)
	if n == 0 {
		p.at(v, 0, "write SIGTERM, SIGINT or the like", "%s is no signal", events.Show(v.Text))
	}
	return int32(n), signalName(n), n != 0
}

// exitNames are the names of sysexits.h, from 64 on.
const exitNames = "USAGE DATAERR NOINPUT NOUSER NOHOST UNAVAILABLE SOFTWARE OSERR OSFILE CANTCREAT IOERR TEMPFAIL PROTOCOL NOPERM CONFIG"

// exitStatuses are numbers, names of sysexits.h, and signals.
func exitStatuses(p *parser, v unitfile.Value, had any) (any, string, bool) {
	words, ok := p.split(v, unitfile.Split)
	var out ExitStatuses
	if before, some := had.(ExitStatuses); some {
		out = ExitStatuses{slices.Clone(before.Status), slices.Clone(before.Signals)}
	}
	for _, w := range words {
		if !out.add(w.Text) {
			p.at(v, w.Off, "a number up to 255, a name such as TEMPFAIL, or a signal such as SIGUSR1", "%s is no exit status", events.Show(w.Text))
			return nil, "", false
		}
	}
	return out, out.String(), ok
}

func (s *ExitStatuses) add(word string) bool {
	n, err := strconv.ParseUint(word, 10, 8)
	if i := slices.Index(strings.Fields(exitNames), word); i >= 0 {
		n, err = uint64(64+i), nil
	}
	if err == nil {
		s.Status = addSorted(s.Status, int32(n))
		return true
	}
	signal := signalNumber(word)
	if signal != 0 {
		s.Signals = addSorted(s.Signals, int32(signal))
	}
	return signal != 0
}

func addSorted(list []int32, n int32) []int32 {
	i, there := slices.BinarySearch(list, n)
	if there {
		return list
	}
	return slices.Insert(list, i, n)
}

func (s ExitStatuses) String() string {
	var words []string
	for _, n := range s.Status {
		words = append(words, strconv.Itoa(int(n)))
	}
	for _, n := range s.Signals {
		words = append(words, signalName(int(n)))
	}
	return strings.Join(words, " ")
}

// capabilityNames are those of linux/capability.h, in the order of their numbers.
const capabilityNames = "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service " +
	"net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot " +
	"sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog " +
	"wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"

const allCapabilities = 1<<41 - 1

// capabilities are a set as bits. The first line takes the place of what is there without any; further ones add to it, or
// with ~ take away from it, as in systemd.exec(5).
func capabilities(initial uint64) reader {
	return func(p *parser, v unitfile.Value, had any) (any, string, bool) {
		text, invert := strings.CutPrefix(v.Text, "~")
		bits, ok := p.capabilitySet(v, len(v.Text)-len(text), text)
		set, some := had.(uint64)
		switch first := !some || set == initial; {
		case first && invert:
			set = allCapabilities &^ bits
		case first:
			set = bits
		case invert:
			set &^= bits
		default:
			set |= bits
		}
		return set, showCapabilities(set), ok
	}
}

func (p *parser) capabilitySet(v unitfile.Value, off int, text string) (uint64, bool) {
	words, ok := p.split(v.Part(off, off+len(text)), unitfile.Split)
	names := strings.Fields(capabilityNames)
	var set uint64
	for _, w := range words {
		name, isOne := strings.CutPrefix(strings.ToLower(w.Text), "cap_")
		i := slices.Index(names, name)
		if !isOne || i < 0 {
			near := events.Nearest(name, names)
			if near != "" {
				near = "CAP_" + strings.ToUpper(near)
			}
			p.at(v, off+w.Off, events.DidYouMean(near), "%s is no capability", events.Show(w.Text))
			return 0, false
		}
		set |= 1 << i
	}
	return set, ok
}

func showCapabilities(set uint64) string {
	if bits.OnesCount64(set) > 20 {
		return "~" + capabilityList(allCapabilities&^set)
	}
	return capabilityList(set)
}

func capabilityList(set uint64) string {
	var words []string
	for i, name := range strings.Fields(capabilityNames) {
		if set&(1<<i) != 0 {
			words = append(words, "CAP_"+strings.ToUpper(name))
		}
	}
	return strings.Join(words, " ")
}
