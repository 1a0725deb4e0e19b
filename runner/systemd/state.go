package systemd

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"hookd/runner"
)

// view is what systemd last said of a unit.
type view struct {
	load, active, sub string
	job               uint32 // that waits or runs
	invocation        string
	since             time.Time
	condition         bool // of the unit file was met at the last start
	result            string
	code, status      int32 // of the main process, as waitid(2) tells it
	restarts, pid     uint32
	burst             uint32 // restarts that are too many
	restart           string // Restart=
	limit             bool   // it failed because it was restarted too often
}

// withUnit is v after properties of the interface Unit. PID 1 sends all that may change at once.
func (v view) withUnit(p map[string]dbus.Variant) view {
	get(p, "LoadState", &v.load)
	get(p, "ActiveState", &v.active)
	get(p, "SubState", &v.sub)
	get(p, "ConditionResult", &v.condition)
	get(p, "StartLimitBurst", &v.burst)
	var job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	get(p, "Job", &job)
	v.job = job.ID
	var id []byte
	get(p, "InvocationID", &id)
	v.invocation = hex.EncodeToString(id)
	var usec uint64
	if get(p, "StateChangeTimestamp", &usec); usec != 0 {
		v.since = time.UnixMicro(int64(usec))
	}
	return v
}

// after is v as it follows another view of the same unit.
func (v view) after(was view) view {
	v.limit = v.active == "failed" && (was.limit && was.invocation == v.invocation || v.refused(was))
	return v
}

// refused says that a failed service was not restarted because of its start limit; systemd keeps the result of the last
// crash in this case. A restart that was refused is counted, and makes no new invocation. Where the last run was not
// seen, the number of restarts has to tell.
func (v view) refused(was view) bool {
	if v.invocation == was.invocation {
		return was.restarting() || v.restarts > was.restarts
	}
	return v.burst > 0 && v.restarts >= v.burst && v.restart != "" && v.restart != "no"
}

// sameState says that a unit that was started has not moved.
func (v view) sameState(w view) bool {
	return v.invocation != "" && v.invocation == w.invocation && v.active == w.active && v.sub == w.sub && v.since.Equal(w.since)
}

// withService is v after properties of the interface Service. A reset takes the result away before it takes the unit: then
// the old one stays.
func (v view) withService(p map[string]dbus.Variant) view {
	var result string
	get(p, "Result", &result)
	get(p, "ExecMainCode", &v.code)
	get(p, "ExecMainStatus", &v.status)
	get(p, "NRestarts", &v.restarts)
	get(p, "MainPID", &v.pid)
	get(p, "Restart", &v.restart)
	if result != "" && !(v.active == "failed" && result == "success") {
		v.result = result
	}
	return v
}

// get leaves what is not there, or of another type, as it was.
func get[T any](p map[string]dbus.Variant, name string, to *T) {
	if v, found := p[name]; found {
		had := *to
		if v.Store(to) != nil {
			*to = had
		}
	}
}

// gone is what is left of a unit that systemd has forgotten, or had forgotten when we came back. How it ended is known if
// we have seen the end: a unit that is not there reads as a success.
func (v view) gone() view {
	if !v.down() && !v.exited() {
		v.result, v.code, v.status = "unknown", 0, 0
	}
	v.active, v.sub, v.job, v.pid, v.limit = "inactive", "dead", 0, 0, false
	return v
}

func (v view) isLoaded() bool { return v.load != "" && v.load != "not-found" }

// exited says that the main process has ended as it should, while the unit waits for us to read this.
func (v view) exited() bool { return v.active == "active" && v.sub == "exited" }

func (v view) up() bool {
	return (v.active == "active" || v.active == "reloading" || v.active == "refreshing") && v.sub != "exited"
}

// down says that nothing of it runs.
func (v view) down() bool { return v.active == "inactive" || v.active == "failed" }

func (v view) restarting() bool {
	return v.active == "activating" && strings.HasPrefix(v.sub, "auto-restart")
}

