package monitor

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"hookd/hookspec"
)

// setter puts the value of a directive into the settings; an error says why it cannot be.
type setter func(*settings, any) error

// as makes a setter of a function for the type that the value has to have.
func as[T any](set func(*settings, T)) setter {
	return func(s *settings, value any) error {
		v, ok := value.(T)
		if !ok {
			return fmt.Errorf("its value is of the type %T, not %T", value, v)
		}
		set(s, v)
		return nil
	}
}

// oneOf makes a setter for a word.
func oneOf(set func(*settings, string), words ...string) setter {
	return func(s *settings, value any) error {
		if v, ok := value.(string); !ok || !slices.Contains(words, v) {
			return fmt.Errorf("it cannot be %v without systemd, only %s", value, strings.Join(words, ", "))
		}
		set(s, value.(string))
		return nil
	}
}

// property is what this supervisor can do, by the key as it is written.
type property struct {
	name string // of systemd's bus interface
	set  setter
}

// properties lists the directives that this supervisor can do, besides the Limit…= ones.
func properties() map[string]property {
	return map[string]property{
		"Type": {"Type", oneOf(func(s *settings, v string) { s.Notify = v == "notify" }, "exec", "simple", "notify")},
		"NotifyAccess": {"NotifyAccess", oneOf(func(s *settings, v string) { s.NotifyAccess = v },
			"none", "main", "exec", "all")},
		"Restart":            {"Restart", oneOf(func(s *settings, v string) { s.Restart.When = v }, restartWords()...)},
		"RestartSec":         {"RestartUSec", as(func(s *settings, v uint64) { s.Restart.Delay, s.Restart.Never = us(v), endless(v) })},
		"RestartSteps":       {"RestartSteps", as(func(s *settings, v uint32) { s.Restart.Steps = v })},
		"RestartMaxDelaySec": {"RestartMaxDelayUSec", as(func(s *settings, v uint64) { s.Restart.MaxDelay = us(v) })},
		"SuccessExitStatus": {"SuccessExitStatus",
			as(func(s *settings, v hookspec.ExitStatuses) { s.Restart.Success = v })},
		"RestartPreventExitStatus": {"RestartPreventExitStatus",
			as(func(s *settings, v hookspec.ExitStatuses) { s.Restart.Prevent = v })},
		"RestartForceExitStatus": {"RestartForceExitStatus",
			as(func(s *settings, v hookspec.ExitStatuses) { s.Restart.Force = v })},
		"StartLimitIntervalSec": {"StartLimitIntervalUSec",
			as(func(s *settings, v uint64) { s.Limit.Interval, s.Limit.Forever = us(v), endless(v) })},
		"StartLimitBurst": {"StartLimitBurst", as(func(s *settings, v uint32) { s.Limit.Burst = int(v) })},
		"TimeoutStartSec": {"TimeoutStartUSec", as(func(s *settings, v uint64) { s.StartTimeout = us(v) })},
		"TimeoutStopSec":  {"TimeoutStopUSec", as(func(s *settings, v uint64) { s.StopTimeout = us(v) })},
		"TimeoutSec": {"TimeoutUSec",
			as(func(s *settings, v uint64) { s.StartTimeout, s.StopTimeout = us(v), us(v) })},
		"KillMode": {"KillMode",
			oneOf(func(s *settings, v string) { s.Kill.Mixed = v == "mixed" }, "control-group", "mixed")},
		"KillSignal":      {"KillSignal", as(func(s *settings, v int32) { s.Kill.Signal = v })},
		"FinalKillSignal": {"FinalKillSignal", as(func(s *settings, v int32) { s.Kill.Final = v })},
		"SendSIGHUP":      {"SendSIGHUP", as(func(s *settings, v bool) { s.Kill.Hangup = v })},
		"UMask":           {"UMask", as(func(s *settings, v uint32) { s.Process.UMask = v })},
		"Nice":            {"Nice", as(func(s *settings, v int32) { s.Process.Nice = &v })},
		"OOMScoreAdjust":  {"OOMScoreAdjust", as(func(s *settings, v int32) { s.Process.OOM = &v })},
		"NoNewPrivileges": {"NoNewPrivileges", as(func(s *settings, v bool) { s.Process.NoNewPrivileges = v })},
		"IgnoreSIGPIPE":   {"IgnoreSIGPIPE", as(func(s *settings, v bool) { s.Process.IgnorePipe = v })},
	}
}

// endless says whether a duration of systemd's is "infinity".
func endless(n uint64) bool { return n != 0 && us(n) == 0 }

// limits are the resources of the Limit…= directives. LimitX is both halves, LimitXSoft the first one.
func limits() map[string]int {
	return map[string]int{
		"LimitCPU": unix.RLIMIT_CPU, "LimitFSIZE": unix.RLIMIT_FSIZE, "LimitDATA": unix.RLIMIT_DATA,
		"LimitSTACK": unix.RLIMIT_STACK, "LimitCORE": unix.RLIMIT_CORE, "LimitRSS": unix.RLIMIT_RSS,
		"LimitNOFILE": unix.RLIMIT_NOFILE, "LimitAS": unix.RLIMIT_AS, "LimitNPROC": unix.RLIMIT_NPROC,
		"LimitMEMLOCK": unix.RLIMIT_MEMLOCK, "LimitLOCKS": unix.RLIMIT_LOCKS, "LimitSIGPENDING": unix.RLIMIT_SIGPENDING,
		"LimitMSGQUEUE": unix.RLIMIT_MSGQUEUE, "LimitNICE": unix.RLIMIT_NICE, "LimitRTPRIO": unix.RLIMIT_RTPRIO,
		"LimitRTTIME": unix.RLIMIT_RTTIME,
	}
}

// Can says whether this supervisor can do what a key of [Service] asks for.
func Can(key string) bool {
	_, plain := properties()[key]
	_, limit := limits()[key]
	return plain || limit
}

// Check says why this supervisor cannot do what a directive asks for, key and value; nil when it can.
func Check(d hookspec.Directive) error {
	if !Can(d.Key) {
		return fmt.Errorf("cannot heed %s=: that needs systemd", d.Key)
	}
	return defaults().apply(d)
}

// apply heeds one directive. One that is not known here was a warning when the hook was loaded, and has no effect.
func (s *settings) apply(d hookspec.Directive) error {
	if name, soft := strings.CutSuffix(d.Property, "Soft"); strings.HasPrefix(name, "Limit") {
		if resource, known := limits()[name]; known {
			return said(d, s.setLimit(name, resource, soft, d.Value))
		}
	}
	for _, p := range properties() {
		if p.name == d.Property {
			return said(d, p.set(s, d.Value))
		}
	}
	return nil
}

func said(d hookspec.Directive, err error) error {
	if err != nil {
		return fmt.Errorf("cannot heed %s=: %w", d.Key, err)
	}
	return nil
}

// setLimit keeps one half of a limit, or both when it is not said which. The soft half may come before or after.
func (s *settings) setLimit(name string, resource int, soft bool, value any) error {
	v, ok := value.(uint64)
	if !ok {
		return fmt.Errorf("its value is of the type %T, not uint64", value)
	}
	i := slices.IndexFunc(s.Process.Limits, func(l limit) bool { return l.Name == name })
	if i < 0 {
		i = len(s.Process.Limits)
		s.Process.Limits = append(s.Process.Limits, limit{Name: name, Resource: resource})
	}
	l := &s.Process.Limits[i]
	if soft {
		l.Soft = &v
		return nil
	}
	l.Hard = &v
	if l.Soft == nil {
		l.Soft = &v
	}
	return nil
}
