package server

import (
	"fmt"
	"net"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Fault is a way to break the protocol: it changes the records of an answer
// on their way out, so any handler can be broken in any way. Which ways there
// are Faults says.
type Fault struct {
	ID   string // its name
	Help string // one line: what is sent
	// Rule is the rule that is broken; "" where the specification has none.
	Rule wire.RuleID
	// When, if not nil, says which answers are broken. The first request that
	// the server gets has the number 1. It is called once for each request and,
	// by several connections, concurrently; it must not use the streams of x.
	When func(x *Exchange, number int) bool

	// write writes what becomes of rec, a record of the answer to x.
	write func(b *breaker, x *Exchange, rec wire.Record) error
}

// FindFault returns the fault of that id.
func FindFault(id string) (*Fault, error) {
	var ids []string
	for _, f := range Faults() {
		if f.ID == id {
			return &f, nil
		}
		ids = append(ids, f.ID)
	}
	return nil, fmt.Errorf("server: no fault %q: there are %s", id, strings.Join(ids, ", "))
}

// A breaker writes broken answers to a connection, under its wmu.
type breaker struct {
	c      *conn
	fault  *Fault
	silent bool // nothing more is sent
}

// faultState is what a fault remembers of a request.
type faultState struct {
	records int // that were written before, of any type
	stdout  int // STDOUT records with content among them
	chosen  bool
	spared  bool // it is not for the fault; known if chosen
}

// breaks reports whether the fault is meant for x.
func (b *breaker) breaks(x *Exchange) bool {
	if s := &x.broken; !s.chosen {
		s.chosen, s.spared = true, b.fault.When != nil && !b.fault.When(x, x.number)
	}
	return !x.broken.spared
}

func (b *breaker) write(x *Exchange, rec wire.Record) error {
	if b.silent {
		return nil
	}
	if x == nil || !b.breaks(x) {
		return b.c.w.WriteRecord(rec)
	}
	err := b.fault.write(b, x, rec)
	x.broken.records++
	if rec.Type == wire.TypeStdout && len(rec.Content) > 0 {
		x.broken.stdout++
	}
	return err
}

func (b *breaker) put(recs ...wire.Record) error {
	for _, r := range recs {
		if err := b.c.w.WriteRecord(r); err != nil {
			return err
		}
	}
	return nil
}

// padded returns rec with the padding that it would be written with.
func padded(rec wire.Record) wire.Record {
	if rec.Type.Spec().Stream {
		rec.Padding = make([]byte, wire.PadTo8(len(rec.Content)))
	}
	return rec
}

// raw writes a record with a header that may lie.
func (b *breaker) raw(rec wire.Record, change func(h *wire.Header)) error {
	rec = padded(rec)
	h := rec.Header
	h.ContentLength = uint16(len(rec.Content))
	h.PaddingLength = uint8(len(rec.Padding))
	change(&h)
	return b.c.w.WriteRaw(h, rec.Content, rec.Padding)
}

// bytes writes bytes that need not be records, after all that was written.
func (b *breaker) bytes(p []byte) error {
	if err := b.c.w.Flush(); err != nil {
		return err
	}
	_, err := writeSide{b.c}.Write(p)
	return err
}

// stall sends nothing more and leaves the connection open.
func (b *breaker) stall() error {
	err := b.c.w.Flush()
	b.silent = true
	b.stay()
	return err
}

// stay leaves the connection open after the last answer.
func (b *breaker) stay() {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	b.c.stays = true
}

// hangUp sends what was written and closes the connection, after the rest of a
// request that is still being sent: closing over unread bytes is a reset, which
// is another fault.
func (b *breaker) hangUp(x *Exchange) error {
	b.c.w.Flush()
	b.silent = true
	b.c.mu.Lock()
	b.c.lingers = !x.stdin.ended
	b.c.mu.Unlock()
	if _, ok := b.c.nc.(interface{ CloseWrite() error }); ok {
		b.c.close()
	} else {
		b.c.kill(errFault)
	}
	return errFault
}

// reset sends what was written and closes so that the peer sees a reset, on
// TCP; a Unix socket knows none, there it is a close.
func (b *breaker) reset() error {
	b.c.w.Flush()
	if tcp, ok := b.c.nc.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	b.silent = true
	b.c.kill(errFault)
	return errFault
}

var errFault = fmt.Errorf("server: closed by a fault")
