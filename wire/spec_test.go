package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestTypes: every one of the 256 types has a name, which is its own and parses
// back in all ways of writing it.
func TestTypes(t *testing.T) {
	names := map[string]wire.Type{}
	for i := range 256 {
		typ := wire.Type(i)
		name := typ.String()
		if other, ok := names[name]; ok || name == "" {
			t.Errorf("type %d is called %q, as is %d", i, name, other)
		}
		names[name] = typ
		if typ.Known() != (typ.Spec() != nil) || typ.Known() == strings.HasPrefix(name, "TYPE(") {
			t.Errorf("%s: known %v", name, typ.Known())
		}
		for _, s := range []string{name, strings.ToLower(name), "FCGI_" + name, "fcgi_" + strings.ToLower(name), strings.ReplaceAll(name, "_", "-"), fmt.Sprint(i), fmt.Sprintf("%#x", i)} {
			if back, err := wire.ParseType(s); err != nil || back != typ {
				t.Errorf("%q is parsed as %v, %v", s, back, err)
			}
		}
		var back wire.Type
		text, _ := typ.MarshalText()
		appended, _ := typ.AppendText([]byte("> "))
		if err := back.UnmarshalText(text); err != nil || back != typ || string(appended) != "> "+name {
			t.Errorf("%s: %v, %v, %q", name, back, err, appended)
		}
	}
	for _, bad := range []string{"", "TYPE", "TYPE(", "TYPE()", "TYPE(256)", "TYPE(1", "256", "-1", "BEGIN", "FCGI_"} {
		if typ, err := wire.ParseType(bad); err == nil {
			t.Errorf("%q is parsed as %v", bad, typ)
		}
	}
}

// TestTable: the rows are in order, and the fields of a body follow each other
// and cover it.
func TestTable(t *testing.T) {
	specs := wire.Specs()
	if len(specs) != 11 {
		t.Errorf("%d types, section 8 has 11", len(specs))
	}
	for i, s := range specs {
		if int(s.Type) != i+1 || s.Name == "" || s.Section == "" {
			t.Errorf("row %d: type %d, name %q, section %q", i, s.Type, s.Name, s.Section)
		}
		if (s.Shape == wire.Fixed) != (s.BodyLen > 0) || (s.Shape == wire.Fixed) != (len(s.Body) > 0) {
			t.Errorf("%s: body of %d bytes and %d fields", s.Name, s.BodyLen, len(s.Body))
		}
		at := 0
		for _, f := range s.Body {
			if f.Off != at || f.Len < 1 || !f.Reserved && f.Len > 4 {
				t.Errorf("%s: %s has %d bytes at %d, expected at %d", s.Name, f.Name, f.Len, f.Off, at)
			}
			at += f.Len
		}
		if at != s.BodyLen {
			t.Errorf("%s: the fields cover %d of %d bytes", s.Name, at, s.BodyLen)
		}
		if s.Stream && (s.Management || s.Shape == wire.Fixed) {
			t.Errorf("%s: cannot be a stream", s.Name)
		}
	}
}

// TestBodiesAgreeWithTable: the structs and the table say the same about any
// bytes.
func TestBodiesAgreeWithTable(t *testing.T) {
	bodies := map[wire.Type]func(content []byte) (fields map[string]uint32, again []byte, err error){
		wire.TypeBeginRequest: func(c []byte) (map[string]uint32, []byte, error) {
			b, err := wire.ParseBeginRequest(c)
			return map[string]uint32{"role": uint32(b.Role), "flags": uint32(b.Flags)}, b.Append(nil), err
		},
		wire.TypeEndRequest: func(c []byte) (map[string]uint32, []byte, error) {
			b, err := wire.ParseEndRequest(c)
			return map[string]uint32{"appStatus": b.AppStatus, "protocolStatus": uint32(b.Status)}, b.Append(nil), err
		},
		wire.TypeUnknownType: func(c []byte) (map[string]uint32, []byte, error) {
			b, err := wire.ParseUnknownType(c)
			return map[string]uint32{"type": uint32(b.Type)}, b.Append(nil), err
		},
	}
	random := rand.NewChaCha8([32]byte{1})
	for _, s := range wire.Specs() {
		parse := bodies[s.Type]
		if (parse != nil) != (s.Shape == wire.Fixed) {
			t.Errorf("%s: no struct, or one too many", s.Name)
		}
		if parse == nil {
			continue
		}
		for range 1000 {
			content := make([]byte, s.BodyLen)
			random.Read(content)
			fields, again, err := parse(content)
			if err != nil || !bytes.Equal(again, content) {
				t.Fatalf("%s: %x became %x, %v", s.Name, content, again, err)
			}
			checkFields(t, &s, content, fields)
		}
		checkLengths(t, &s, parse)
	}
}

