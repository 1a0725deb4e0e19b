package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve starts a server with handlers for the tests and returns the path of its socket, which is too long for a socket
// address.
func serve(t *testing.T) (path string, canceled chan struct{}) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 25))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, SocketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	canceled = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Serve(ctx, l, WithIntrospection("7", map[string]Handler{
			"t.Echo": func(_ context.Context, r *Request) (any, error) {
				var v any
				err := r.Decode(&v)
				return v, err
			},
			"t.Peer":  func(_ context.Context, r *Request) (any, error) { return r.Peer, nil },
			"t.Error": func(context.Context, *Request) (any, error) { return nil, Errorf(ErrRequest, "no %d", 7) },
			"t.Count": func(_ context.Context, r *Request) (any, error) {
				for i := range 3 {
					if err := r.More(i); err != nil {
						return nil, err
					}
				}
				return 3, nil
			},
			"t.Wait": func(ctx context.Context, _ *Request) (any, error) {
				<-ctx.Done()
				close(canceled)
				return nil, ctx.Err()
			},
		}))
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return path, canceled
}

func TestCall(t *testing.T) {
	path, _ := serve(t)
	var answers []string
	collect := func(raw json.RawMessage) error { answers = append(answers, string(raw)); return nil }
	if err := Call(t.Context(), path, "t.Echo", map[string]string{"a": "<b>"}, false, collect); err != nil || answers[0] != `{"a":"<b>"}` {
		t.Errorf("echo: %v %v", answers, err)
	}
	answers = nil
	if err := Call(t.Context(), path, "t.Count", nil, true, collect); err != nil || fmt.Sprint(answers) != "[0 1 2 3]" {
		t.Errorf("count: %v %v", answers, err)
	}
	var e *Error
	if err := Call(t.Context(), path, "t.Error", nil, false, collect); !errors.As(err, &e) || e.Name != ErrRequest || e.Message != "no 7" {
		t.Errorf("error: %v", err)
	}
	if err := Call(t.Context(), path, "t.Nothing", nil, false, collect); !errors.As(err, &e) || e.Name != ErrNoMethod {
		t.Errorf("no method: %v", err)
	}
	var peer Peer
	err := Call(t.Context(), path, "t.Peer", nil, false, func(raw json.RawMessage) error { return json.Unmarshal(raw, &peer) })
	if err != nil || int(peer.UID) != os.Geteuid() || int(peer.PID) != os.Getpid() {
		t.Errorf("peer %+v, %v", peer, err)
	}
}

// A client that disappears cancels what it waits for.
func TestDisappear(t *testing.T) {
	path, canceled := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := Call(ctx, path, "t.Wait", nil, false, func(json.RawMessage) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	select {
	case <-canceled:
	case <-time.After(20 * time.Second):
		t.Error("the handler goes on")
	}
}

// A client that closes its own direction after its request still gets the answer, and one that asks twice at once gets two.
func TestHalfClose(t *testing.T) {
	path, _ := serve(t)
	for range 50 {
		c, err := dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, `{"method":"t.Echo","parameters":1}`+"\x00"+`{"method":"t.Echo","parameters":2}`+"\x00")
		c.(*net.UnixConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if got, err := io.ReadAll(c); err != nil || string(got) != "{\"parameters\":1}\x00{\"parameters\":2}\x00" {
			t.Fatalf("got %q, %v", got, err)
		}
		c.Close()
	}
}

// Garbage, a message without an end and one that is too large end the conversation with that client and nothing else.
func TestGarbage(t *testing.T) {
	path, _ := serve(t)
	for name, text := range map[string]string{
		"garbage": "\x01\x02{]\x00", "no object": "[1,2]\x00", "nothing": "\x00", "half a message": `{"method":`, "too large": strings.Repeat("x", maxRequest+1),
	} {
		c, err := dial(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, text)
		c.(*net.UnixConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if answer, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the conversation goes on, answer %q", name, answer)
		}
		c.Close()
		if err := Call(t.Context(), path, "t.Echo", 1, false, func(json.RawMessage) error { return nil }); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// S14: from its first moment nobody but the owner may connect; what is no stale socket is not replaced.
func TestListen(t *testing.T) {
	path, _ := serve(t)
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another hookd listens") {
		t.Errorf("in place of one that listens: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("in place of a file: %v", err)
	}
	stale := filepath.Join(t.TempDir(), "stale")
	l, err := Listen(stale)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if l, err = Listen(stale); err != nil {
		t.Errorf("in place of a stale one: %v", err)
	} else {
		l.Close()
	}
}

func TestNobodyListens(t *testing.T) {
	err := Call(t.Context(), filepath.Join(t.TempDir(), "none"), "t.Echo", nil, false, nil)
	if err == nil || !strings.Contains(err.Error(), "no hookd listens at") {
		t.Errorf("got %v", err)
	}
}

// TestR13SocketOfTheDead is held for a moment by a program that a killed hookd was just starting.
func TestR13SocketOfTheDead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, _ := dead.Accept() // the next hookd asks who is there
		dead.Close()
		c.Close()
	}()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
