package booted

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const guestPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// script becomes systemd-nspawn. What it mounts is seen by nobody else and goes with it, whatever happens to the test;
// so does what systemd-nspawn writes to /run.
const script = `
mount -t tmpfs tmpfs /run
mkdir "$work"
mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
if [ -n "$setup" ]; then
	mkdir -p "$work/root$guest"
	mount --bind "$shared" "$work/root$guest"
	chroot "$work/root" env -C "$guest" sh -euc "$setup"
	umount "$work/root$guest"
fi
for group in $groups; do echo $$ >"$group/cgroup.procs"; done
root=$work/root
unset work lower setup shared groups guest
exec systemd-nspawn --directory="$root" "$@"
`

// nspawnArgs make a system that nobody on the host hears of, with no network but its own.
func (h *Host) nspawnArgs(binary, tree string) []string {
	return []string{"--boot", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=read-only",
		"--machine=guest", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--bind=/dev/net/tun",
		"--bind-ro=" + binary + ":" + guestBinary, "--bind-ro=" + tree + ":" + guestTree,
		"--bind=" + h.Shared() + ":" + guestShared}
}

// start begins the boot. The process namespace around systemd-nspawn ends the system with the test, however that ends.
func (h *Host) start(lower, tree string, o Options) {
	h.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	console, err := os.Create(h.console())
	if err != nil {
		h.t.Fatal(err)
	}
	defer console.Close()
	args := []string{"--mount", "--propagation", "private", "--mount-proc", "--kill-child", "--pid", "sh", "-euc", script, "sh"}
	cmd := exec.Command("unshare", append(args, h.nspawnArgs(binary, tree)...)...)
	cmd.Env = h.nspawnEnv(lower, o)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.kill = cmd.Process.Kill
	h.t.Cleanup(h.end)
	go func() { cmd.Wait(); close(h.over) }()
}

// nspawnEnv is what the script needs. The system has control groups of version 2 alone unless it is to have mixed ones, as
// its own distribution has them.
func (h *Host) nspawnEnv(lower string, o Options) []string {
	env := []string{"PATH=" + guestPath, "LC_ALL=C.UTF-8", "work=" + h.system(), "lower=" + lower, "setup=" + o.Setup,
		"shared=" + h.Shared(), "guest=" + guestShared, "groups=" + strings.Join(h.groups, " ")}
	if o.Mixed {
		return env
	}
	return append(env, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
}

func (h *Host) system() string { return filepath.Join(h.dir, "system") }

func (h *Host) console() string { return filepath.Join(h.dir, "console") }

// end shows what a failed test may have failed over, and ends the system as if its power were cut.
func (h *Host) end() {
	if h.t.Failed() {
		h.t.Logf("the end of the journal, or of the console:\n%s", h.journal())
	}
	h.kill() // with it goes the process namespace
	<-h.over
}

func (h *Host) journal() string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if h.init != "" {
		out, err := h.command(ctx, nil, "journalctl", "--boot", "--no-pager", "--lines=150", "--output=short-monotonic").CombinedOutput()
		if err == nil {
			return string(out)
		}
	}
	out, _ := os.ReadFile(h.console())
	return string(out[max(0, len(out)-8192):])
}
