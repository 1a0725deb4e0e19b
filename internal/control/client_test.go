package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Several calls go over one connection, in their order.
func TestConversation(t *testing.T) {
	path, _ := serve(t)
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, want := range []string{`1`, `"two"`, `[3]`} {
		got := ""
		err := c.Call(t.Context(), "t.Echo", json.RawMessage(want), false, func(raw json.RawMessage) error { got = string(raw); return nil })
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v", want, got, err)
		}
	}
	var e *Error
	if err := c.Call(t.Context(), "t.Error", nil, false, nil); !errors.As(err, &e) {
		t.Errorf("error: %v", err)
	}
}

// mute accepts one connection, reads so many messages from it, and closes it, or keeps it.
func mute(t *testing.T, messages int, keep bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), SocketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // until the test ends
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		r := bufio.NewReaderSize(c, 16)
		for range messages {
			r.ReadString(0)
			c.Write([]byte("{\"parameters\":{}}\x00"))
		}
		if !keep {
			c.Close()
			return
		}
		l.Accept()
		c.Close()
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return path
}

// What has not wholly reached the other end is known not to have: too much for a message, and a closed or full connection.
func TestUnasked(t *testing.T) {
	nothing := func(json.RawMessage) error { return nil }
	for name, test := range map[string]struct {
		keep bool
		size int
		want bool
	}{
		"too large": {true, maxRequest, true},
		"closed":    {false, 500_000, true}, // more than the kernel keeps
		"asked":     {true, 10, false},
	} {
		c, err := Greet(t.Context(), mute(t, 1, test.keep), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if !test.want {
			time.AfterFunc(50*time.Millisecond, func() { c.conn.(*net.UnixConn).CloseRead() })
		}
		err = c.Call(t.Context(), MethodReport, strings.Repeat("x", test.size), true, nothing)
		if err == nil || errors.Is(err, ErrUnasked) != test.want {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}

// A greeting takes no longer than it may, and says why it ended.
func TestGreet(t *testing.T) {
	begin := time.Now()
	if _, err := Greet(t.Context(), mute(t, 0, true), 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Error(err)
	}
	if took := time.Since(begin); took < 100*time.Millisecond || took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := Greet(t.Context(), mute(t, 0, false), time.Minute); err == nil || errors.Is(err, ErrNobody) {
		t.Error(err)
	}
	if _, err := Greet(t.Context(), filepath.Join(t.TempDir(), "none"), time.Minute); !errors.Is(err, ErrNobody) {
		t.Error(err)
	}
}
