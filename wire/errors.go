package wire

import (
	"fmt"
	"io"
)

// A TruncatedError says that a stream ended inside a record.
type TruncatedError struct {
	Offset int64  // of the record's first byte, from the start of the stream
	Want   int    // bytes of the whole record; 8 while its header is incomplete
	Got    []byte // what there is of it
}

// Error says where and how much.
func (e *TruncatedError) Error() string {
	return fmt.Sprintf("wire: stream ends inside a record at offset %d: %d of %d bytes", e.Offset, len(e.Got), e.Want)
}

// Unwrap returns io.ErrUnexpectedEOF.
func (e *TruncatedError) Unwrap() error { return io.ErrUnexpectedEOF }

// A BodyError says that a fixed body has the wrong length.
type BodyError struct {
	Type      Type // of the record
	Want, Got int  // bytes
}

// Error says where and how much.
func (e *BodyError) Error() string {
	return fmt.Sprintf("wire: %v body has %d bytes, not %d", e.Type, e.Got, e.Want)
}

// A PairError says that a block of name-value pairs ends inside a pair.
type PairError struct {
	Offset int    // of the pair's first byte in the block
	Want   uint64 // bytes of the whole pair as far as its lengths tell
	Got    int    // bytes there are of it
}

// Error says where and how much.
func (e *PairError) Error() string {
	return fmt.Sprintf("wire: name-value pair at offset %d is cut: %d of at least %d bytes", e.Offset, e.Got, e.Want)
}

// Unwrap returns io.ErrUnexpectedEOF.
func (e *PairError) Unwrap() error { return io.ErrUnexpectedEOF }
