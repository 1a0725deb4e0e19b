package control

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNobody says that there is no hookd.
var ErrNobody = errors.New("no hookd listens")

// ErrUnasked says that hookd has not got a request: it cannot have done anything about it, and never will.
var ErrUnasked = errors.New("hookd was not asked")

// ErrForbidden says that there is a hookd, and that it is not for everybody.
var ErrForbidden = errors.New("only root and the user it runs as may")

// askLimit is how long hookd may take to read a request.
const askLimit = 10 * time.Second

// Call asks the hookd at path one thing. Each answer goes to each; with more there may be any number of them.
func Call(ctx context.Context, path, method string, parameters any, more bool, each func(json.RawMessage) error) error {
	c, err := Dial(ctx, path)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Call(ctx, method, parameters, more, each)
}

// Conversation is a connection over which hookd is asked one thing after the other. One goroutine at a time may use it.
type Conversation struct {
	path string
	conn net.Conn
	r    *bufio.Reader
}

// Dial begins a conversation with the hookd at path.
func Dial(ctx context.Context, path string) (*Conversation, error) {
	c, err := dial(ctx, path)
	if err != nil {
		return nil, dialError(path, err)
	}
	return &Conversation{path, c, bufio.NewReader(c)}, nil
}

// Greet begins a conversation with a hookd that answers within the limit. Until it has sent a report, whoever greets may go
// away again and do by itself what hookd would have done.
func Greet(ctx context.Context, path string, limit time.Duration) (*Conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := Dial(ctx, path)
	if err != nil {
		return nil, err
	}
	err = c.Call(ctx, MethodHello, nil, false, func(raw json.RawMessage) error { return json.Unmarshal(raw, &Hello{}) })
	if ctx.Err() != nil { // also when the answer came in the last moment: the deadline may hit the next call
		err = fmt.Errorf("hookd at %s does not answer", path)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the conversation.
func (c *Conversation) Close() { c.conn.Close() }

// Call asks one thing, as the function of this name. When ctx has ended the conversation is good for nothing more. The error
// is ErrUnasked when hookd has not got the whole request, which ends with its last byte.
func (c *Conversation) Call(ctx context.Context, method string, parameters any, more bool, each func(json.RawMessage) error) error {
	c.conn.SetWriteDeadline(time.Now().Add(askLimit))
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Now()) })
	defer stop()
	if err := c.ask(method, parameters, more); err != nil {
		return fmt.Errorf("cannot ask hookd at %s: %w", c.path, err)
	}
	for {
		var answer reply
		switch err := readMessage(c.r, maxAnswer, &answer); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
			return fmt.Errorf("hookd at %s ended the conversation", c.path)
		case err != nil:
			return fmt.Errorf("cannot read the answer of hookd at %s: %w", c.path, err)
		case answer.Error != "":
			return remoteError(answer)
		}
		if err := each(answer.Parameters); err != nil || !answer.Continues {
			return err
		}
	}
}

func (c *Conversation) ask(method string, parameters any, more bool) error {
	text, err := encode(parameters)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnasked, err)
	}
	message, err := encode(call{Method: method, Parameters: text, More: more})
	if err == nil && len(message) >= maxRequest {
		err = fmt.Errorf("a message of more than %d bytes", maxRequest)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnasked, err)
	}
	if n, err := c.write(append(message, 0)); n <= len(message) {
		return fmt.Errorf("%w: %w", ErrUnasked, errors.Unwrap(err)) // its addresses are numbers
	}
	return nil
}

// write writes without SIGPIPE: run-parts(8) is to end with that one for its messages, and not because hookd has.
func (c *Conversation) write(message []byte) (n int, err error) {
	raw, err := c.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("%w", err)
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		for n < len(message) && failed == nil {
			some, err := unix.SendmsgN(int(fd), message[n:], nil, nil, unix.MSG_NOSIGNAL)
			if err == unix.EAGAIN {
				return false
			}
			if err != nil && err != unix.EINTR {
				failed = fmt.Errorf("%w", os.NewSyscallError("write", err))
			}
			n += max(some, 0)
		}
		return true
	})
	return n, cmp.Or(failed, err)
}

func remoteError(r reply) error {
	e := &Error{Name: r.Error, Message: r.Error}
	json.Unmarshal(r.Parameters, e)
	return e
}

func dialError(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w at %s (start it, or name its socket with --socket)", ErrNobody, path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("cannot speak to hookd at %s: %w", path, ErrForbidden)
	}
	return fmt.Errorf("cannot speak to hookd at %s: %w", path, err)
}
