package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

//go:embed c
var sources embed.FS

// prepare makes the directory of all that is run: a copy of what is measured, because bin may be made anew meanwhile,
// and a program that does nothing.
func prepare(bin, work string) error {
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"hookd", "hookctl", "hookshim"} {
		program, err := os.ReadFile(filepath.Join(bin, name))
		if err != nil {
			return fmt.Errorf("%w (make it with: make build)", err)
		}
		if err := os.WriteFile(filepath.Join(work, name), program, 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(work, "nothing"), []byte("#!/bin/sh\n"), 0o755)
}

// compile makes the C programs and the script that the race needs; the error says what is missing for that.
func compile(ctx context.Context, work string) error {
	if _, err := exec.LookPath("gcc"); err != nil {
		return errors.New("there is no gcc; install gcc and the headers of the C library")
	}
	err := errors.Join(gcc(ctx, work, "listener"), gcc(ctx, work, "dynamic"), gcc(ctx, work, "child", "-static", "-nostdlib"),
		gcc(ctx, work, "exits", "-static", "-nostdlib"))
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s \"$1\"\n", filepath.Join(work, "child"))
	return os.WriteFile(filepath.Join(work, "script"), []byte(script), 0o755)
}

func gcc(ctx context.Context, work, name string, flags ...string) error {
	source, err := sources.ReadFile("c/" + name + ".c")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "gcc", append(flags, "-O2", "-o", filepath.Join(work, name), "-x", "c", "-")...)
	cmd.Stdin = bytes.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc cannot make %s: %w\n%s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// ownRoot gives an ordinary user a root directory of their own with work in it, at root. The host's belongs to somebody
// whom their user namespace does not know, and hookd trusts nothing that lies below such a directory. Programs and
// libraries come from the host; hookd does not ask who owns a loader or the interpreter of a script.
func ownRoot(root, work string) error {
	fi, err := os.Stat("/")
	if err != nil || fi.Sys().(*syscall.Stat_t).Uid == uint32(os.Geteuid()) {
		return err
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make the mounts private: %w", err)
	}
	if err := unix.Mount("hookd-bench", root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("cannot mount a root directory: %w", err)
	}
	for _, dir := range append(strings.Fields("/bin /sbin /lib /lib32 /lib64 /usr /etc /dev /proc"), work) {
		if err := lend(root, dir); err != nil {
			return fmt.Errorf("cannot take %s to a root directory: %w", dir, err)
		}
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("cannot change the root directory: %w", err)
	}
	return os.Chdir("/")
}

// lend makes a directory or link of the host appear below root, if it is there.
func lend(root, path string) error {
	at := filepath.Join(root, path)
	if target, err := os.Readlink(path); err == nil {
		return os.Symlink(target, at)
	}
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	return unix.Mount(path, at, "", unix.MS_BIND|unix.MS_REC, "")
}
