package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
)

// A placed error says at which application it happened.
type placed struct {
	at  target
	err error
}

func (e placed) Error() string { return e.at.String() + ": " + plain(e.err) }
func (e placed) Unwrap() error { return e.err }

// failure turns an error of an exchange with the application at t into the kind
// that gives the exit code, with what is likely to help. The original stays in
// the chain.
func failure(ctx context.Context, t target, err error) error {
	if ctx.Err() != nil {
		return placed{t, context.Cause(ctx)}
	}
	var closed *client.ClosedError
	if errors.As(err, &closed) {
		if died := t.ended(ctx); died != nil && closed.Received == 0 {
			return died.kind()
		} else if died != nil {
			return peerError{fmt.Errorf("%w; the application has ended: %s", placed{t, err}, died.how)}
		}
	}
	return kindOf(placed{t, err})
}

func kindOf(err error) error {
	var (
		late    *client.TimeoutError
		foreign *client.ProtocolError
		closed  *client.ClosedError
		send    *client.SendError
		unknown *client.UnknownTypeError
	)
	switch {
	case errors.As(err, &late):
		return timeoutError{fmt.Errorf("%w (--timeout)", err)}
	case errors.As(err, &foreign):
		return withHint(peerError{err}, foreignHint(foreign))
	case errors.As(err, &closed):
		return peerError{err}
	case errors.As(err, &unknown):
		return answerError{err}
	case errors.As(err, &send):
		return send.Err
	}
	return err
}

// foreignHint says what to do about a peer that broke the protocol.
func foreignHint(e *client.ProtocolError) string {
	if e.Rule != wire.RuleVersion {
		return "-v shows what it sent"
	}
	return strangerHint(e.Hint)
}

// strangerHint says what to do about a peer that speaks something else, which it
// looks like; "" is not known. See wire.Hint.
func strangerHint(looks string) string {
	switch looks {
	case "":
		return "is this the application's FastCGI address?"
	case "looks like an HTTP response":
		return "this is a web server's address, use curl there; the application behind it has another one"
	}
	return "is this the application's FastCGI address, and is it set to FastCGI?"
}