func checkFields(t *testing.T, s *wire.Spec, content []byte, fields map[string]uint32) {
	t.Helper()
	again := make([]byte, len(content))
	n := 0
	for _, f := range s.Body {
		if f.Reserved {
			copy(again[f.Off:f.Off+f.Len], content[f.Off:])
			continue
		}
		n++
		v := f.Uint(content)
		if got, ok := fields[f.Name]; !ok || got != v || v > f.Max() {
			t.Fatalf("%s: %s of %x is %d by the table, %d by the struct", s.Name, f.Name, content, v, got)
		}
		f.Put(again, v)
	}
	if n != len(fields) || !bytes.Equal(again, content) {
		t.Fatalf("%s: %d fields by the table, %d by the struct; %x became %x", s.Name, n, len(fields), content, again)
	}
}

// checkLengths: a body of another length is an error, and decoded all the same.
func checkLengths(t *testing.T, s *wire.Spec, parse func([]byte) (map[string]uint32, []byte, error)) {
	t.Helper()
	whole := bytes.Repeat([]byte{0xa5}, s.BodyLen+3)
	for n := range len(whole) {
		_, again, err := parse(whole[:n])
		want := make([]byte, s.BodyLen)
		copy(want, whole[:n])
		if !bytes.Equal(again, want) {
			t.Errorf("%s: %d bytes are decoded as %x", s.Name, n, again)
		}
		var bad *wire.BodyError
		if n == s.BodyLen {
			if err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		} else if !errors.As(err, &bad) || *bad != (wire.BodyError{Type: s.Type, Want: s.BodyLen, Got: n}) {
			t.Errorf("%s: %d bytes: %v", s.Name, n, err)
		}
	}
}

