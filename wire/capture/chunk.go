package capture

import (
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
	Conn  *flow.ConnInfo
	Side  Side
	Kind  ChunkKind
	At    time.Time // zero where the input has no times
	Frame int       // number of the packet or line it came with, from 1; 0 where there is none
	Data  []byte
	Lost  int64
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
