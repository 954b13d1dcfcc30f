//go:build !linux

package tap

import (
	"context"
	"net"
)

// A Takeover needs Linux.
type Takeover struct{}

// TakeOver fails: only Linux exchanges two files in one step.
func TakeOver(_ context.Context, path string) (string, *Takeover, error) {
	return "", nil, &TakeoverError{Path: path, Why: "needs Linux, which exchanges two files in one step"}
}

// Repair fails, as TakeOver does.
func Repair(_ context.Context, path string) (string, error) {
	return "", &TakeoverError{Path: path, Why: "needs Linux"}
}

// Listener returns nil.
func (*Takeover) Listener() net.Listener { return nil }

// Dial fails.
func (*Takeover) Dial(context.Context) (net.Conn, error) { return nil, net.ErrClosed }

// Lost reports false.
func (*Takeover) Lost() bool { return false }

// Again fails.
func (*Takeover) Again(context.Context) error { return net.ErrClosed }

// Alive reports false.
func (*Takeover) Alive(context.Context) bool { return false }

// GiveBack does nothing.
func (*Takeover) GiveBack() error { return nil }
