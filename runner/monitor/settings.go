package monitor

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"hookd/events"
	"hookd/hookspec"
	"hookd/runner"
)

// settings is all that a monitor has to know, as it goes from hookd to it. Durations of 0 are without limit.
type settings struct {
	Hook, Instance events.Bytes
	Args, Env      []events.Bytes
	Dir            events.Bytes
	Credential     *credential
	Group          string // the control group of the service, a directory; empty: none
	Notify         bool   // Type=notify
	NotifyAccess   string
	Restart        restartRule
	Limit          startLimit
	StartTimeout   time.Duration
	StopTimeout    time.Duration
	Linger         time.Duration // how long the end is kept for a hookd that asks; after that its output is lost
	Kill           killRule
	Process        process
}

// credential is who a service runs as.
type credential struct {
	UID, GID  uint32
	Groups    []uint32
	SetGroups bool
	Name      string // for people
}

// killRule is KillSignal= and its kin.
type killRule struct {
	Signal, Final int32
	Mixed         bool // only the main process gets the first signal
	Hangup        bool // SIGHUP after the first signal
}

// process is what is set in the process of a service before its program begins.
type process struct {
	UMask           uint32
	Nice, OOM       *int32
	Limits          []limit
	NoNewPrivileges bool
	IgnorePipe      bool
}

// limit is one resource limit (getrlimit(2)); nil leaves that half as it is.
type limit struct {
	Name       string // LimitNOFILE
	Resource   int
	Soft, Hard *uint64
}

// settingsOf makes the settings of a service; the error says what this supervisor cannot do. euid and egid are hookd's.
func settingsOf(spec runner.ServiceSpec, euid, egid int) (*settings, error) {
	if spec.Unit != "" {
		return nil, fmt.Errorf("cannot start the unit %s: that needs systemd", spec.Unit)
	}
	if len(spec.Args) == 0 || !strings.HasPrefix(spec.Args[0], "/") {
		return nil, fmt.Errorf("cannot start a service without the absolute path of a program")
	}
	s := defaults()
	s.Hook, s.Instance, s.Dir = events.Bytes(spec.ID.Hook), events.Bytes(spec.ID.Instance), events.Bytes(spec.Dir)
	s.Args = []events.Bytes{events.Bytes(spec.Args[0])}
	for _, a := range spec.Args[1:] {
		s.Args = append(s.Args, events.Bytes(runner.Printable(a)))
	}
	for _, e := range spec.Env {
		s.Env = append(s.Env, events.Bytes(runner.Printable(e)))
	}
	var err error
	if s.Credential, err = credentialOf(spec.User, spec.Group, euid, egid); err != nil {
		return nil, err
	}
	for _, d := range spec.Directives {
		if err := s.apply(d); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// defaults are systemd's.
func defaults() *settings {
	const patience = 90 * time.Second
	return &settings{
		NotifyAccess: "main",
		Restart:      restartRule{When: "no", Delay: 100 * time.Millisecond},
		Limit:        startLimit{Interval: 10 * time.Second, Burst: 5},
		StartTimeout: patience, StopTimeout: patience,
		Kill:    killRule{Signal: 15, Final: 9},
		Process: process{UMask: 0o022, IgnorePipe: true},
	}
}

// credentialOf is nil for whoever hookd is. A hookd that may not change it refuses.
func credentialOf(user, group *hookspec.Account, euid, egid int) (*credential, error) {
	if user == nil && group == nil {
		return nil, nil
	}
	c, name := &credential{UID: uint32(euid), GID: uint32(egid)}, ""
	if user != nil {
		c = &credential{UID: user.ID, GID: user.GID, Groups: user.Groups, SetGroups: true}
		name = "user " + user.Name
	}
	if group != nil {
		c.GID, name = group.ID, strings.TrimSpace(name+" group "+group.Name)
	}
	c.Name = name
	switch {
	case euid == 0:
		return c, nil
	case int(c.UID) == euid && int(c.GID) == egid:
		return nil, nil
	}
	return nil, fmt.Errorf("hookd is not root and cannot become %s", name)
}

// us is a duration of systemd's: microseconds, of which the largest is without limit.
func us(n uint64) time.Duration {
	if n >= math.MaxInt64/1000 {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

func hostSettings(spec runner.ServiceSpec) (*settings, error) {
	return settingsOf(spec, os.Geteuid(), os.Getegid())
}
