package runparts

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// before runs the program of --before.
func (r *Runner) before(path string) { r.around(&r.Before, path) }

// after runs that of --after, with the exit status of all scripts so far, and what was read of this one.
func (r *Runner) after(o Outcome) {
	r.around(&r.After, o.Path, strconv.Itoa(r.Status), strconv.FormatInt(o.Bytes, 10))
}

// around runs a program beside a script. One that fails is not run again.
func (r *Runner) around(program *string, args ...string) {
	if *program == "" {
		return
	}
	pid, err := r.search(*program, args)
	var status syscall.WaitStatus
	if err == nil {
		status, err = wait(pid)
	} else {
		r.say("failed to exec " + *program + ": " + errorText(err))
		status, err = 1<<8, nil
	}
	switch {
	case err != nil:
		r.die("waitpid: " + errorText(err))
	case status.Signaled():
		r.say(*program + " exited because of uncaught signal " + strconv.Itoa(int(status.Signal())))
		*program = ""
	case status.ExitStatus() != 0:
		r.say(*program + " " + args[0] + " exited with return code " + strconv.Itoa(status.ExitStatus()))
		*program = ""
	}
}

// search starts a program as execvp(3) does: looked up in PATH, and by the shell if it has no format the kernel knows.
func (r *Runner) search(program string, args []string) (int, error) {
	argv := append([]string{program}, args...)
	if strings.Contains(program, "/") {
		return r.launch(program, argv)
	}
	path, has := os.LookupEnv("PATH")
	if !has {
		path = "/bin:/usr/bin"
	}
	var denied bool
	for dir := range strings.SplitSeq(path, ":") {
		if dir != "" {
			dir += "/"
		}
		pid, err := r.launch(dir+program, argv)
		switch err {
		case syscall.EACCES:
			denied = true
		case syscall.ENOENT, syscall.ESTALE, syscall.ENOTDIR, syscall.ENODEV, syscall.ETIMEDOUT:
		default:
			return pid, err
		}
	}
	if denied {
		return 0, syscall.EACCES
	}
	return 0, syscall.ENOENT
}

func (r *Runner) launch(path string, argv []string) (int, error) {
	attr := &syscall.ProcAttr{Env: r.environ(), Files: handles(r.standard())}
	pid, err := syscall.ForkExec(path, argv, attr)
	if err == syscall.ENOEXEC {
		return syscall.ForkExec("/bin/sh", append([]string{"/bin/sh", path}, argv[1:]...), attr)
	}
	return pid, err
}
