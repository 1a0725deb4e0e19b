package monitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hookd/internal/procs"
)

// launch starts a monitor, which starts its service. Who calls has taken the lock, which the monitor inherits.
func (s *Supervisor) launch(key string, lock *os.File, set *settings) error {
	shim, err := s.shim()
	if err != nil {
		return err
	}
	r := record{Hook: set.Hook, Instance: set.Instance, Group: s.groups.of(key),
		Signal: set.Kill.Signal, StopTimeout: set.StopTimeout}
	if r.Group != "" {
		set.Group = filepath.Join(r.Group, serviceGroup)
	}
	if err := r.write(lock); err != nil {
		return err
	}
	spec, err := procs.InMemory("hookd-service", line(set))
	if err != nil {
		return err
	}
	defer spec.Close()
	socket, err := s.dir.listen(key)
	if err != nil {
		return err
	}
	defer socket.Close()
	return detach(shim, r.Group, []*os.File{spec, lock, socket})
}

// detach starts the monitor process so that it neither ends with us nor stays behind as a zombie.
func detach(shim, group string, files []*os.File) error {
	cmd := &exec.Cmd{Path: shim, Args: []string{"hookshim", "monitor"}, Env: []string{}, Dir: "/", ExtraFiles: files,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if group != "" {
		g, err := makeGroup(filepath.Join(group, monitorGroup))
		if err != nil {
			return fmt.Errorf("cannot make the control group of a monitor: %w", err)
		}
		defer g.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(g.Fd())
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start a monitor for the service: %w", cause(err))
	}
	go cmd.Wait() // ends with the monitor; a reaper of this process may be faster
	return nil
}

// orphanPatience bounds how long what a dead monitor has left behind gets to end by itself.
const orphanPatience = 5 * time.Second

// clear ends what a dead monitor has left behind and takes its files away. Who calls has taken the lock. An error says
// that something lives on; then the files stay.
func (s *Supervisor) clear(ctx context.Context, key string, r record) error {
	service := ""
	if r.Group != "" {
		service = filepath.Join(r.Group, serviceGroup)
	}
	k := newKilling(killRule{Signal: r.Signal, Final: int32(unix.SIGKILL)}, service)
	patience := orphanPatience
	if r.StopTimeout > 0 {
		patience = min(patience, r.StopTimeout)
	}
	soft, hard := time.Now().Add(patience), time.Now().Add(patience+orphanPatience)
	for left := r.orphans(); len(left) > 0; left = r.orphans() {
		k.final = time.Now().After(soft)
		if time.Now().After(hard) || ctx.Err() != nil {
			return errors.New("processes that a dead monitor has left behind do not end")
		}
		pause(ctx, k.again(left, 0))
	}
	for try := 0; try < 200 && !removeGroup(r.Group); try++ { // who has just ended is not quite gone
		pause(ctx, 5*time.Millisecond)
	}
	s.dir.drop(key)
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// orphans lists what lives of a service whose monitor is dead: the main process, which is known by the time of its start
// as well, those in its group or, where there is none, those that carry the mark of its start, and all their descendants.
func (r record) orphans() map[int]uint64 {
	known := map[int]uint64{}
	if r.Invocation == "" || r.Last != nil {
		return known // it had not begun, or was ended whole
	}
	all := procs.All()
	if p, there := all[r.Main]; there && p.Start == r.Start {
		known[r.Main] = p.Start
	}
	if r.Group != "" {
		for _, pid := range procs.Cgroup(filepath.Join(r.Group, serviceGroup)).Members() {
			known[pid] = all[pid].Start
		}
	} else {
		for pid, p := range all {
			if procs.Carries(pid, "INVOCATION_ID="+r.Invocation) {
				known[pid] = p.Start
			}
		}
	}
	procs.Adopt(all, known)
	maps.DeleteFunc(known, func(pid int, _ uint64) bool { return all[pid].Zombie || pid == os.Getpid() })
	return known
}
