// Package control is the conversation between hookd and those who ask it something: Varlink messages (JSON, closed by a
// NUL byte) over a Unix socket, so that varlinkctl(1) can speak to it too. It carries any parameters; what they mean is
// known to hookd and hookctl.
package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The largest messages in bytes; a larger one ends the connection. An answer may hold the output of many jobs.
const (
	maxRequest = 1 << 20
	maxAnswer  = 256 << 20
)

// call is a request on the wire.
type call struct {
	Method     string          `json:"method"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	More       bool            `json:"more,omitempty"`
	Oneway     bool            `json:"oneway,omitempty"`
}

// reply is an answer on the wire.
type reply struct {
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Continues  bool            `json:"continues,omitempty"`
	Error      string          `json:"error,omitempty"`
}

// Error is an answer that says no. Name is Varlink's name of the error; those of Varlink itself name what they are about.
type Error struct {
	Name      string `json:"-"`
	Message   string `json:"message,omitempty"`
	Interface string `json:"interface,omitempty"`
	Method    string `json:"method,omitempty"`
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Name + " " + e.Interface + e.Method
	}
	return e.Message
}

// Names of errors.
const (
	ErrPermission   = "io.hookd.PermissionDenied"
	ErrRequest      = "io.hookd.BadRequest" // the request itself is wrong: a usage error
	ErrRefused      = "io.hookd.Refused"    // a reload
	ErrBusy         = "io.hookd.Busy"
	ErrStopping     = "io.hookd.Stopping"
	ErrFailed       = "io.hookd.Failed"
	ErrNoInterface  = "org.varlink.service.InterfaceNotFound"
	ErrNoMethod     = "org.varlink.service.MethodNotFound"
	ErrExpectedMore = "org.varlink.service.ExpectedMore"
)

// Errorf makes an Error.
func Errorf(name, format string, args ...any) error {
	return &Error{Name: name, Message: fmt.Sprintf(format, args...)}
}

// encode writes a value as JSON, without the escapes for HTML that make six bytes of one.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot write a message: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

func writeMessage(w io.Writer, v any) error {
	text, err := encode(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, 0))
	return err
}

// readMessage reads up to the next NUL byte and no more than limit bytes.
func readMessage(r *bufio.Reader, limit int, v any) error {
	var message []byte
	for {
		part, err := r.ReadSlice(0)
		message = append(message, part...)
		switch {
		case len(message) > limit:
			return fmt.Errorf("a message of more than %d bytes", limit)
		case err == nil:
			return json.Unmarshal(bytes.TrimSuffix(message, []byte{0}), v)
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
