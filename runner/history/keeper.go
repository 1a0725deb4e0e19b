package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// flushAfter is how long an entry waits at the most before it is moved, and how long after a failure the next try comes.
const flushAfter = 5 * time.Minute

// maxLasting is how many bytes of parts a lasting directory keeps; the oldest go first.
const maxLasting = keepParts * partSize

// Keeper moves the parts of a history to a directory that outlives the boot, once it was told that it is there. It alone
// waits for that disk. It owns the directory: there is one Keeper for it at a time.
type Keeper struct {
	h      *History
	dir    string
	safe   func(dir string) error
	report func(error)
	after  time.Duration
	asks   chan chan error // unbuffered: who asks waits until Run takes it

	mark   mark // where to; the zero value until it is told. Owned by Run, like the rest
	broken bool
	timer  *time.Timer
	waits  bool // the timer runs
}

// NewKeeper is for a directory that may not be there yet, "" for none. safe says why it is not to be written to; report is
// called with what cannot be moved, and with nil when that is over.
func NewKeeper(h *History, dir string, safe func(dir string) error, report func(error)) *Keeper {
	return &Keeper{h: h, dir: dir, safe: safe, report: report, after: flushAfter, asks: make(chan chan error)}
}

// Flush tells the keeper that the directory is there, has it move all that was written so far, and waits for that. The
// error says what could not be moved; it is tried again. Anybody may call it while Run runs.
func (k *Keeper) Flush(ctx context.Context) error {
	if k.dir == "" {
		return errors.New("there is no directory in which the history could last (hookd --history names one)")
	}
	answer := make(chan error, 1)
	select {
	case k.asks <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run moves parts until ctx ends, and then once more. What an earlier hookd of this boot was told counts. While nothing is
// written it sleeps.
func (k *Keeper) Run(ctx context.Context) {
	if k.dir == "" {
		return
	}
	k.timer = time.NewTimer(k.after)
	k.rest()
	defer k.rest()
	k.recall()
	for {
		select {
		case answer := <-k.asks:
			answer <- k.told()
		case <-k.h.full:
			if k.later(); k.knows() && !k.broken { // else it is for the timer
				k.flush()
			}
		case <-k.h.wrote:
			k.later()
		case <-k.timer.C:
			k.flush()
		case <-ctx.Done():
			if k.knows() {
				k.flush()
			}
			return
		}
	}
}

func (k *Keeper) knows() bool { return k.mark != mark{} }

// later has the timer run, if it does not and there is a place to move to.
func (k *Keeper) later() {
	if !k.waits && k.knows() {
		k.waits = true
		k.timer.Reset(k.after)
	}
}

func (k *Keeper) rest() {
	k.waits = false
	k.timer.Stop()
}

// recall takes up what an earlier hookd of this boot was told of the same directory. A mark of anything else is none.
func (k *Keeper) recall() {
	m, err := readMark(k.h.dir)
	if now, bad := here(); err == nil && bad == nil && m.Boot == now.Boot && m.Directory == k.dir {
		k.mark = m
	}
}

// told takes the directory for there, wherever it is now.
func (k *Keeper) told() error {
	m, err := markOf(k.dir)
	if err != nil {
		return k.outcome(err)
	}
	k.mark = m
	return k.flush()
}

// flush moves all parts. When that fails the last one is written on, so that failures do not use parts up.
func (k *Keeper) flush() error {
	err := k.ready()
	if err == nil {
		err = k.moveAll(k.h.seal())
	}
	k.rest()
	if err != nil {
		k.h.goOn()
		k.later()
	}
	return k.outcome(err)
}

func (k *Keeper) outcome(err error) error {
	if err != nil {
		err = fmt.Errorf("cannot move the history to where it lasts: %w", err)
	}
	if err != nil || k.broken {
		k.report(err)
	}
	k.broken = err != nil
	return err
}

// ready makes the directory, and the one that it is in, but never in the place of a file system that has gone. Nothing is
// moved to where readers would not look for it.
func (k *Keeper) ready() error {
	device, err := deviceOf(k.dir)
	if err != nil {
		return err
	}
	if device != k.mark.Device {
		return fmt.Errorf("%s is on another file system than it was; hookctl flush tells that this is right", k.dir)
	}
	if m, err := readMark(k.h.dir); err != nil || m != k.mark {
		if err := k.mark.write(k.h.dir); err != nil {
			return err
		}
	}
	if err := mkdir(filepath.Dir(k.dir), 0o755); err != nil {
		return err
	}
	if err := mkdir(k.dir, 0o700); err != nil {
		return err
	}
	return k.safe(k.dir)
}

func mkdir(dir string, mode os.FileMode) error {
	if err := os.Mkdir(dir, mode); !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (k *Keeper) moveAll(sources []string) error {
	for _, source := range sources {
		for _, step := range (&move{source: source, dir: k.dir}).steps() {
			if err := step(); err != nil {
				return err
			}
		}
	}
	return nil
}
