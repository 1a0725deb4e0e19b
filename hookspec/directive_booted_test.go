package hookspec

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hookd/internal/booted"
)

func TestS10SystemdTakesDirectivesBookworm(t *testing.T) {
	if booted.Enter(t, booted.Bookworm) {
		systemdTakesDirectives(t)
	}
}

func TestS10SystemdTakesDirectivesTrixie(t *testing.T) {
	if booted.Enter(t, booted.Trixie) {
		systemdTakesDirectives(t)
	}
}

// systemdTakesDirectives gives every key of [Service] to a real systemd over the bus and reads it back: the properties'
// names, their types and the values are those that systemd knows.
func systemdTakesDirectives(t *testing.T) {
	h, faults := parseText("x.hook", wholeService)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for n, key := range DirectiveKeys() {
		unit := fmt.Sprintf("t%d", n)
		var set []Directive
		for _, d := range h.Directives {
			if d.Key == key.Key {
				set = append(set, d)
			}
		}
		if err := startWith(unit, set); err != nil {
			t.Errorf("%s=: %v", key.Key, err)
			continue
		}
		for _, d := range set {
			want, got := strings.Join(onBus(d.Value), " "), ""
			// What a watchdog is set to is known once the unit's job has begun.
			for end := time.Now().Add(20 * time.Second); got != want && time.Now().Before(end); time.Sleep(time.Millisecond) {
				got = readBack(unit, d.Property)
			}
			if got != want {
				t.Errorf("%s=%s is %s, systemd says %s", d.Key, d.Text, want, got)
			}
		}
	}
}

// startWith starts a unit that only has these directives.
func startWith(unit string, set []Directive) error {
	args := []string{"--", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
		"StartTransientUnit", "ssa(sv)a(sa(sv))", unit + ".service", "fail", fmt.Sprint(1 + len(set)),
		"ExecStart", "a(sasb)", "1", "/bin/sleep", "2", "/bin/sleep", "600", "false"}
	for _, d := range set {
		args = append(append(args, d.Property), onBus(d.Value)...)
	}
	if out, err := exec.Command("busctl", append(args, "0")...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// readBack is a property of a unit with its type. Those of start limits belong to units, the others to services.
func readBack(unit, property string) string {
	kind := "Service"
	if strings.HasPrefix(property, "StartLimit") {
		kind = "Unit"
	}
	out, _ := exec.Command("busctl", "get-property", "org.freedesktop.systemd1", "/org/freedesktop/systemd1/unit/"+unit+"_2eservice",
		"org.freedesktop.systemd1."+kind, property).CombinedOutput()
	return strings.ReplaceAll(strings.TrimSpace(string(out)), `"`, "")
}

// onBus writes a value as busctl(1) does, its type first.
func onBus(value any) []string {
	switch v := value.(type) {
	case bool:
		return []string{"b", fmt.Sprint(v)}
	case string:
		return []string{"s", v}
	case int32:
		return []string{"i", fmt.Sprint(v)}
	case uint32:
		return []string{"u", fmt.Sprint(v)}
	case uint64:
		return []string{"t", fmt.Sprint(v)}
	case []string:
		return append([]string{"as", fmt.Sprint(len(v))}, v...)
	case ExitStatuses:
		return append(append([]string{"(aiai)"}, numbers(v.Status)...), numbers(v.Signals)...)
	}
	return []string{fmt.Sprintf("%T", value)}
}

func numbers(list []int32) []string {
	out := []string{fmt.Sprint(len(list))}
	for _, n := range list {
		out = append(out, fmt.Sprint(n))
	}
	return out
}
