package booted

import (
	"fmt"
	"os/exec"
	"testing"

	"hookd/internal/nstest"
)

// TestLevels says which levels of tests run on this host. make test prints it.
func TestLevels(t *testing.T) {
	tell(t, "unit", "")
	tell(t, "cli", "")
	tell(t, "shells", missingShells())
	tell(t, "netns", nstest.Missing())
	tell(t, "booted", Missing())
}

func tell(t *testing.T, level, missing string) {
	if missing == "" {
		fmt.Printf("level %-7s runs\n", level+":")
		return
	}
	fmt.Printf("level %-7s left out: %s\n", level+":", missing)
	if nstest.Required(level) {
		t.Error("HOOKD_TEST_REQUIRE asks for the level " + level)
	}
}

func missingShells() string {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if _, err := exec.LookPath(shell); err != nil {
			return "there is no " + shell
		}
	}
	return ""
}
