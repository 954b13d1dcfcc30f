package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Names maps the values of a field to their names in the specification and
// back. Either every value has at most one name, or (Mask) every bit has one.
type Names struct {
	Kind string // what a value without a name is called: ROLE(7)
	Mask bool   // a bit mask: the names of the bits that are set, joined by |
	rows []nameRow
}

type nameRow struct {
	value uint32
	name  string
}

// Name returns the name of v. A value without one reads KIND(v), a bit without
// one 0x80; Parse reads both back.
func (n *Names) Name(v uint32) string {
	for _, r := range n.rows {
		if r.value == v {
			return r.name
		}
	}
	return string(n.Append(nil, v))
}

// Append appends Name(v) to dst.
func (n *Names) Append(dst []byte, v uint32) []byte {
	if n.Mask {
		return n.appendMask(dst, v)
	}
	for _, r := range n.rows {
		if r.value == v {
			return append(dst, r.name...)
		}
	}
	dst = append(append(dst, n.Kind...), '(')
	return append(strconv.AppendUint(dst, uint64(v), 10), ')')
}

func (n *Names) appendMask(dst []byte, v uint32) []byte {
	if v == 0 {
		return append(dst, '0')
	}
	start := len(dst)
	for _, r := range n.rows {
		if v&r.value != 0 {
			dst = append(append(dst, r.name...), '|')
			v &^= r.value
		}
	}
	if v != 0 {
		return strconv.AppendUint(append(dst, "0x"...), uint64(v), 16)
	}
	return dst[:max(start, len(dst)-1)]
}

// Known reports whether v has a name; for a mask, whether all its bits have.
func (n *Names) Known(v uint32) bool {
	for _, r := range n.rows {
		if n.Mask {
			v &^= r.value
		} else if r.value == v {
			return true
		}
	}
	return n.Mask && v == 0
}

// Parse is the inverse of Name. It also takes plain numbers, decimal or with
// 0x, and does not care about case. The largest value is limit.
func (n *Names) Parse(s string, limit uint32) (uint32, error) {
	if !n.Mask {
		return n.parseOne(s, limit)
	}
	var v uint32
	for _, part := range strings.Split(s, "|") {
		bit, err := n.parseOne(part, limit)
		if err != nil {
			return 0, err
		}
		v |= bit
	}
	return v, nil
}

func (n *Names) parseOne(s string, limit uint32) (uint32, error) {
	up := strings.ToUpper(strings.TrimPrefix(strings.ToUpper(s), "FCGI_"))
	for _, r := range n.rows {
		if r.name == up {
			return r.value, nil
		}
	}
	num := up
	if rest, ok := strings.CutPrefix(up, n.Kind+"("); ok {
		num, ok = strings.CutSuffix(rest, ")")
		if !ok {
			num = "?"
		}
	}
	v, err := strconv.ParseUint(strings.ToLower(num), 0, 32)
	if err != nil || v > uint64(limit) {
		return 0, fmt.Errorf("wire: unknown %s %q", strings.ToLower(strings.ReplaceAll(n.Kind, "_", " ")), s)
	}
	return uint32(v), nil
}

// List returns the names in the order of the specification.
func (n *Names) List() []string {
	names := make([]string, len(n.rows))
	for i, r := range n.rows {
		names[i] = r.name
	}
	return names
}

// A Role is what the app is asked to be. See FastCGI 1.0, section 5.1.
type Role uint16

// The roles. See FastCGI 1.0, sections 6.2 to 6.4.
const (
	Responder  Role = 1
	Authorizer Role = 2
	Filter     Role = 3
)

var roleNames = &Names{Kind: "ROLE", rows: []nameRow{
	{1, "RESPONDER"}, {2, "AUTHORIZER"}, {3, "FILTER"},
}}

// String returns the name of the role in the specification, or ROLE(7) where it has none.
func (r Role) String() string { return roleNames.Name(uint32(r)) }

// MarshalText returns what String returns.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Known reports whether the specification names the role.
func (r Role) Known() bool { return roleNames.Known(uint32(r)) }

