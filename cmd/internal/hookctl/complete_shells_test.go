package hookctl_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hookd/cmd/internal/hookctl"
	"hookd/hookspec"
	"hookd/internal/nstest"
)

// inShells runs a test in every shell, each in a terminal of its own.
func inShells(t *testing.T, test func(t *testing.T, x *terminal)) {
	for shell, rc := range configured {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, shell, rc))
		})
	}
}

// hostile are names that a shell would take for something else; DIR is where a trace of that would be left.
var hostile = []string{"$(touch DIR/pwned)", "`touch DIR/pwned`", ";touch DIR/pwned", "&touch DIR/pwned",
	"|touch DIR/pwned", "(touch DIR/pwned)", ">DIR/pwned", "a b", `"`, "'", "*", `\`, "~root", "!x", "#x", "A=1", "--help",
	"-rf", "{a,b}", "a'b\"c", "$HOME", "a:b", "a@b", "[a-z]", "é"}

// TestShellsQuote completes a parameter to a hostile value, in every state of the quotes, and runs the line: hookctl
// gets the value, byte for byte, as one word, and nothing else is run.
func TestShellsQuote(t *testing.T) {
	inShells(t, quotes)
}

// TestShellsQuoteConfigured does the same with other configurations: where bash breaks words, that it refuses unset
// variables, and where zsh finds the function.
func TestShellsQuoteConfigured(t *testing.T) {
	for _, test := range []struct{ name, shell, rc string }{
		{"unbroken", "bash", configured["bash"] + "\nCOMP_WORDBREAKS=${COMP_WORDBREAKS//[=:@]}"},
		{"nounset", "bash", configured["bash"] + "\nset -u"},
		{"fpath", "zsh", "mkdir ~/site; hookctl completion zsh >~/site/_hookctl; fpath=(~/site $fpath)\n" +
			"autoload -U compinit; compinit -u -D; bindkey '^I' complete-word"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			quotes(t, start(t, test.shell, test.rc))
		})
	}
}

func quotes(t *testing.T, x *terminal) {
	write(t, filepath.Join(x.work, "interface=file"), "") // what an * without quotes would find
	for _, typed := range []string{"inter", "interface=", "interface='", `interface="`, `"inter`, "'interface="} {
		for _, name := range hostile {
			value := "interface=" + strings.ReplaceAll(name, "DIR", x.work)
			x.answers(value + "\twhat it means\n")
			x.keys("hookctl emit link.up " + typed + "\t\r")
			x.expect("emit", "link.up", value)
		}
	}
	x.untouched("interface=file")
}

// TestShellsShare completes to what several values share, and then to one of them.
func TestShellsShare(t *testing.T) {
	inShells(t, func(t *testing.T, x *terminal) {
		for _, share := range []string{"a b", "a'", `a"`, "a$", `a\`, "a;'\"`$", "ab"} {
			x.answers("interface=" + share + "1\ninterface=" + share + "2\n")
			for _, typed := range []string{"interface=a", "interface='a", `interface="a`} {
				x.keys("hookctl emit link.up " + typed + "\t2")
				x.keys("\t\r")
				x.expect("emit", "link.up", "interface="+share+"2")
			}
		}
	})
}

// TestShellsEvaluateNothing presses the tab key behind what a shell would run, and takes the line back.
func TestShellsEvaluateNothing(t *testing.T) {
	inShells(t, func(t *testing.T, x *terminal) {
		for _, line := range []string{
			"emit $(touch DIR/pwned)", "emit $(touch DIR/pwned) ", "emit `touch DIR/pwned`", "emit `touch DIR/pwned` ",
			`emit "$(touch DIR/pwned)`, `emit "$(touch DIR/pwned)" `, "emit (touch DIR/pwned) ",
			"emit ${x:=$(touch DIR/pwned)}", "emit <(touch DIR/pwned) ", "emit 'a;touch DIR/pwned;' ",
			"emit link.up interface=$(touch DIR/pwned)", "emit link.up interface=$(touch DIR/pwned) m",
			"--hooks $(touch DIR/pwned) show ", "--hooks=$(touch DIR/pwned)",
			"check $(touch DIR/pwned)/", "check `touch DIR/pwned`/",
		} {
			x.keys("hookctl " + strings.ReplaceAll(line, "DIR", x.work) + "\t\x15")
			x.keys("hookctl emit done\r")
			x.expect("emit", "done")
		}
		x.untouched()
	})
}

