package control

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hookd/events"
	"hookd/hookspec"
	"hookd/runner"
	"hookd/runner/history"
)

// fieldsIn reads "name: type, …" of an interface description.
func fieldsIn(list string) map[string]string {
	out := map[string]string{}
	for _, f := range regexp.MustCompile(`(\w+)\s*:\s*([?\[\]\w]+)`).FindAllStringSubmatch(list, -1) {
		out[f[1]] = f[2]
	}
	return out
}

// fieldsOf are the same of a Go type as JSON has it.
func fieldsOf(t reflect.Type, names map[reflect.Type]string) map[string]string {
	out := map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for k, v := range fieldsOf(f.Type, names) {
				out[k] = v
			}
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		kind := varlinkType(f.Type, names)
		if opts != "" {
			kind = "?" + kind
		}
		out[name] = kind
	}
	return out
}

func varlinkType(t reflect.Type, names map[reflect.Type]string) string {
	switch {
	case names[t] != "":
		return names[t]
	case t == reflect.TypeFor[events.Bytes]():
		return "object"
	case t == reflect.TypeFor[time.Time]():
		return "string"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return varlinkType(t.Elem(), names)
	case reflect.Slice:
		return "[]" + varlinkType(t.Elem(), names)
	case reflect.Map:
		return "[string]" + varlinkType(t.Elem(), names)
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64:
		return "int"
	}
	return "unknown " + t.String()
}

// eventForm is the JSON form of an event, whose Go type is package events' own.
type eventForm struct {
	Event      string                  `json:"event"`
	Subject    events.Bytes            `json:"subject"`
	Source     string                  `json:"source"`
	Time       time.Time               `json:"time"`
	Parameters map[string]events.Bytes `json:"parameters"`
	Cause      []events.Cause          `json:"cause,omitempty"`
}

