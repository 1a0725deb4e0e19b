package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"hookd/internal/control"
)

// launchHookd starts hookd with hooks, given by name, and waits until it has loaded them all. Neither the hooks of the
// host nor its policies have a say.
func launchHookd(ctx context.Context, work, dir string, hooks map[string]string, more ...string) (*daemon, control.Status, error) {
	var status control.Status
	if err := writeHooks(dir, hooks); err != nil {
		return nil, status, err
	}
	state := filepath.Join(dir, "state")
	args := append([]string{filepath.Join(work, "hookd"), "--state", state,
		"--hooks", filepath.Join(dir, "hooks"), "--policy", filepath.Join(dir, "policies")}, more...)
	d, err := launch(dir, args...)
	if err != nil {
		return nil, status, err
	}
	d, err = d.await(ctx, "hookd does not answer", func() bool { return statusOf(ctx, state, &status) == nil })
	if err == nil && status.Hooks != len(hooks) {
		d.stop()
		return nil, status, fmt.Errorf("hookd has loaded %d of %d hooks\n%s", status.Hooks, len(hooks), d.wrote())
	}
	return d, status, err
}

func writeHooks(dir string, hooks map[string]string) error {
	for _, name := range []string{"hooks", "policies"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	for name, text := range hooks {
		if err := os.WriteFile(filepath.Join(dir, "hooks", name+".hook"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func statusOf(ctx context.Context, state string, status *control.Status) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return control.Call(ctx, filepath.Join(state, control.SocketName), control.MethodStatus, struct{}{}, false,
		func(raw json.RawMessage) error { return json.Unmarshal(raw, status) })
}

// unlimited lets a hook run as often as it likes, if this hookd knows a key for that: how often a hook may run is not what
// is measured.
func unlimited(work, dir, hook string) (string, error) {
	path := filepath.Join(dir, "try.hook")
	more := hook + "RateLimit=infinity\n"
	if err := os.WriteFile(path, []byte(more), 0o644); err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(work, "hookctl"), "check", path).CombinedOutput()
	switch {
	case err == nil:
		return more, nil
	case strings.Contains(string(out), "RateLimit") || strings.Contains(string(out), "infinity"):
		return hook, nil
	}
	return "", fmt.Errorf("hookctl does not accept a hook: %w\n%s", err, out)
}
