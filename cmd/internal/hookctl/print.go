package hookctl

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"hookd/events"
)

// json prints a value as the one JSON document of a command.
func (a *app) json(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// line prints a value as JSON in one line, for commands that print one after the other.
func (a *app) line(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table prints rows in columns, the first row being their heads. Cells are escaped already.
func (a *app) table(rows [][]string) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(r, "\t"), "\t "))
	}
	w.Flush()
}

// The colors of results and states.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colors a text where there is somebody to see it.
func (a *app) paint(c *cli.Context, color, text string) string {
	if color == "" || c.Bool("no-color") || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !a.terminal {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// colorOf is the color of a result of a job or a state of a file.
func colorOf(word string) string {
	switch word {
	case "done", "loaded":
		return green
	case "failed", "timeout", "canceled", "interrupted", "refused":
		return red
	case "skipped", "limited", "masked", "kept", "ignored":
		return yellow
	}
	return ""
}

// indent prints a text of several lines below something, each line escaped.
func indent(text, by string) string {
	var b strings.Builder
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(by + plain(l) + "\n")
	}
	return b.String()
}

// plain shows a line of output: as it is when a terminal can take it, tabs included, else escaped.
func plain(line string) string {
	shown := events.Show(strings.NewReplacer("\t", "", " ", "", `"`, "", "'", "", `\`, "").Replace(line))
	if line == "" || !strings.HasPrefix(shown, `"`) || shown == `""` {
		return line
	}
	return events.Show(line)
}

func shown(list []events.Bytes) string {
	words := make([]string, len(list))
	for i, b := range list {
		words[i] = events.Show(string(b))
	}
	return strings.Join(words, " ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
