package hookctl_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hookd/cmd/internal/hookctl"
	"hookd/cmd/internal/hookd"
	"hookd/hookspec"
)

var update = flag.Bool("update", false, "write what is printed now into the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hookctl": func() { os.Exit(hookctl.Main(os.Args[1:], hookspec.TrustOf(), os.Stdout, os.Stderr)) },
		"hookd":   func() { os.Exit(hookd.Main(os.Args[1:], hookspec.TrustOf(), os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/*.txtar: every command of hookctl, rightly and wrongly used.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"eventually": eventually,
			"status":     status,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Getuid() == 0, nil
			case "mounts":
				return exec.Command("unshare", "-m", "true").Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
		UpdateScripts: *update,
	})
}

// eventually runs a program until it succeeds and its output holds the first argument.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir = ts.Getenv("WORK")
		cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err == nil && strings.Contains(string(out), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q never came: %v\n%s", args[0], err, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// status runs a program and checks its exit status, and that a usage error (2) says nothing on standard output.
func status(ts *testscript.TestScript, neg bool, args []string) {
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	ts.Logf("%s%s", stdout.String(), stderr.String())
	if got := cmd.ProcessState.String(); got != "exit status "+args[0] {
		ts.Fatalf("%s, want %s", got, args[0])
	}
	if args[0] == "2" && (stdout.Len() > 0 || stderr.Len() == 0) {
		ts.Fatalf("a usage error belongs on standard error")
	}
}
