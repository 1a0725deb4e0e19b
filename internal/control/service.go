package control

import (
	"context"
	_ "embed"
	"maps"
)

// Description is the interface io.hookd in Varlink's language; a test holds it against the types of api.go.
//
//go:embed io.hookd.varlink
var Description string

const serviceDescription = `# The interface that every Varlink service has.
interface org.varlink.service

method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
`

// info is what GetInfo answers.
type info struct {
	Vendor     string   `json:"vendor"`
	Product    string   `json:"product"`
	Version    string   `json:"version"`
	URL        string   `json:"url"`
	Interfaces []string `json:"interfaces"`
}

// WithIntrospection adds the methods by which a client learns what the others are (varlink.org, Service Interface).
func WithIntrospection(version string, handlers map[string]Handler) map[string]Handler {
	all := maps.Clone(handlers)
	all["org.varlink.service.GetInfo"] = func(context.Context, *Request) (any, error) {
		return info{"hookd", "hookd", version, "man:hookd(8)", []string{"org.varlink.service", "io.hookd"}}, nil
	}
	all["org.varlink.service.GetInterfaceDescription"] = describe
	return all
}

func describe(_ context.Context, r *Request) (any, error) {
	var asked struct {
		Interface string `json:"interface"`
	}
	if err := r.Decode(&asked); err != nil {
		return nil, err
	}
	texts := map[string]string{"org.varlink.service": serviceDescription, "io.hookd": Description}
	text, known := texts[asked.Interface]
	if !known {
		return nil, &Error{Name: ErrNoInterface, Interface: asked.Interface}
	}
	return map[string]string{"description": text}, nil
}
