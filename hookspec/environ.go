package hookspec

import (
	"encoding/json"
	"strings"

	"hookd/compat"
	"hookd/events"
)

// searchPath is the PATH of every hook.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Environ is the whole environment of a job in the run with the given id. Nothing of hookd's own environment is in it
// (failures: S8). The order is that of hookd.hook(5); a name comes once, and what is added later wins.
func (j Job) Environ(e events.Event, run string) []string {
	env := []string{
		"PATH=" + searchPath,
		"HOOK_NAME=" + j.Hook.Name,
		"HOOK_INSTANCE=" + j.Instance,
		"HOOK_RUN=" + run,
		"HOOK_EVENT=" + e.Name,
		"HOOK_SOURCE=" + e.Source,
		"HOOK_FORMAT=1",
	}
	env = j.withNested(e, j.withDialect(env))
	for _, p := range j.Params {
		if j.Hook.legacy() {
			break // it has them under their old names
		}
		env = append(env, events.Variable(p.Key)+"="+p.Value)
	}
	for _, v := range j.Hook.Environment {
		text, _ := v.Value.Expand(j.get)
		env = setVariable(env, v.Name, text)
	}
	return env
}

// withNested tells an ifup or ifdown that the hook starts which interfaces it is started for, as ifupdown itself tells its
// scripts: so that it does not wait for what waits for it (failures: R9).
func (j Job) withNested(e events.Event, env []string) []string {
	around, _ := j.get("nested")
	if e.Family() != "ifupdown" {
		return env
	}
	for _, v := range compat.Nested(around) {
		name, value, _ := strings.Cut(v, "=")
		env = setVariable(env, name, value)
	}
	return env
}

func setVariable(env []string, name, value string) []string {
	for i, have := range env {
		if len(have) > len(name) && have[:len(name)+1] == name+"=" {
			env[i] = name + "=" + value
			return env
		}
	}
	return append(env, name+"="+value)
}

// Input is what a job reads on standard input: with Input=json the event with the parameters as this hook sees them and
// a line end, else nothing.
func (j Job) Input(e events.Event) []byte {
	if !j.Hook.JSON {
		return nil
	}
	e.Params = j.Params
	text, _ := json.Marshal(e) // an Event holds nothing that json refuses
	return append(text, '\n')
}
