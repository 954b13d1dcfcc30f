package client

import "github.com/fcgiscope/fcgiscope/wire"

// A Layout says how a request is cut into records and writes. The zero value is
// what nil is: pairs are whole, content is padded to a multiple of eight bytes,
// what is empty is not padded, and a request is one write where it fits.
//
// Every web server has its own; one that an application does not take is a way
// to test it, too: php-fpm resets the connection when a pair is split, and when
// content and padding of a record are more than 65535 bytes together; libfcgi
// loses its place when BEGIN_REQUEST or an empty record is padded.
type Layout struct {
	// Pad returns how many bytes of padding, 0 to 255, a record of type t with
	// that many bytes of content gets. It is asked for every record, empty ones
	// too. nil is wire.PadTo8 for records of streams that have content.
	Pad func(t wire.Type, content int) (padding int)
	// Params is the most content of a PARAMS record, 1 to 65535 bytes; 0 means
	// as much as fits with its padding into 65535 bytes together.
	Params int
	// SplitPairs fills each PARAMS record, and goes on with a pair that does
	// not fit in the next one. A pair larger than a record is always split.
	SplitPairs bool
	// Body is how much content the records of STDIN and DATA have, all but the
	// last of a stream: 1 to 65535 bytes. 0 means what there is to be read at
	// once, 60 KiB at most.
	Body int
	// WriteEach makes each record a write of its own.
	WriteEach bool
}

// apply makes w write records of type t as l says.
func (l *Layout) apply(w *wire.Writer, t wire.Type) {
	if l == nil {
		l = &Layout{}
	}
	w.PadRecord, w.SplitPairs, w.WriteEach = l.Pad, l.SplitPairs, l.WriteEach
	w.Chunk = l.Body
	if t == wire.TypeParams {
		w.Chunk = l.Params
	}
}

// piece is how much of a stream to read at once, and whether to wait for all of
// it: so that records have the size that they should have.
func (l *Layout) piece() (size int, whole bool) {
	if l == nil || l.Body == 0 {
		return bodyPiece, false
	}
	return max(l.Body, bodyPiece/l.Body*l.Body), true
}

// writesEach reports whether a request is more than one write.
func (l *Layout) writesEach() bool { return l != nil && l.WriteEach }
