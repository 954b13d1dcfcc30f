package wire

import "strings"

// A Type is the type of a record. See FastCGI 1.0, section 3.3.
type Type uint8

// The record types, each beside its row in the table below.
// See FastCGI 1.0, section 8.
const (
	TypeBeginRequest    Type = 1
	TypeAbortRequest    Type = 2
	TypeEndRequest      Type = 3
	TypeParams          Type = 4
	TypeStdin           Type = 5
	TypeStdout          Type = 6
	TypeStderr          Type = 7
	TypeData            Type = 8
	TypeGetValues       Type = 9
	TypeGetValuesResult Type = 10
	TypeUnknownType     Type = 11
)

// specs is what this module knows about record types. Names, parsing,
// rendering, the text form, direction guessing and completion read it and
// nothing else lists the types.
var specs = []Spec{
	{Type: TypeBeginRequest, Name: "BEGIN_REQUEST", Section: "5.1", Dir: ToApp, Shape: Fixed, BodyLen: 8, Body: []Field{
		{Name: "role", Off: 0, Len: 2, Enum: roleNames},
		{Name: "flags", Off: 2, Len: 1, Enum: flagNames},
		{Name: "reserved", Off: 3, Len: 5, Reserved: true},
	}},
	{Type: TypeAbortRequest, Name: "ABORT_REQUEST", Section: "5.4", Dir: ToApp, Shape: Empty},
	{Type: TypeEndRequest, Name: "END_REQUEST", Section: "5.5", Dir: ToServer, Shape: Fixed, BodyLen: 8, Body: []Field{
		{Name: "appStatus", Off: 0, Len: 4},
		{Name: "protocolStatus", Off: 4, Len: 1, Enum: protocolStatusNames},
		{Name: "reserved", Off: 5, Len: 3, Reserved: true},
	}},
	{Type: TypeParams, Name: "PARAMS", Section: "5.2", Dir: ToApp, Stream: true, Shape: Pairs},
	{Type: TypeStdin, Name: "STDIN", Section: "5.3", Dir: ToApp, Stream: true, Shape: Bytes},
	{Type: TypeStdout, Name: "STDOUT", Section: "5.3", Dir: ToServer, Stream: true, Shape: Bytes},
	{Type: TypeStderr, Name: "STDERR", Section: "5.3", Dir: ToServer, Stream: true, Shape: Bytes},
	{Type: TypeData, Name: "DATA", Section: "5.3", Dir: ToApp, Stream: true, Shape: Bytes},
	{Type: TypeGetValues, Name: "GET_VALUES", Section: "4.1", Dir: ToApp, Management: true, Shape: Pairs},
	{Type: TypeGetValuesResult, Name: "GET_VALUES_RESULT", Section: "4.1", Dir: ToServer, Management: true, Shape: Pairs},
	{Type: TypeUnknownType, Name: "UNKNOWN_TYPE", Section: "4.2", Dir: ToServer, Management: true, Shape: Fixed, BodyLen: 8, Body: []Field{
		{Name: "type", Off: 0, Len: 1, Enum: typeNames},
		{Name: "reserved", Off: 1, Len: 7, Reserved: true},
	}},
}

// A Shape is what the content of a record is made of.
type Shape uint8

// The shapes of a record's content.
const (
	Bytes Shape = iota // opaque bytes
	Empty              // nothing
	Fixed              // fields at fixed places, see Spec.Body
	Pairs              // name-value pairs, see Pair
)

// A Spec says what a record type is.
type Spec struct {
	Type       Type      // the number
	Name       string    // as in the specification, without FCGI_
	Section    string    // of the FastCGI specification
	Dir        Direction // who it is sent to
	Management bool      // the request id must be 0
	Stream     bool      // part of a stream that an empty record ends
	Shape      Shape     // what the content is made of
	BodyLen    int       // bytes, for Fixed
	Body       []Field   // for Fixed: every byte accounted for, reserved included
}

// A Field is a part of a fixed body.
type Field struct {
	Name     string // as in the specification
	Off, Len int    // bytes
	Enum     *Names // nil for a number
	Reserved bool   // bytes to be ignored; shown when they are not 0
}

// Uint returns the value of f in body, big endian. It must be a field of at
// most 4 bytes that body is long enough for.
func (f Field) Uint(body []byte) uint32 {
	var v uint32
	for _, b := range body[f.Off : f.Off+f.Len] {
		v = v<<8 | uint32(b)
	}
	return v
}

// Put stores v as the value of f in body, big endian.
func (f Field) Put(body []byte, v uint32) {
	for i := f.Off + f.Len - 1; i >= f.Off; i-- {
		body[i] = byte(v)
		v >>= 8
	}
}

// Max returns the largest value that fits f, for fields of at most 4 bytes.
func (f Field) Max() uint32 { return uint32(uint64(1)<<(8*f.Len) - 1) }

// Specs returns the rows of the table, in the order of their numbers.
func Specs() []Spec { return append([]Spec(nil), specs...) }

// typeNames is the enum of UNKNOWN_TYPE's field. Its rows come from the table,
// which refers to it: index fills them.
var typeNames = &Names{Kind: "TYPE"}

// index finds the row of a type; an unassigned type has none.
var index = func() (t [256]*Spec) {
	for i := range specs {
		t[specs[i].Type] = &specs[i]
		typeNames.rows = append(typeNames.rows, nameRow{uint32(specs[i].Type), specs[i].Name})
	}
	return t
}()

// Spec returns what the specification says about t, nil if it says nothing.
// The result is shared and must not be changed.
func (t Type) Spec() *Spec { return index[t] }

// Known reports whether the specification names t.
func (t Type) Known() bool { return index[t] != nil }

// String returns the name of t as in the specification, without FCGI_; a type
// that it does not name reads TYPE(42).
func (t Type) String() string {
	if s := index[t]; s != nil {
		return s.Name
	}
	return typeNames.Name(uint32(t))
}

// MarshalText returns what String returns.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// AppendText appends t.String() to dst. Its error is always nil.
func (t Type) AppendText(dst []byte) ([]byte, error) {
	return typeNames.Append(dst, uint32(t)), nil
}

// UnmarshalText is ParseType as a method.
func (t *Type) UnmarshalText(b []byte) (err error) {
	*t, err = ParseType(string(b))
	return err
}

// ParseType reads a type by name (with or without FCGI_, in either case, with
// - for _), as TYPE(42), or as a number.
func ParseType(s string) (Type, error) {
	v, err := typeNames.Parse(strings.ReplaceAll(s, "-", "_"), 255)
	return Type(v), err
}