// ParseRole reads a role by name, as ROLE(7) or as a number.
func ParseRole(s string) (Role, error) {
	v, err := roleNames.Parse(s, 1<<16-1)
	return Role(v), err
}

// UnmarshalText is ParseRole as a method.
func (r *Role) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRole(string(b))
	return err
}

// Flags are the flags of BEGIN_REQUEST. See FastCGI 1.0, section 5.1.
type Flags uint8

// KeepConn asks the app not to close the connection after the answer.
// See FastCGI 1.0, section 5.1.
const KeepConn Flags = 1

var flagNames = &Names{Kind: "FLAGS", Mask: true, rows: []nameRow{{1, "KEEP_CONN"}}}

// String returns the names of the flags that are set, joined by |.
func (f Flags) String() string { return flagNames.Name(uint32(f)) }

// MarshalText returns what String returns.
func (f Flags) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// ParseFlags reads flags by name, joined by |, or as a number.
func ParseFlags(s string) (Flags, error) {
	v, err := flagNames.Parse(s, 255)
	return Flags(v), err
}

// UnmarshalText is ParseFlags as a method.
func (f *Flags) UnmarshalText(b []byte) (err error) {
	*f, err = ParseFlags(string(b))
	return err
}

// A ProtocolStatus says how a request ended as far as the protocol goes.
// See FastCGI 1.0, section 5.5.
type ProtocolStatus uint8

// The protocol statuses. See FastCGI 1.0, section 5.5.
const (
	RequestComplete ProtocolStatus = 0 // the normal end
	CantMultiplex   ProtocolStatus = 1 // CANT_MPX_CONN: one request at a time on this connection
	Overloaded      ProtocolStatus = 2 // the app is out of some resource
	UnknownRole     ProtocolStatus = 3 // the app does not know the role
)

var protocolStatusNames = &Names{Kind: "PROTOCOL_STATUS", rows: []nameRow{
	{0, "REQUEST_COMPLETE"}, {1, "CANT_MPX_CONN"}, {2, "OVERLOADED"}, {3, "UNKNOWN_ROLE"},
}}

// String returns the name of the status in the specification, or PROTOCOL_STATUS(9) where it has none.
func (s ProtocolStatus) String() string { return protocolStatusNames.Name(uint32(s)) }

// MarshalText returns what String returns.
func (s ProtocolStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Known reports whether the specification names the status.
func (s ProtocolStatus) Known() bool { return protocolStatusNames.Known(uint32(s)) }

// ParseProtocolStatus reads a status by name, as PROTOCOL_STATUS(9) or as a number.
func ParseProtocolStatus(s string) (ProtocolStatus, error) {
	v, err := protocolStatusNames.Parse(s, 255)
	return ProtocolStatus(v), err
}

// UnmarshalText is ParseProtocolStatus as a method.
func (s *ProtocolStatus) UnmarshalText(b []byte) (err error) {
	*s, err = ParseProtocolStatus(string(b))
	return err
}

// A Direction is who a record travels to.
type Direction uint8

// The two directions of a connection.
const (
	ToApp    Direction = iota // from the web server to the application
	ToServer                  // from the application back to the web server
)

// Opposite returns the other direction.
func (d Direction) Opposite() Direction { return d ^ 1 }

// String returns "to-app" or "to-server".
func (d Direction) String() string {
	if d == ToApp {
		return "to-app"
	}
	return "to-server"
}

// MarshalText returns what String returns.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// The names a web server may ask for. See FastCGI 1.0, section 4.1.
const (
	MaxConns  = "FCGI_MAX_CONNS"  // how many connections the app takes at once
	MaxReqs   = "FCGI_MAX_REQS"   // how many requests the app takes at once
	MpxsConns = "FCGI_MPXS_CONNS" // "1" if the app multiplexes, "0" if not
)

// ValueNames returns the three names of section 4.1, in its order.
func ValueNames() []string { return []string{MaxConns, MaxReqs, MpxsConns} }