// TestShellsFiles completes paths with hostile names where hookctl leaves them to the shell.
func TestShellsFiles(t *testing.T) {
	inShells(t, func(t *testing.T, x *terminal) {
		// Without a backslash: in a directory of that name zsh finds nothing, for whatever command.
		names := []string{"$(touch pwned)", "`touch pwned`", ";touch pwned", "a b", `"`, "'", "*", "--help", "~root"}
		for i, name := range names {
			dir := "../" + string(rune('a'+i))
			write(t, filepath.Join(x.work, dir, name, "x y.hook"), "")
			x.keys("hookctl --hooks " + dir + "/\t\r")
			x.expectPath("--hooks", dir+"/"+name)
			x.keys("hookctl --hooks=" + dir + "/\t\r")
			x.expectPath("--hooks=" + dir + "/" + name)
			x.keys("hookctl check " + dir + "/\t")
			x.keys("/\t\r") // it takes the place of the slash that the shell has put there, or is a second one
			x.expectPath("check", dir+"/"+name+"/x y.hook")
		}
		x.untouched()
	})
}

// expectPath is expect for a last word that is a path: some shells put a slash behind a directory.
func (x *terminal) expectPath(want ...string) {
	x.t.Helper()
	got := x.told()
	last := &got[len(got)-1]
	*last = strings.TrimRight(strings.ReplaceAll(*last, "//", "/"), "/")
	if !slices.Equal(got, want) {
		x.t.Errorf("hookctl was run with %q, want %q", got, want)
	}
}

// TestShellsInterfaces completes to real interfaces whose names the kernel takes (failures: S5), by what hookctl itself
// answers. Names that a terminal cannot show are no choice, so that the one beside them is the only one.
func TestShellsInterfaces(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	names := []string{"$(>pwned)", "`>pwned`", ";>pwned", "|x", "&", "x*", "~root", "{a,b}", "A=1", "--help", "!x", "#x",
		"ZZok"}
	for _, name := range append(names, "ZZ\x1b[31m", "ZZ\xff\xfe") {
		nstest.IP(t, "link", "add", "name", name, "type", "bridge")
	}
	inShells(t, func(t *testing.T, x *terminal) {
		for _, name := range names {
			x.keys("hookctl emit link.up interface='" + name[:1] + "\t\r")
			x.expect("emit", "link.up", "interface="+name)
		}
		x.untouched()
	})
}

// TestShellsWholeLine types a line with as few letters as possible, against the tables of hookctl itself.
func TestShellsWholeLine(t *testing.T) {
	inShells(t, func(t *testing.T, x *terminal) {
		for _, keys := range []string{"hookctl --no-c\t", "em\t", "interface.s\t", "mt\t", "1500 to\t", "ro\t", "\r"} {
			x.keys(keys)
		}
		x.expect("--no-color", "emit", "interface.state", "mtu=1500", "to=routable")
	})
}

// TestShellsMeaning: zsh and fish say what the words mean that they list, bash lists the words alone.
func TestShellsMeaning(t *testing.T) {
	inShells(t, func(t *testing.T, x *terminal) {
		x.keys("hookctl s\t\t")
		x.await("the words are listed", func() bool {
			return strings.Contains(x.shown(), "show") && strings.Contains(x.shown(), "status")
		})
		if strings.HasSuffix(t.Name(), "/bash") {
			return
		}
		x.await("their meaning is shown", func() bool { return strings.Contains(x.shown(), "show how hookd is") })
	})
}

