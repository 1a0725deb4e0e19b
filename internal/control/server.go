package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Request is one call as a handler sees it.
type Request struct {
	Method     string
	Parameters json.RawMessage
	Stream     bool // the client takes any number of answers
	Peer       Peer
	send       func(reply) error
}

// Decode reads the parameters.
func (r *Request) Decode(into any) error {
	if len(r.Parameters) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.Parameters, into); err != nil {
		return Errorf(ErrRequest, "the parameters of %s cannot be read: %s", r.Method, err)
	}
	return nil
}

// More sends an answer after which others follow. It is an error where the client takes only one.
func (r *Request) More(v any) error {
	if !r.Stream {
		return &Error{Name: ErrExpectedMore}
	}
	text, err := encode(v)
	if err != nil {
		return err
	}
	return r.send(reply{Parameters: text, Continues: true})
}

// Handler answers a request with the value that it returns. Its context ends when the client goes away.
type Handler func(ctx context.Context, r *Request) (any, error)

// Bounds of the server.
const (
	maxClients = 256              // further ones are turned away at once
	idle       = 10 * time.Second // within which a client has to ask something, first or next
	writeLimit = 10 * time.Second // within which a client has to take an answer
)

// Serve answers until ctx ends, and returns when the last handler has.
func Serve(ctx context.Context, l *net.UnixListener, handlers map[string]Handler) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	places := make(chan struct{}, maxClients) // full: the client is turned away
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files: others will close some
			time.Sleep(50 * time.Millisecond)
			continue
		}
		select {
		case places <- struct{}{}:
			clients.Go(func() { serveClient(ctx, c, handlers); <-places })
		default:
			c.Close()
		}
	}
}

// serveClient answers one client, one request after the other.
func serveClient(ctx context.Context, c *net.UnixConn, handlers map[string]Handler) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer stop()
	peer, err := peerOf(c)
	if err != nil {
		return
	}
	calls := make(chan call) // unbuffered: a client that asks on while it is answered waits
	go readCalls(ctx, cancel, c, calls)
	for {
		select {
		case next, more := <-calls:
			if !more {
				return
			}
			c.SetReadDeadline(time.Time{})
			if answer(ctx, c, peer, next, handlers) != nil {
				return
			}
			c.SetReadDeadline(time.Now().Add(idle))
		case <-ctx.Done():
			return
		}
	}
}

// readCalls ends when the client goes away, or with the deadline that the end of ctx sets. A client that only closes its
// own direction still gets its answers; one that is gone cancels them.
func readCalls(ctx context.Context, cancel func(), c *net.UnixConn, calls chan<- call) {
	defer close(calls)
	r := bufio.NewReader(c)
	c.SetReadDeadline(time.Now().Add(idle))
	for {
		var next call
		if err := readMessage(r, maxRequest, &next); errors.Is(err, io.EOF) {
			go awaitHangup(ctx, cancel, c)
			return
		} else if err != nil {
			cancel()
			return
		}
		c.SetReadDeadline(time.Time{})
		select {
		case calls <- next:
		case <-ctx.Done():
			return
		}
	}
}

// awaitHangup cancels when the client is gone; it ends with ctx, which the last answer ends.
func awaitHangup(ctx context.Context, cancel func(), c *net.UnixConn) {
	for ctx.Err() == nil && !hungUp(c) {
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	cancel()
}

// hungUp says whether the other end is closed in both directions (poll(2), POLLHUP).
func hungUp(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	fds := []unix.PollFd{{}}
	err = raw.Control(func(fd uintptr) {
		fds[0].Fd = int32(fd)
		unix.Poll(fds, 0)
	})
	return err != nil || fds[0].Revents&unix.POLLHUP != 0
}

func answer(ctx context.Context, c *net.UnixConn, peer Peer, next call, handlers map[string]Handler) error {
	send := func(r reply) error {
		c.SetWriteDeadline(time.Now().Add(writeLimit))
		return writeMessage(c, r)
	}
	if next.Oneway { // the client reads no answer
		send = func(reply) error { return nil }
	}
	h, known := handlers[next.Method]
	if !known {
		return send(errorReply(notFound(next.Method, handlers)))
	}
	v, err := h(ctx, &Request{next.Method, next.Parameters, next.More && !next.Oneway, peer, send})
	if err != nil {
		return send(errorReply(err))
	}
	text, err := encode(v)
	if err != nil {
		return send(errorReply(err))
	}
	return send(reply{Parameters: text})
}

// notFound tells an interface that is not there from a method that its interface does not have.
func notFound(method string, handlers map[string]Handler) error {
	name := method[:max(0, strings.LastIndexByte(method, '.'))]
	for known := range handlers {
		if strings.HasPrefix(known, name+".") && strings.Count(known, ".") == strings.Count(method, ".") {
			return &Error{Name: ErrNoMethod, Method: method}
		}
	}
	return &Error{Name: ErrNoInterface, Interface: name}
}

func errorReply(err error) reply {
	e := &Error{Name: ErrFailed, Message: err.Error()}
	errors.As(err, &e)
	text, _ := encode(e)
	return reply{Error: e.Name, Parameters: text}
}
