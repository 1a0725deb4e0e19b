package hookshim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hookd/events"
	"hookd/internal/control"
	"hookd/runner"
	"hookd/runner/process"
)

type jsonText = json.RawMessage

// say is a line for the administrator.
func (s *shim) say(format string, args ...any) {
	fmt.Fprintf(s.err, "hookshim: %s\n", harmless(fmt.Sprintf(format, args...)))
}

// harmless shows what a terminal would obey, and leaves what is shown already: who listens at the socket may say anything.
func harmless(text string) string {
	var out strings.Builder
	for _, r := range text {
		shown := string(r)
		if !strconv.IsPrint(r) {
			shown = strings.Trim(strconv.QuoteRune(r), "'")
		}
		out.WriteString(shown)
	}
	return out.String()
}

// job tells of one that did not do what it was for, also for want of a hookd, or because it is done elsewhere.
func (s *shim) job(j runner.JobReport) {
	if j.Result == runner.Skipped && (strings.HasSuffix(j.Reason, unknown) || j.Reason == process.Elsewhere) {
		s.say("%s: skipped, %s", j.Hook, printable(j.Reason))
	}
	bad := []runner.Result{runner.Failed, runner.TimedOut, runner.Canceled, runner.Interrupted}
	if !slices.Contains(bad, j.Result) {
		return
	}
	line := j.Hook + ": " + string(j.Result)
	if j.Reason != "" {
		line += ", " + printable(j.Reason)
	}
	if first := firstLine(string(j.Output)); first != "" {
		line += ": " + first
	}
	s.say("%s", line)
}

// firstLine is the first line of an output that is not blank, cut where nobody reads on.
func firstLine(output string) string {
	for line := range strings.SplitSeq(output, "\n") {
		line = strings.TrimSpace(line)
		if len(line) > 200 {
			line = line[:200] + " …"
		}
		if line != "" {
			return printable(line)
		}
	}
	return ""
}

// printable shows what a terminal would not.
func printable(text string) string {
	shown := strconv.Quote(text)
	return strings.ReplaceAll(shown[1:len(shown)-1], `\"`, `"`)
}

// reportOf is what is told of an event.
func reportOf(e events.Event, scripts []string) control.ReportRequest {
	return control.ReportRequest{Event: e.Name, Parameters: control.EmitParams(e.Params), Scripts: events.AllBytes(scripts)}
}

// read reads an answer of hookd; what cannot be read is none.
func read[T any](raw jsonText) (T, error) {
	var answer, none T
	if err := json.Unmarshal(raw, &answer); err != nil {
		return none, fmt.Errorf("cannot read the answer of hookd: %w", err)
	}
	return answer, nil
}
