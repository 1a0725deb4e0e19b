package process

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"hookd/hookspec"
	"hookd/internal/procs"
	"hookd/runner"
)

// LocksName is the name of the file of all locks in the state directory.
const LocksName = "jobs.lock"

// Locks keep jobs of one hook and instance apart that different processes run: hookd, a hookshim that met no hookd, hookctl test.
// Each is a lock of one byte of one file, which belongs to the open file and so ends with whoever has it, however that ends
// (F_OFD_SETLK, fcntl_locking(2)). The jobs of one process are kept apart by its runner.
type Locks struct{ f *os.File }

// OpenLocks opens the file, which is made if need be.
func OpenLocks(path string) (*Locks, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the locks of jobs: %w", err)
	}
	return &Locks{f}, nil
}

// Close gives all locks up.
func (l *Locks) Close() { l.f.Close() }

// Held says whether another process runs a job of a hook and instance.
func (l *Locks) Held(hook, instance string) bool {
	lock := byteOf(hook, instance, unix.F_WRLCK)
	return unix.FcntlFlock(l.f.Fd(), unix.F_OFD_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK
}

// byteOf is where the lock of a hook and instance is. That two have one place does no harm beyond making one wait.
func byteOf(hook, instance string, kind int16) unix.Flock_t {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s\x00%s", hook, instance)
	return unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: int64(sum.Sum64() >> 2), Len: 1}
}

// How often a lock is asked for that another process has. There is no call that waits for one and that another goroutine could end.
const (
	lockPoll    = 2 * time.Millisecond
	lockPollMax = 50 * time.Millisecond
	lockLong    = time.Second      // a wait that is told
	lockDefault = 30 * time.Second // of a hook without a limit: as long as for one that does not say
)

// Elsewhere is why a job is skipped that another process runs, which has not ended it when it should have: it is stopped, or hangs,
// and must not hold up who waits for us as well.
const Elsewhere = "another process runs it"

var errElsewhere = errors.New(Elsewhere)

// lockLimit is how long another process may need for a job of a hook.
func lockLimit(h *hookspec.Hook) time.Duration {
	if h.Timeout == 0 {
		return lockDefault + h.KillAfter
	}
	return h.Timeout + h.KillAfter
}

// errInside is why a job does not wait for the lock that it is run under itself.
var errInside = errors.New("a job of this hook led to it")

// take waits for the lock of a job, as long as another process may need for it, and says how long that took. Parallel jobs have
// none.
func (l *Locks) take(ctx context.Context, j hookspec.Job) (waited time.Duration, err error) {
	if l == nil || j.Hook.WhenBusy == hookspec.BusyParallel {
		return 0, nil
	}
	lock := byteOf(j.Hook.Name, j.Instance, unix.F_WRLCK)
	taken := func() bool { // what else can be wrong is no reason not to run the hook
		err := unix.FcntlFlock(l.f.Fd(), unix.F_OFD_SETLK, &lock)
		return err != unix.EAGAIN && err != unix.EACCES
	}
	if taken() {
		return 0, nil
	}
	if inside(j) {
		return 0, errInside
	}
	began := time.Now()
	limit := time.NewTimer(lockLimit(j.Hook))
	defer limit.Stop()
	for pause := lockPoll; !taken(); pause = min(2*pause, lockPollMax) {
		select {
		case <-time.After(pause):
		case <-limit.C:
			return time.Since(began), errElsewhere
		case <-ctx.Done():
			return time.Since(began), context.Cause(ctx)
		}
	}
	return time.Since(began), nil
}

func (l *Locks) release(j hookspec.Job) {
	if l != nil && j.Hook.WhenBusy != hookspec.BusyParallel {
		lock := byteOf(j.Hook.Name, j.Instance, unix.F_UNLCK)
		unix.FcntlFlock(l.f.Fd(), unix.F_OFD_SETLK, &lock)
	}
}

// inside says whether this process was started by a job of that hook and instance, which would wait for us (failures: R9).
func inside(j hookspec.Job) bool {
	for _, pid := range procs.Ancestors(os.Getpid(), 1) {
		name, _ := procs.Variable(pid, "HOOK_NAME")
		instance, _ := procs.Variable(pid, "HOOK_INSTANCE")
		if name == j.Hook.Name && instance == j.Instance {
			return true
		}
	}
	return false
}

// Execute implements runner.Executor.
func (e *Executor) Execute(ctx context.Context, t runner.Task) runner.JobReport {
	waited, err := e.locks.take(ctx, t.Job)
	switch {
	case err == errInside, err == errElsewhere:
		return runner.JobReport{Result: runner.Skipped, Reason: err.Error()}
	case err != nil:
		return runner.JobReport{Result: runner.Canceled, Reason: err.Error()}
	}
	defer e.locks.release(t.Job)
	report := e.execute(ctx, t)
	if waited >= lockLong && report.Reason == "" {
		report.Reason = fmt.Sprintf("another process ran it for %s before", waited.Round(100*time.Millisecond))
	}
	return report
}
