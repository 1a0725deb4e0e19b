package hookctl

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"hookd/events"
	"hookd/hookspec"
)

// eventDoc is one event of the table, in JSON.
type eventDoc struct {
	Name       string     `json:"name"`
	Doc        string     `json:"doc"`
	Teardown   bool       `json:"teardown"`
	Open       bool       `json:"open"` // any parameter is allowed
	Parameters []paramDoc `json:"parameters"`
}

type paramDoc struct {
	Name     string   `json:"name"`
	Doc      string   `json:"doc"`
	Optional bool     `json:"optional"`
	Variable string   `json:"variable"`
	Values   []string `json:"values,omitempty"`
}

func document(s events.Spec) eventDoc {
	d := eventDoc{s.Name, s.Doc, s.Teardown, s.Open, []paramDoc{}}
	for _, p := range s.Params {
		d.Parameters = append(d.Parameters, paramDoc{p.Name, p.Doc, p.Optional, events.Variable(p.Name), p.Values})
	}
	return d
}

func (a *app) events(c *cli.Context) error {
	if name := c.Args().First(); c.NArg() > 0 {
		return a.event(c, name)
	}
	docs, rows := []eventDoc{}, [][]string{{"EVENT", "WHAT HAPPENED"}}
	for _, s := range events.Table() {
		docs = append(docs, document(s))
		rows = append(rows, []string{s.Name, s.Doc})
	}
	if c.Bool("json") {
		return a.json(docs)
	}
	a.table(rows)
	return nil
}

func (a *app) event(c *cli.Context, name string) error {
	spec, known := events.Lookup(name)
	if !known && name == "user.*" {
		spec, known = events.Lookup("user.any")
		spec.Name = name
	}
	if !known {
		_, err := events.New(name, nil)
		return usageError{err.Error()}
	}
	if c.Bool("json") {
		return a.json(document(spec))
	}
	fmt.Fprintf(a.out, "%s: %s\n", spec.Name, spec.Doc)
	var rows [][]string
	for _, p := range spec.Params {
		always := ""
		if p.Optional {
			always = " (not always there)"
		}
		rows = append(rows, []string{"  " + p.Name, events.Variable(p.Name), p.Doc + always})
	}
	if spec.Open {
		rows = append(rows, []string{"  any name", "EVENT_…", "as given to hookctl emit"})
	}
	a.table(rows)
	return nil
}

func (a *app) create(c *cli.Context) error {
	name := strings.TrimSuffix(c.Args().First(), ".hook")
	if !hookspec.IsName(name) {
		return usagef("%s cannot be a hook's name: letters, digits and _.@+-, a letter, digit or _ first, at most 100", events.Show(name))
	}
	text := fmt.Sprintf(beginning, name, name)
	if c.Bool("json") {
		return a.json(map[string]string{"name": name, "text": text})
	}
	fmt.Fprint(a.out, text)
	return nil
}

// beginning is a hook file that works as it stands. A test checks it.
const beginning = `# %s.hook: put it into /etc/hookd/hooks.d; see hookd.hook(5).
# hookctl check %s.hook finds mistakes.

[Hook]
Description=What this hook is for

# When it runs. Lines are alternatives; hookctl events lists all events.
On=interface.state to=routable interface=*
#On=user.try

# What runs: an absolute path and its words. There is no shell; %%{name} is a
# parameter of the event and stays one word.
Exec=/bin/echo %%{interface} is routable

# How long the state must hold first, so that a flap costs nothing; which jobs
# exclude each other, and what becomes of an event that meets one.
#Settle=2s
#Instance=%%{interface}
#WhenBusy=queue
#RateLimit=100/60s
#OnStart=skip

# How long it may take, what becomes of a failure, and whether that ends the run.
#Timeout=30s
#Retry=3
#RetryDelay=1s
#Failure=continue

# In which order: after and before other hooks of the same event.
#After=other-hook
#Requires=other-hook

# Who runs it.
#User=nobody
#Environment=NAME=value

# For a program that is to go on running, in place of On= and what is about
# oneshots: it is started once, tracked, and stopped when its state is over.
#Type=service
#While=default-route
#ConditionReachable=vpn.example.com
#[Service]
#Restart=on-failure
`

// parseParams reads key=value arguments. Values are taken as they are, byte for byte.
func parseParams(args []string) ([]events.Param, error) {
	var params []events.Param
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		if !found {
			return nil, usagef("%s is no key=value", events.Show(arg))
		}
		params = append(params, events.Param{Key: key, Value: value})
	}
	return params, nil
}
