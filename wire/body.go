package wire

import "encoding/binary"

// These structs are for callers who want Go values. Rendering and parsing of
// text go by the table in spec.go; a test holds the two together.

// BeginRequest is the body of BEGIN_REQUEST. See FastCGI 1.0, section 5.1.
type BeginRequest struct {
	Role     Role    // what the app is asked to be
	Flags    Flags   // KeepConn, and bits that mean nothing
	Reserved [5]byte // to be ignored
}

// Append appends the eight bytes of b to dst.
func (b BeginRequest) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(b.Role))
	dst = append(dst, byte(b.Flags))
	return append(dst, b.Reserved[:]...)
}

// ParseBeginRequest decodes the content of BEGIN_REQUEST. A *BodyError says
// that it is not eight bytes long; as much as there is has been decoded.
func ParseBeginRequest(content []byte) (b BeginRequest, err error) {
	body, err := fixedBody(TypeBeginRequest, content)
	b.Role = Role(binary.BigEndian.Uint16(body[:]))
	b.Flags = Flags(body[2])
	copy(b.Reserved[:], body[3:])
	return b, err
}

// EndRequest is the body of END_REQUEST. See FastCGI 1.0, section 5.5.
type EndRequest struct {
	AppStatus uint32         // for a CGI program its exit status
	Status    ProtocolStatus // how the request ended for the protocol
	Reserved  [3]byte        // php-fpm sends uninitialised memory here
}

// Append appends the eight bytes of e to dst.
func (e EndRequest) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, e.AppStatus)
	dst = append(dst, byte(e.Status))
	return append(dst, e.Reserved[:]...)
}

// ParseEndRequest decodes the content of END_REQUEST. A *BodyError says that
// it is not eight bytes long; as much as there is has been decoded.
func ParseEndRequest(content []byte) (e EndRequest, err error) {
	body, err := fixedBody(TypeEndRequest, content)
	e.AppStatus = binary.BigEndian.Uint32(body[:])
	e.Status = ProtocolStatus(body[4])
	copy(e.Reserved[:], body[5:])
	return e, err
}

// UnknownTypeBody is the body of UNKNOWN_TYPE. See FastCGI 1.0, section 4.2.
type UnknownTypeBody struct {
	Type     Type    // the type that the app does not know
	Reserved [7]byte // to be ignored
}

// Append appends the eight bytes of u to dst.
func (u UnknownTypeBody) Append(dst []byte) []byte {
	dst = append(dst, byte(u.Type))
	return append(dst, u.Reserved[:]...)
}

// ParseUnknownType decodes the content of UNKNOWN_TYPE. A *BodyError says that
// it is not eight bytes long; as much as there is has been decoded.
func ParseUnknownType(content []byte) (u UnknownTypeBody, err error) {
	body, err := fixedBody(TypeUnknownType, content)
	u.Type = Type(body[0])
	copy(u.Reserved[:], body[1:])
	return u, err
}

func fixedBody(t Type, content []byte) (body [8]byte, err error) {
	copy(body[:], content)
	if want := index[t].BodyLen; len(content) != want {
		err = &BodyError{Type: t, Want: want, Got: len(content)}
	}
	return body, err
}

// The records that every conversation needs, ready to be written.

// BeginRecord returns a BEGIN_REQUEST record. See FastCGI 1.0, section 5.1.
func BeginRecord(id uint16, role Role, flags Flags) Record {
	return NewRecord(TypeBeginRequest, id, BeginRequest{Role: role, Flags: flags}.Append(nil))
}

// AbortRecord returns an ABORT_REQUEST record. See FastCGI 1.0, section 5.4.
func AbortRecord(id uint16) Record { return NewRecord(TypeAbortRequest, id, nil) }

// EndRecord returns an END_REQUEST record. See FastCGI 1.0, section 5.5.
func EndRecord(id uint16, appStatus uint32, status ProtocolStatus) Record {
	return NewRecord(TypeEndRequest, id, EndRequest{AppStatus: appStatus, Status: status}.Append(nil))
}

// UnknownTypeRecord returns the answer to a management record of type t, which
// the app does not know. See FastCGI 1.0, section 4.2.
func UnknownTypeRecord(t Type) Record {
	return NewRecord(TypeUnknownType, 0, UnknownTypeBody{Type: t}.Append(nil))
}

// NewRecord returns a record of version 1 without padding.
func NewRecord(t Type, id uint16, content []byte) Record {
	return Record{Header: Header{Version: Version1, Type: t, RequestID: id, ContentLength: uint16(len(content))}, Content: content}
}