func TestEnums(t *testing.T) {
	for v := range 1 << 16 {
		role := wire.Role(v)
		if back, err := wire.ParseRole(role.String()); err != nil || back != role {
			t.Fatalf("%v is parsed as %v, %v", role, back, err)
		}
	}
	for v := range 256 {
		flags, status := wire.Flags(v), wire.ProtocolStatus(v)
		if back, err := wire.ParseFlags(flags.String()); err != nil || back != flags {
			t.Errorf("%v is parsed as %v, %v", flags, back, err)
		}
		if back, err := wire.ParseProtocolStatus(status.String()); err != nil || back != status {
			t.Errorf("%v is parsed as %v, %v", status, back, err)
		}
	}
	for _, c := range []struct {
		got  fmt.Stringer
		want string
	}{
		{wire.Responder, "RESPONDER"}, {wire.Authorizer, "AUTHORIZER"}, {wire.Filter, "FILTER"}, {wire.Role(7), "ROLE(7)"},
		{wire.Flags(0), "0"}, {wire.KeepConn, "KEEP_CONN"}, {wire.Flags(2), "0x2"}, {wire.Flags(0x81), "KEEP_CONN|0x80"},
		{wire.RequestComplete, "REQUEST_COMPLETE"}, {wire.CantMultiplex, "CANT_MPX_CONN"}, {wire.Overloaded, "OVERLOADED"},
		{wire.UnknownRole, "UNKNOWN_ROLE"}, {wire.ProtocolStatus(9), "PROTOCOL_STATUS(9)"},
		{wire.ToApp, "to-app"}, {wire.ToServer, "to-server"}, {wire.ToApp.Opposite(), "to-server"}, {wire.ToServer.Opposite(), "to-app"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if _, err := wire.ParseRole("65536"); err == nil || err.Error() != `wire: unknown role "65536"` {
		t.Errorf("%v", err)
	}
	if _, err := wire.ParseFlags("KEEP_CONN|OTHER"); err == nil || err.Error() != `wire: unknown flags "OTHER"` {
		t.Errorf("%v", err)
	}
	if _, err := wire.ParseProtocolStatus("256"); err == nil || err.Error() != `wire: unknown protocol status "256"` {
		t.Errorf("%v", err)
	}
	var role wire.Role
	var flags wire.Flags
	var status wire.ProtocolStatus
	if role.UnmarshalText([]byte("filter")) != nil || flags.UnmarshalText([]byte("keep_conn")) != nil || status.UnmarshalText([]byte("1")) != nil ||
		role != wire.Filter || flags != wire.KeepConn || status != wire.CantMultiplex {
		t.Errorf("%v %v %v", role, flags, status)
	}
}

func TestRules(t *testing.T) {
	ids := map[wire.RuleID]bool{}
	for _, r := range wire.Rules() {
		if ids[r.ID] {
			t.Errorf("%s comes twice", r.ID)
		}
		ids[r.ID] = true
		if strings.ToLower(string(r.ID)) != string(r.ID) || strings.ContainsAny(string(r.ID), " _") {
			t.Errorf("%s: not a word of a-z and -", r.ID)
		}
		if r.Section == "" || r.Text == "" || !strings.HasSuffix(r.Text, ".") || r.Level > wire.Note {
			t.Errorf("%s: section %q, level %d, %q", r.ID, r.Section, r.Level, r.Text)
		}
		if got := r.ID.Rule(); got == nil || *got != r {
			t.Errorf("%s is found as %+v", r.ID, got)
		}
	}
	if r := wire.RuleID("no-such-rule").Rule(); r != nil {
		t.Errorf("found %+v", r)
	}
	for level, want := range map[wire.Level]string{wire.Must: "must", wire.Should: "should", wire.Note: "note"} {
		if text, _ := level.MarshalText(); string(text) != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

func TestHint(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"HTTP/1.1 400 Bad Request\r\n", "looks like an HTTP response"},
		{"HTTP/1.1", "looks like an HTTP response"},
		{"GET / HTTP/1.1\r\n", "looks like an HTTP request"},
		{"POST /a.php", "looks like an HTTP request"},
		{"OPTIONS * HTTP/1.1", "looks like an HTTP request"},
		{"PRI * HTTP/2.0\r\n", "looks like an HTTP/2 connection"},
		{"PRI * HT", "looks like an HTTP/2 connection"},
		{"PROXY TCP4 1.2.3.4", "looks like a PROXY protocol header"},
		{"\r\n\r\n\x00\r\nQUIT\n", "looks like a PROXY protocol header"},
		{"SSH-2.0-OpenSSH_9.2p1\r\n", "looks like an SSH server"},
		{"+OK\r\n", "looks like a POP3 or Redis server"},
		{"-ERR unknown command", "looks like a Redis server"},
		{"*1\r\n$4\r\nPING\r\n", "looks like a Redis client"},
		{"220 mail.example.com ESMTP\r\n", "looks like an SMTP or FTP server"},
		{"\x12\x34\x01\x02\x02\x02\x00\x08", "looks like an AJP request"},
		{"Status: 200 OK\r\n", "looks like CGI output without FastCGI records"},
		{"Content-type: text/html\r\n\r\n", "looks like CGI output without FastCGI records"},
		{"<!DOCTYPE html>", "looks like an HTML page"},
		{"<html><body>", "looks like an HTML page"},
		{"\x16\x03\x01\x02\x00\x01\x00\x01", "looks like TLS"},
		{"\x15\x03\x03\x00\x02\x02\x28", "looks like TLS"},
		{"\x4a\x00\x00\x00\x0a8.0.36", "looks like a MySQL server"},
		{"\x12\x34\x00\x01\x0a", "looks like an AJP request"},
		{"\x00\x00\x00\x54\x00\x03\x00\x00user", "looks like a PostgreSQL client"},
		{"\x00\x00\x00\x08\x04\xd2\x16\x2f", "looks like a PostgreSQL client"},
		{"\x00\x2a\x01\x00\x0c\x00QUERY_STRING", "looks like uwsgi"},
		{"70:CONTENT_LENGTH\x0027\x00", "looks like SCGI"},
		{"70:CONTE", "looks like SCGI"},
		{"", ""},
		{"GE", ""},
		{"hello, world", ""},
		{"\x00\x00\x00\x00\x00\x00\x00\x00", ""},
	} {
		if got := wire.Hint([]byte(c.in)); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	http := wire.ParseHeader((*[wire.HeaderLen]byte)([]byte("HTTP/1.1")))
	if got := http.Hint(); got != "looks like an HTTP response" {
		t.Errorf("%q", got)
	}
	if got := wire.BeginRecord(1, wire.Responder, 0).Header.Hint(); got != "" {
		t.Errorf("a FastCGI header %q", got)
	}
}
