package text

import (
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Kind says what a line is.
type Kind uint8

// The kinds of lines, and which fields of Line hold something beside Number
// and Kind.
const (
	KindRecord  Kind = iota // Dir, Record
	KindRaw                 // bytes that are no record. Dir, Raw
	KindConn                // @conn. Conn, Client, Server
	KindAt                  // @at. After, or Time
	KindCut                 // @cut. Count
	KindFin                 // ! fin. Dir if Directed
	KindRst                 // ! rst. Dir if Directed
	KindGap                 // ! gap. Count, -1 if unknown; Dir if Directed
	KindComment             // a comment on a line of its own. Comment
)

// A Line is an entry of the text form, with the indented lines that belong to
// it. Its slices are valid until the next call of Reader.Next.
type Line struct {
	Number   int            // of its first line in the input, from 1
	Kind     Kind           // what it says
	Dir      wire.Direction // of the record, or of what is said
	Directed bool           // a direction was given

	// Record holds the header as written: ContentLength and PaddingLength are
	// those of the slices unless the text says otherwise with len and pad.
	Record wire.Record
	Raw    []byte // KindRaw: bytes that need not be a record

	Conn           int           // number of the connection, from 0
	Client, Server string        // addresses of the web server's and the application's end; "" where not given
	After          time.Duration // since the beginning
	Time           time.Time     // zero unless given instead of After
	Count          int64         // bytes
	Comment        string        // without the #
}

// AppendWire appends what the line stands for on the wire to dst: the bytes of
// a record, with lengths that lie if they do, or raw bytes; nothing else.
func (l *Line) AppendWire(dst []byte) []byte {
	switch l.Kind {
	case KindRecord:
		dst = l.Record.Header.Append(dst)
		dst = append(dst, l.Record.Content...)
		return append(dst, l.Record.Padding...)
	case KindRaw:
		return append(dst, l.Raw...)
	}
	return dst
}