// The description says of every type and method what the program does, and nothing else.
func TestDescription(t *testing.T) {
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(Description, "")
	types := map[string]reflect.Type{
		"Parameter": reflect.TypeFor[EmitParam](), "Source": reflect.TypeFor[SourceStatus](), "Cause": reflect.TypeFor[events.Cause](),
		"Event": reflect.TypeFor[eventForm](), "Process": reflect.TypeFor[runner.Process](), "Refusal": reflect.TypeFor[hookspec.Refusal](),
		"Job": reflect.TypeFor[runner.JobReport](), "Run": reflect.TypeFor[runner.RunReport](), "Entry": reflect.TypeFor[history.Entry](),
		"PlannedJob": reflect.TypeFor[hookspec.JobPlan](), "Plan": reflect.TypeFor[hookspec.PlanReport](),
		"ServiceCounts": reflect.TypeFor[ServiceCounts](), "Service": reflect.TypeFor[Service](), "Condition": reflect.TypeFor[hookspec.ConditionPlan](),
		"Step": reflect.TypeFor[hookspec.Step](),
	}
	names := map[reflect.Type]string{reflect.TypeFor[events.Event](): "Event"}
	for name, typ := range types {
		names[typ] = name
	}
	var seen []string
	for _, m := range regexp.MustCompile(`(?s)\ntype (\w+) \((.*?)\n\)`).FindAllStringSubmatch(text, -1) {
		seen = append(seen, m[1])
		typ, known := types[m[1]]
		if !known {
			t.Errorf("the program has no type %s", m[1])
			continue
		}
		if diff := cmp.Diff(fieldsIn(m[2]), fieldsOf(typ, names)); diff != "" {
			t.Errorf("type %s (-described +real):\n%s", m[1], diff)
		}
	}
	if len(seen) != len(types) {
		t.Errorf("types described: %v", seen)
	}
	methods := map[string][2]reflect.Type{
		MethodStatus: {nil, reflect.TypeFor[Status]()}, MethodReload: {nil, reflect.TypeFor[Reloaded]()},
		MethodEmit:    {reflect.TypeFor[EmitRequest](), reflect.TypeFor[EmitReply]()},
		MethodWatch:   {reflect.TypeFor[WatchRequest](), reflect.TypeFor[Record]()},
		MethodHistory: {reflect.TypeFor[HistoryRequest](), reflect.TypeFor[HistoryReply]()},

		MethodServices: {reflect.TypeFor[ServicesRequest](), reflect.TypeFor[ServicesReply]()},
		MethodManage:   {reflect.TypeFor[ManageRequest](), reflect.TypeFor[ServicesReply]()},
		MethodFlush:    {nil, reflect.TypeFor[Flushed]()},
		MethodScripts:  {reflect.TypeFor[ScriptsRequest](), nil},

		MethodHello:   {nil, reflect.TypeFor[Hello]()},
		MethodReport:  {reflect.TypeFor[ReportRequest](), reflect.TypeFor[ReportReply]()},
		MethodProceed: {reflect.TypeFor[ProceedRequest](), reflect.TypeFor[ProceedReply]()},
	}
	found := regexp.MustCompile(`(?s)\nmethod (\w+)\((.*?)\) -> \((.*?)\)`).FindAllStringSubmatch(text, -1)
	for _, m := range found {
		io, known := methods["io.hookd."+m[1]]
		if !known {
			t.Errorf("the program has no method %s", m[1])
			continue
		}
		for i, typ := range io {
			want := map[string]string{}
			if typ != nil {
				want = fieldsOf(typ, names)
			}
			if diff := cmp.Diff(fieldsIn(m[2+i]), want); diff != "" {
				t.Errorf("method %s, %d (-described +real):\n%s", m[1], i, diff)
			}
		}
	}
	if len(found) != len(methods) {
		t.Errorf("%d methods described, %d are there", len(found), len(methods))
	}
	var errs []string
	for _, m := range regexp.MustCompile(`\nerror (\w+)`).FindAllStringSubmatch(text, -1) {
		errs = append(errs, "io.hookd."+m[1])
	}
	real := []string{ErrPermission, ErrRequest, ErrRefused, ErrBusy, ErrStopping, ErrFailed}
	if !slices.Equal(errs, real) {
		t.Errorf("errors described: %v, real: %v", errs, real)
	}
}

func TestIntrospection(t *testing.T) {
	path, _ := serve(t)
	var reply map[string]any
	ask := func(method string, params any) error {
		reply = nil
		return Call(t.Context(), path, method, params, false, func(raw json.RawMessage) error { return json.Unmarshal(raw, &reply) })
	}
	if err := ask("org.varlink.service.GetInfo", nil); err != nil || reply["version"] != "7" || len(reply["interfaces"].([]any)) != 2 {
		t.Errorf("info: %v, %v", reply, err)
	}
	for _, name := range []string{"io.hookd", "org.varlink.service"} {
		err := ask("org.varlink.service.GetInterfaceDescription", map[string]string{"interface": name})
		if text, _ := reply["description"].(string); err != nil || !strings.Contains(text, "\ninterface "+name+"\n") {
			t.Errorf("%s: %v, %v", name, reply, err)
		}
	}
	for _, test := range []struct {
		method, iface string
		want          Error
	}{
		{"org.varlink.service.GetInterfaceDescription", "io.none", Error{Name: ErrNoInterface, Interface: "io.none"}},
		{"io.none.Status", "", Error{Name: ErrNoInterface, Interface: "io.none"}},
		{"nothing", "", Error{Name: ErrNoInterface}},
		{"t.Nothing", "", Error{Name: ErrNoMethod, Method: "t.Nothing"}},
		{"t.Count", "", Error{Name: ErrExpectedMore}},
	} {
		err := ask(test.method, map[string]string{"interface": test.iface})
		var got Error
		if e, ok := err.(*Error); ok {
			got = *e
			if got.Message == got.Name {
				got.Message = ""
			}
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.method, err, test.want)
		}
	}
}
