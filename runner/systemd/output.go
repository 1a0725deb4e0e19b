package systemd

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"hookd/runner"
)

const (
	outputLines   = "20"
	outputTimeout = 5 * time.Second
)

// Output is the last lines that a service has written to the journal since the system was started. journalctl(1) is asked,
// because there is no reader of the journal but in C.
func (s *Supervisor) Output(ctx context.Context, id runner.ServiceID) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, outputTimeout)
	defer cancel()
	name := s.foreignUnit(id)
	if name == "" {
		name = unitName(s.prefix, id)
	}
	cmd := exec.CommandContext(ctx, "journalctl", "--quiet", "--no-pager", "--boot", "--output=cat", "--lines="+outputLines, "_SYSTEMD_UNIT="+name)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("read what %s has written: %w %s", name, err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}

// Active says whether a unit is active, for a condition. known is false where systemd has no such unit.
func (s *Supervisor) Active(ctx context.Context, unit string) (active, known bool, err error) {
	l, err := s.current(ctx)
	if err != nil {
		return false, false, err
	}
	p, _, err := l.properties(ctx, pathOf(unit), unitFace)
	v := view{}.withUnit(p)
	return v.up() || v.exited(), err == nil && v.isLoaded(), err
}