// phase is where a unit stands; ours says that it is one of our own, which has no business being "active (exited)".
func (v view) phase(ours bool) runner.Phase {
	switch {
	case v.exited() && ours:
		return runner.Stopping
	case v.up() || v.exited():
		return runner.Running
	case v.restarting():
		return runner.Restarting
	case v.active == "activating" || v.active == "inactive" && v.job != 0:
		return runner.Starting
	case v.active == "deactivating":
		return runner.Stopping
	case v.active == "failed":
		return runner.Broken
	}
	return runner.Inactive
}

// state is what there is to tell of a unit.
func (v view) state(id runner.ServiceID, unit string, ours bool) runner.ServiceState {
	s := runner.ServiceState{
		ID: id, Phase: v.phase(ours), Unit: unit, PID: int(v.pid), Restarts: int(v.restarts), Since: v.since, Invocation: v.invocation,
	}
	if s.Phase == runner.Running || s.Phase == runner.Starting || v.invocation == "" {
		return s
	}
	s.Result, s.Reason = v.result, v.reason()
	if v.limit {
		s.Result, s.Reason = "start-limit-hit", v.failure()
	}
	switch v.code {
	case exitedCode:
		status := int(v.status)
		s.ExitStatus = &status
	case killedCode, dumpedCode:
		s.Signal = unix.SignalName(unix.Signal(v.status))
	}
	return s
}

// What waitid(2) says of how a process ended.
const (
	exitedCode = 1
	killedCode = 2
	dumpedCode = 3
)

// reason is what a result does not say, for those exit statuses that are systemd's own: the program never ran.
func (v view) reason() string {
	if v.result != "exit-code" || v.code != exitedCode {
		return ""
	}
	if why, known := cannot[v.status]; known {
		return "cannot run it: " + why
	}
	return ""
}

// failure says in a sentence how a unit that was to run ended.
func (v view) failure() string {
	if v.limit {
		v.limit = false
		return v.failure() + ", too often in a short time"
	}
	if why := v.reason(); why != "" {
		return why
	}
	switch v.result {
	case "exit-code":
		return fmt.Sprintf("it exited with status %d", v.status)
	case "signal", "core-dump":
		return "it was ended by " + unix.SignalName(unix.Signal(v.status))
	case "timeout":
		return "it was not ready in time"
	case "watchdog":
		return "it did not answer its watchdog"
	case "start-limit-hit":
		return "it was started too often in a short time"
	case "oom-kill":
		return "the kernel ran out of memory and killed it"
	case "protocol":
		return "it ended before it said that it is ready"
	case "resources":
		return "systemd could not set it up (resources)"
	case "success", "":
		return "it ended at once"
	}
	return "it failed (" + v.result + ")"
}

// cannot are the exit statuses of a process that systemd could not turn into the program (systemd.exec(5)). A program may
// exit with the same number, so they are only named where the result says that it failed.
var cannot = map[int32]string{
	200: "the working directory does not exist or cannot be entered (200/CHDIR)",
	203: "the program does not exist or cannot be executed (203/EXEC)",
	208: "its standard input cannot be set up (208/STDIN)",
	209: "its standard output cannot be set up (209/STDOUT)",
	214: "its scheduler cannot be set (214/SETSCHEDULER)",
	216: "its group cannot be set (216/GROUP)",
	217: "its user cannot be set (217/USER)",
	218: "its capabilities cannot be set (218/CAPABILITIES)",
	219: "its cgroup cannot be set up (219/CGROUP)",
	226: "its mount namespace cannot be set up (226/NAMESPACE)",
	228: "its system call filter cannot be set (228/SECCOMP)",
	233: "its runtime directory cannot be made (233/RUNTIME_DIRECTORY)",
	238: "its state directory cannot be made (238/STATE_DIRECTORY)",
	243: "its credentials cannot be set up (243/CREDENTIALS)",
}
