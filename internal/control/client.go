package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNobody says that there is no hookd.
var ErrNobody = errors.New("no hookd listens")

// Call asks the hookd at path one thing. Each answer goes to each; with more there may be any number of them.
func Call(ctx context.Context, path, method string, parameters any, more bool, each func(json.RawMessage) error) error {
	c, err := dial(ctx, path)
	if err != nil {
		return dialError(path, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	text, err := encode(parameters)
	if err != nil {
		return err
	}
	if err := writeMessage(c, call{Method: method, Parameters: text, More: more}); err != nil {
		return fmt.Errorf("cannot ask hookd at %s: %w", path, err)
	}
	r := bufio.NewReader(c)
	for {
		var answer reply
		switch err := readMessage(r, maxAnswer, &answer); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			return fmt.Errorf("hookd at %s ended the conversation", path)
		case err != nil:
			return fmt.Errorf("cannot read the answer of hookd at %s: %w", path, err)
		case answer.Error != "":
			return remoteError(answer)
		}
		if err := each(answer.Parameters); err != nil || !answer.Continues {
			return err
		}
	}
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
		return fmt.Errorf("cannot speak to hookd at %s: only root and the user it runs as may", path)
	}
	return fmt.Errorf("cannot speak to hookd at %s: %w", path, err)
}
