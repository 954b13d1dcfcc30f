package server

import "github.com/fcgiscope/fcgiscope/wire"

// A Fault is a way to break the protocol.
type Fault struct {
	ID   string
	Help string
}

type faulty struct{ c *conn }

func newFaulty(f *Fault, c *conn) *faulty { return &faulty{c} }

func (f *faulty) write(x *Exchange, rec wire.Record) error { return f.c.w.WriteRecord(rec) }
