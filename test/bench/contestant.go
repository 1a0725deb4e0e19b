package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// contestant is a daemon, the interface that it listens to, and the times of its rounds that count.
type contestant struct {
	*daemon
	link *link
	fifo int // that its child writes to
	took []time.Duration
}

// round sets the interface up and takes the time until the child runs.
func (c *contestant) round(ctx context.Context, counts bool) error {
	sleep(pause)
	if c.written(0) {
		return fmt.Errorf("%s ran its child more than once", c.cmd.Path)
	}
	begin := monotonic()
	if err := c.link.ask(c.link.up); err != nil {
		return err
	}
	ran, err := c.childRan(ctx)
	if err != nil {
		return err
	}
	if counts {
		c.took = append(c.took, ran-begin)
	}
	return c.link.ask(c.link.down)
}

// childRan waits for the child and says when its first instruction ran. This thread sleeps in the kernel meanwhile: the
// contestant may need its CPU.
func (c *contestant) childRan(ctx context.Context) (time.Duration, error) {
	for deadline := time.Now().Add(patience); !c.written(100 * time.Millisecond); {
		if err := c.lives(ctx, deadline); err != nil {
			return 0, fmt.Errorf("%s does not run its child: %w", c.cmd.Path, err)
		}
	}
	return c.said()
}

// said is when the child says that its first instruction ran.
func (c *contestant) said() (time.Duration, error) {
	text := make([]byte, 8)
	if n, err := unix.Read(c.fifo, text); err != nil || n != len(text) {
		return 0, fmt.Errorf("cannot read what the child wrote: %d bytes, %v", n, err)
	}
	return time.Duration(binary.NativeEndian.Uint64(text)), nil
}

// written waits for a child that has written, at most for the given time.
func (c *contestant) written(limit time.Duration) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fifo), Events: unix.POLLIN}}, int(limit.Milliseconds()))
	return err == nil && n > 0
}

// monotonic is CLOCK_MONOTONIC, which the children read as well.
func monotonic() time.Duration {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails only for a clock that is not there
	return time.Duration(now.Nano())
}

// sleep keeps this thread asleep; time.Sleep would have others look for work at the moment of waking up.
func sleep(d time.Duration) {
	wish := unix.NsecToTimespec(int64(d))
	unix.Nanosleep(&wish, nil) // a signal only makes it shorter
}
