// Package capture turns what people have, packet captures, hex dumps, pastes
// and traces, into the bytes of connections, and those into the events of
// package flow.
//
// An input passes four stages, each of which holds a bounded part of it: a
// Format reads it, TCP segments are put in order where there are any, a Source
// yields chunks of connections, and Decode finds out which of them speak
// FastCGI and feeds a flow.Conn for each.
//
// Values of this package are not safe for concurrent use.
package capture

import (
	"fmt"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A Side is one of the two ends of a connection, before it is known which of
// them is the application. A is the end that opened the connection, as far as
// the input tells; otherwise the one that is seen sending first.
type Side uint8

// The two sides, as senders.
const (
	A Side = iota
	B
)

// Other returns the other end.
func (s Side) Other() Side { return s ^ 1 }

// String returns "A" or "B".
func (s Side) String() string { return "AB"[s : s+1] }

// A ChunkKind says what a chunk is.
type ChunkKind uint8

// The kinds of chunks.
const (
	ChunkData ChunkKind = iota // Data was sent by Side
	ChunkGap                   // Lost bytes from Side are missing; -1: not known how many
	ChunkFin                   // Side closed its direction
	ChunkRst                   // Side reset the connection
	ChunkEnd                   // nothing more of this connection will come
)

// A Chunk is a piece of a connection as it was captured, in the order of its
// bytes. It is valid until the next call of Source.Next.
type Chunk struct {
	Conn  *flow.ConnInfo // one pointer for one connection, until its ChunkEnd
	Side  Side           // who sent it
	Kind  ChunkKind      // which of the others hold something
	At    time.Time      // zero where the input has no times
	Frame int            // number of the packet or line it came with, from 1; 0 where there is none
	Data  []byte         // ChunkData: what was sent
	Lost  int64          // ChunkGap: bytes; -1 where it is not known how many
	// Given: the input says that the connection speaks FastCGI and that A is
	// the web server, so neither is to be found out.
	Given bool
}

// A Source yields the chunks of one input.
type Source interface {
	// Next returns the next chunk, io.EOF after the last one. An *InputError
	// says that the input is damaged at some place; Next can be called again
	// and goes on behind it, or returns io.EOF.
	Next() (Chunk, error)
	// Close ends the source. It does not close the reader below it.
	Close() error
}

// An InputError says that the input is damaged, or holds something that is not
// understood, at one place. What comes before and after it is still decoded.
type InputError struct {
	Where string // such as "packet 7", "line 12", "offset 4711"
	Err   error
}

// Error says what is wrong, and where.
func (e *InputError) Error() string { return fmt.Sprintf("capture: %s: %v", e.Where, e.Err) }

// Unwrap returns what is wrong.
func (e *InputError) Unwrap() error { return e.Err }
