package hookctl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/internal/control"
	"hookd/runner"
)

// manage asks hookd to start, stop or restart the services of a hook, as the command is called.
func (a *app) manage(c *cli.Context) error {
	args := c.Args().Slice()
	params, err := parseParams(args[1:])
	if err != nil {
		return err
	}
	req := control.ManageRequest{Verb: c.Command.Name, Hook: args[0], Parameters: control.EmitParams(params)}
	reply, err := ask[control.ServicesReply](c, control.MethodManage, req)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("nobody waits any more for hookd to %s %s; it goes on", req.Verb, events.Show(req.Hook))
	case err != nil:
		return fmt.Errorf("cannot %s %s: %w", req.Verb, events.Show(req.Hook), err)
	case c.Bool("json"):
		return a.json(reply)
	case len(reply.Services) == 0:
		fmt.Fprintf(a.out, "%s: nothing to %s\n", events.Show(req.Hook), req.Verb)
	}
	for _, s := range reply.Services {
		fmt.Fprintf(a.out, "%s: %s\n", serviceName(s.ServiceReport), a.phase(c, s.ServiceReport))
	}
	return nil
}

func serviceName(s runner.ServiceReport) string {
	if s.Instance == "" {
		return events.Show(s.Hook)
	}
	return events.Show(s.Hook) + " " + events.Show(string(s.Instance))
}

// phase says where a service stands, in color.
func (a *app) phase(c *cli.Context, s runner.ServiceReport) string {
	color := yellow
	switch {
	case s.Phase == runner.Running:
		color = green
	case s.Phase == runner.Broken:
		color = red
	case s.Phase == runner.Inactive && !s.Wanted:
		color = ""
	}
	text := a.paint(c, color, string(s.Phase))
	if end := ending(s); end != "" && (s.Phase == runner.Broken || s.Phase == runner.Restarting) {
		text += " (" + end + ")"
	}
	return text
}

// ending says how a service ended last.
func ending(s runner.ServiceReport) string {
	switch {
	case s.ExitStatus != nil && s.Result != "success":
		return fmt.Sprintf("%s, exit status %d", s.Result, *s.ExitStatus)
	case s.Signal != "":
		return s.Result + ", " + s.Signal
	case s.Result == "success":
		return "exit status 0"
	}
	return s.Result
}

// serviceStatus shows the services of a hook, with all that is known of them.
func (a *app) serviceStatus(c *cli.Context, hook string) error {
	reply, err := ask[control.ServicesReply](c, control.MethodServices, control.ServicesRequest{Hook: hook})
	switch {
	case err != nil:
		return err
	case c.Bool("json"):
		return a.json(reply)
	}
	for i, s := range reply.Services {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		a.describe(c, s)
	}
	return nil
}

func (a *app) describe(c *cli.Context, s control.Service) {
	rows := [][]string{{"service", serviceName(s.ServiceReport)}}
	add := func(head, text string) {
		if text != "" {
			rows = append(rows, []string{head, text})
		}
	}
	add("about", plain(s.Description))
	add("is", a.phase(c, s.ServiceReport)+since(s.ServiceReport))
	if s.PID > 0 && s.Phase != runner.Inactive && s.Phase != runner.Broken {
		add("process", fmt.Sprint(s.PID))
	}
	add("unit", s.Unit)
	if s.Restarts > 0 {
		add("restarts", fmt.Sprint(s.Restarts))
	}
	add(map[bool]string{true: "wanted", false: "not wanted"}[s.Wanted], plain(s.Why))
	add("but", a.paint(c, red, plain(s.Missing)))
	if s.Reason != s.Missing {
		add("reason", plain(s.Reason))
	}
	if s.Phase == runner.Inactive {
		add("ended with", ending(s.ServiceReport))
	}
	if s.Foreign {
		add("note", "somebody else had started it; it is not hookd's to stop")
	}
	a.table(rows)
	if s.Output != "" {
		fmt.Fprint(a.out, "last output\n", indent(string(s.Output), "  "))
	}
}

func since(s runner.ServiceReport) string {
	if s.Since.IsZero() {
		return ""
	}
	return " since " + s.Since.Local().Format(time.DateTime)
}

// servicesGlance is a line for each service, for hookctl status.
func (a *app) servicesGlance(c *cli.Context, services []control.Service) {
	rows := [][]string{}
	for _, s := range services {
		what := plain(s.Why)
		if s.Missing != "" {
			what = plain(s.Missing)
		}
		rows = append(rows, []string{"  " + serviceName(s.ServiceReport), a.phase(c, s.ServiceReport), identity(s.ServiceReport), what})
	}
	a.table(rows)
}

// identity is the unit or process of a service that runs.
func identity(s runner.ServiceReport) string {
	switch {
	case s.Phase == runner.Inactive || s.Phase == runner.Broken:
		return "-"
	case s.Unit != "":
		return strings.TrimSpace(s.Unit)
	case s.PID == 0: // it died, and will be started again
		return "-"
	}
	return fmt.Sprintf("process %d", s.PID)
}