// TestBashReplies looks at what the function gives readline, which puts it in the place of what it has broken off.
func TestBashReplies(t *testing.T) {
	need(t, "bash")
	dir, env := workplace(t)
	const program = `source <(hookctl completion bash)
		COMP_WORDBREAKS=$1 COMP_LINE=${2/_/} COMP_POINT=${2%%_*} COMP_POINT=${#COMP_POINT}
		_hookctl hookctl '' ''
		printf '%q ' "${COMPREPLY[@]}"`
	const usual, whole = " \t\n\"'><=;|&(:", " \t\n\"'><;|&("
	for _, test := range []struct{ breaks, line, want string }{
		{usual, "hookctl stat_", "status"},
		{usual, "hookctl stat_us x", "status"},
		{usual, "  hookctl  stat_", "status"},
		{usual, "hookctl emit link.up mt_", "mtu="},
		{usual, "hookctl emit 'link.up' mt_", "mtu="},
		{usual, `hookctl emit "link".up mt_`, "mtu="},
		{usual, `hookctl emit link\.up mt_`, "mtu="},
		{usual, "hookctl emit link.up 'mt_", `\'mtu=\'`},
		{usual, "hookctl emit interface.state to=rout_", "routable"},
		{whole, "hookctl emit interface.state to=rout_", "to=routable"},
		{usual, "hookctl emit interface.state to='rout_", `\'routable\'`},
		{usual, `hookctl emit interface.state "to"=rout_`, "routable"},
		{usual, `hookctl emit interface.state "to=rout_`, `\"to=routable\"`},
		{usual, "hookctl emit interface.state to=$rout_", "''"},
		{usual, "hookctl emit interface.state mtu=$x to=rout_", "routable"},
		{usual, "hookctl events >link.u_", "''"},
		{usual, "hookctl events > link.u_", "''"},
		{usual, "hookctl events '>' link.u_", "''"},
		{usual, "hookctl --nosuch link.u_", "''"},
		{usual, "hookctl check _", "''"},
	} {
		cmd := exec.Command("bash", "--norc", "-c", program, "bash", test.breaks, test.line)
		cmd.Dir, cmd.Env = filepath.Join(dir, "work"), env
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("%s: %s, %v, want %s", test.line, got, err, test.want)
		}
	}
}

// TestFishComplete asks fish itself for its list.
func TestFishComplete(t *testing.T) {
	need(t, "fish")
	_, env := workplace(t)
	for line, want := range map[string]string{
		"hookctl stat":                       "status\tshow how hookd is, or a service\n",
		"hookctl emit interface.state to=ro": "to=routable\n",
		"hookctl emit 'link.up' mt":          "mtu=\tthe largest packet, in bytes\n",
		"hookctl new ":                       "",
	} {
		cmd := exec.Command("fish", "--no-config", "-c", "hookctl completion fish | source; complete -C $argv[1]", line)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s: %q, %v, want %q", line, out, err, want)
		}
	}
}

// TestCompletionCommand: scripts come from completion, and what they call is in no help and never complains.
func TestCompletionCommand(t *testing.T) {
	for _, test := range []struct {
		line   string
		status int
		out    string // how standard output begins
	}{
		{"completion bash", 0, "# Completion of hookctl(1) for bash."},
		{"completion zsh", 0, "#compdef hookctl\n"},
		{"completion fish", 0, "# Completion of hookctl(1) for fish."},
		{"completion", 2, ""},
		{"completion tcsh", 2, ""},
		{"completion ../app.go", 2, ""},
		{"completion bash zsh", 2, ""},
		{"completion --json bash", 2, ""},
		{"__complete", 0, ""},
		{"__complete --nosuch \x00 ", 0, ""},
		{"__complete --hooks /nosuch show ", 0, ""},
		{"__complete stat", 0, "status\tshow how hookd is, or a service\n"},
	} {
		var out, err bytes.Buffer
		status := hookctl.Main(strings.Split(test.line, " "), hookspec.TrustOf(), &out, &err)
		if status != test.status || !strings.HasPrefix(out.String(), test.out) || test.out == "" && out.Len() > 0 {
			t.Errorf("%s: status %d, %.50q, %q", test.line, status, out.String(), err.String())
		}
		if status == 0 && err.Len() > 0 || status == 2 && err.Len() == 0 {
			t.Errorf("%s: status %d with %q on standard error", test.line, status, err.String())
		}
	}
	var help bytes.Buffer
	if hookctl.Main([]string{"help"}, hookspec.TrustOf(), &help, &help); strings.Contains(help.String(), "__complete") {
		t.Error("the help has __complete")
	}
}
