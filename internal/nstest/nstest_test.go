package nstest

import (
	"fmt"
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
