package wire

import "encoding/binary"

// Sizes of a record, in bytes. See FastCGI 1.0, section 3.3.
const (
	HeaderLen  = 8                                   // a record header
	MaxContent = 65535                               // the largest content
	MaxPadding = 255                                 // the largest padding
	MaxRecord  = HeaderLen + MaxContent + MaxPadding // 65798: the largest record
)

// Version1 is the only protocol version there is. See FastCGI 1.0, section 8.
const Version1 = 1

// A Header is the fixed part of a record. See FastCGI 1.0, section 3.3.
type Header struct {
	Version       uint8  // Version1
	Type          Type   // of the record, and so of its content
	RequestID     uint16 // 0 for management records, another one for all others
	ContentLength uint16 // bytes of content that follow the header
	PaddingLength uint8  // bytes of padding that follow the content
	Reserved      uint8  // to be ignored; kept, because a debugger shows it
}

// ParseHeader decodes a header. It cannot fail: every bit pattern is a header.
func ParseHeader(b *[HeaderLen]byte) Header {
	return Header{
		Version:       b[0],
		Type:          Type(b[1]),
		RequestID:     uint16(b[2])<<8 | uint16(b[3]),
		ContentLength: uint16(b[4])<<8 | uint16(b[5]),
		PaddingLength: b[6],
		Reserved:      b[7],
	}
}

// Append appends the eight bytes of h to dst.
func (h Header) Append(dst []byte) []byte {
	dst = append(dst, h.Version, byte(h.Type))
	dst = binary.BigEndian.AppendUint16(dst, h.RequestID)
	dst = binary.BigEndian.AppendUint16(dst, h.ContentLength)
	return append(dst, h.PaddingLength, h.Reserved)
}

// Len returns the length of the whole record in bytes: header, content and
// padding, 8 to 65798.
func (h Header) Len() int {
	return HeaderLen + int(h.ContentLength) + int(h.PaddingLength)
}

// Plausible reports whether h could be the header of a record that somebody
// meant to send: version 1, a type of the specification, an id that fits the
// type, a reserved byte of 0, and for a fixed body its length. It is a guess,
// for finding a record boundary in a stream whose beginning is missing.
func (h Header) Plausible() bool {
	s := h.Type.Spec()
	if h.Version != Version1 || s == nil || h.Reserved != 0 || s.Management != (h.RequestID == 0) {
		return false
	}
	switch s.Shape {
	case Fixed:
		return int(h.ContentLength) == s.BodyLen
	case Empty:
		return h.ContentLength == 0
	}
	return true
}

// Hint says what the eight bytes look like when they are no FastCGI, such as
// "looks like an HTTP response": "HTTP/1.1" is exactly eight bytes. It returns
// "" for a header with the version of FastCGI, and where it knows nothing.
func (h Header) Hint() string {
	if h.Version == Version1 {
		return ""
	}
	return Hint(h.Append(nil))
}
