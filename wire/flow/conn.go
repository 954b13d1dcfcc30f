package flow

import (
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Conn observes one connection. The zero value is ready.
type Conn struct {
	Info  *ConnInfo
	Whole bool
}

// Feed tells that p travels in direction dir.
func (c *Conn) Feed(dir wire.Direction, at time.Time, p []byte, emit func(*Event)) {}

// Lost tells that n bytes of dir are missing; -1: not known how many.
func (c *Conn) Lost(dir wire.Direction, n int64, at time.Time, emit func(*Event)) {}

// Close tells that the connection ended.
func (c *Conn) Close(at time.Time, how CloseKind, err error, emit func(*Event)) {}
