package nstest

import (
	"fmt"
	"os/exec"
	"testing"
)

// TestLevels says which levels of tests run on this host. make test prints it.
func TestLevels(t *testing.T) {
	fmt.Println("level unit:   runs")
	fmt.Println("level cli:    runs")
	fmt.Println("level booted: left out, it is not in this version")
	if Required("booted") {
		t.Error("HOOKD_TEST_REQUIRE asks for the level booted, which is not in this version")
	}
	shells := "runs"
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if _, err := exec.LookPath(shell); err != nil {
			shells = "left out in part: there is no " + shell
		}
	}
	fmt.Println("level shells: " + shells)
	if shells != "runs" && Required("shells") {
		t.Error("HOOKD_TEST_REQUIRE asks for the level shells")
	}
	why := Missing()
	if why == "" {
		fmt.Println("level netns:  runs")
		return
	}
	fmt.Println("level netns:  left out: " + why)
	if Required("netns") {
		t.Error("HOOKD_TEST_REQUIRE asks for the level netns")
	}
}
