package hookspec

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is said now into testdata")

// people are the accounts of the tests: root and web, nobody else.
type people struct{}

func (people) User(name string) (Account, error) {
	switch name {
	case "root":
		return Account{Name: name}, nil
	case "web":
		return Account{Name: name, ID: 33, GID: 33, Groups: []uint32{33, 4}}, nil
	}
	return Account{}, fmt.Errorf("unknown user %q", name)
}

func (people) Group(name string) (Account, error) { return people{}.User(name) }

func parseText(name, text string) (*Hook, Faults) {
	hookName, isUnit := strings.CutSuffix(name, ".hook")
	return Parse(hookName, []Source{{Path: name, Text: text, Script: !isUnit}}, Options{Accounts: people{}})
}

// TestFaults holds the message of every kind of mistake: its place, its words and its hint.
func TestFaults(t *testing.T) {
	const inputs, outputs = "testdata/faults.txtar", "testdata/faults.want"
	in, err := txtar.ParseFile(inputs)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range in.Files {
		_, faults := parseText(f.Name, unterminated(f))
		if len(faults) == 0 {
			t.Errorf("%s: no fault was found", f.Name)
		}
		for _, fault := range faults {
			fmt.Fprintln(&got, fault.Error())
			checkPlace(t, fault, string(f.Data))
		}
	}
	if len(in.Files) < 60 {
		t.Errorf("only %d faulty inputs", len(in.Files))
	}
	if *update {
		if err := os.WriteFile(outputs, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(outputs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// unterminated drops the line end that txtar adds where an input is about its lack.
func unterminated(f txtar.File) string {
	if f.Name == "continued-end.hook" {
		return strings.TrimSuffix(string(f.Data), "\n")
	}
	return string(f.Data)
}

// checkPlace makes sure that a fault lies in the file.
func checkPlace(t *testing.T, f Fault, text string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	if f.Line < 1 || f.Line > len(lines) || f.Col < 1 || f.Col > len(lines[f.Line-1])+1 {
		t.Errorf("%s: the place is not in the file", f.Error())
	}
}
