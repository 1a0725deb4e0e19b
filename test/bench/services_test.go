package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hookd/internal/booted"
)

// TestServicesTable puts the first one's times below those of all.
func TestServicesTable(t *testing.T) {
	all := []*starter{{name: "systemd-run", took: upTo(200)}, {name: "hookd", took: upTo(100)}}
	text := strings.Join(strings.Fields(servicesTable(all, 100)), " ")
	for _, want := range []string{"systemd-run 100 180 1.00", "hookd 50 90 0.50"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

// TestBootedBench measures services beside systemd-run on a host with systemd, and prints what came of it. It is for
// make bench, which sets HOOKD_BENCH to the directory of what is measured.
func TestBootedBench(t *testing.T) {
	bin := os.Getenv("HOOKD_BENCH")
	if bin == "" {
		t.Skip("it only measures; see make bench")
	}
	dir := t.TempDir()
	if err := gcc(t.Context(), dir, "child", "-static", "-nostdlib"); err != nil {
		t.Skip(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bench"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := []string{filepath.Join(dir, "bench"), filepath.Join(dir, "child")}
	for _, name := range []string{"hookd", "hookctl", "hookshim"} {
		files = append(files, filepath.Join(bin, name))
	}
	h := booted.Boot(t, booted.Bookworm, booted.Options{Files: files})
	h.Run("systemctl", "is-system-running", "--wait")
	begin := time.Now()
	fmt.Print(h.Shell(`cp -r /run/hookd-test/shared /root/bin && cd /root/bin && chmod 755 . && ./bench -bin . -services /root/bin/child -rounds 200`))
	fmt.Printf("\nin a booted %s, after %s\n", booted.Bookworm, time.Since(begin).Round(time.Second))
}
