package hookd

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"hookd/internal/control"
	"hookd/runner"
)

// lastFlush is how long the end of hookd waits for the history to be moved: the disk may be one that does not answer.
const lastFlush = 10 * time.Second

// keep runs the keeper of the history. end has it move what is there for the last time, and waits for that.
func (d *daemon) keep(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		d.keeper.Run(ctx)
		close(over)
	}()
	return func() {
		stop()
		select {
		case <-over:
		case <-time.After(lastFlush):
			d.log.Error("the disk of the history does not answer; what was not moved stays in the state directory")
		}
	}
}

// lastingSafe says why the history must not be written into a directory: its lines hold what hooks have written, and who
// owns it could lead us elsewhere.
func (d *daemon) lastingSafe(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := int(fi.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !fi.IsDir():
		return fmt.Errorf("%s is no directory, or only a link to one", dir)
	case owner != os.Geteuid():
		return fmt.Errorf("%s belongs to uid %d, not to hookd's own", dir, owner)
	case fi.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is open to others (mode %04o)", dir, fi.Mode().Perm())
	}
	_, err = d.trust.Resolve(dir)
	return err
}

// flush has been told that the directory of the history is there.
func (d *daemon) flush(ctx context.Context, _ *control.Request) (any, error) {
	err := d.keeper.Flush(ctx)
	if ctx.Err() != nil {
		err = runner.ErrStopped
	}
	return control.Flushed{Directory: d.History}, err
}
