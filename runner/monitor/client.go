package monitor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// errLeft says that a monitor went away without an answer.
var errLeft = errors.New("the monitor of the service has ended")

// conversation is a connection to a monitor on which a question was put.
type conversation struct {
	conn *net.UnixConn
	text *bufio.Scanner
	stop func() bool
}

// put asks a question. When ctx ends the conversation does.
func (d *directory) put(ctx context.Context, key string, q question) (*conversation, error) {
	conn, err := d.dial(key)
	if err != nil {
		return nil, err
	}
	conn.SetWriteDeadline(time.Now().Add(talkLimit))
	if _, err := conn.Write(line(q)); err != nil {
		conn.Close()
		return nil, errLeft
	}
	c := &conversation{conn: conn, text: bufio.NewScanner(conn)}
	c.text.Buffer(nil, maxAnswer)
	c.stop = context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	return c, nil
}

// next is the next answer.
func (c *conversation) next() (answer, error) {
	var a answer
	if !c.text.Scan() {
		return a, errLeft
	}
	if err := json.Unmarshal(c.text.Bytes(), &a); err != nil {
		return a, fmt.Errorf("cannot read the answer of a monitor: %w", err)
	}
	return a, nil
}

// end waits until the monitor has closed the connection, as it does when it ends.
func (c *conversation) end() { io.Copy(io.Discard, c.conn) }

func (c *conversation) close() {
	c.stop()
	c.conn.Close()
}

// ask asks a question that has one answer.
func (d *directory) ask(ctx context.Context, key string, q question) (answer, error) {
	c, err := d.put(ctx, key, q)
	if err != nil {
		return answer{}, err
	}
	defer c.close()
	a, err := c.next()
	if ctx.Err() != nil {
		return a, context.Cause(ctx)
	}
	return a, err
}
