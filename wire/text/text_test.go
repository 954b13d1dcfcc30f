package text_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// record makes a record whose lengths agree with its slices.
func record(t wire.Type, id uint16, content, padding string) wire.Record {
	r := wire.NewRecord(t, id, []byte(content))
	r.Padding = []byte(padding)
	r.PaddingLength = uint8(len(padding))
	return r
}

func with(r wire.Record, change func(*wire.Record)) wire.Record {
	change(&r)
	return r
}

// canonical are records with the one way they are printed.
var canonical = []struct {
	name string
	dir  wire.Direction
	rec  wire.Record
	text string
}{
	{"begin", wire.ToApp, wire.BeginRecord(1, wire.Responder, wire.KeepConn),
		"> BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN\n"},
	{"begin, unknown values", wire.ToApp, wire.BeginRecord(65535, 7, 0x82),
		"> BEGIN_REQUEST id=65535 role=ROLE(7) flags=0x82\n"},
	{"begin, reserved bytes", wire.ToApp, record(wire.TypeBeginRequest, 1, "\x00\x03\x81\x00\x00\x00\x00\xfe", ""),
		"> BEGIN_REQUEST id=1 role=FILTER flags=KEEP_CONN|0x80 body-reserved=00000000fe\n"},
	{"begin, short body", wire.ToApp, record(wire.TypeBeginRequest, 1, "\x00\x01\x00", ""),
		"> BEGIN_REQUEST id=1 \"\\x00\\x01\\x00\"\n"},
	{"begin, no body", wire.ToApp, record(wire.TypeBeginRequest, 1, "", ""),
		"> BEGIN_REQUEST id=1 \"\"\n"},
	{"begin, long body", wire.ToApp, record(wire.TypeBeginRequest, 1, "\x00\x01\x00\x00\x00\x00\x00\x00A", ""),
		"> BEGIN_REQUEST id=1 \"\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00A\"\n"},
	{"abort", wire.ToApp, wire.AbortRecord(2), "> ABORT_REQUEST id=2\n"},
	{"abort with a body", wire.ToApp, record(wire.TypeAbortRequest, 2, "now", ""), "> ABORT_REQUEST id=2 \"now\"\n"},
	{"end", wire.ToServer, wire.EndRecord(1, 4294967295, wire.Overloaded),
		"< END_REQUEST id=1 appStatus=4294967295 protocolStatus=OVERLOADED\n"},
	{"end, unknown status", wire.ToServer, wire.EndRecord(1, 0, 9),
		"< END_REQUEST id=1 appStatus=0 protocolStatus=PROTOCOL_STATUS(9)\n"},
	{"unknown type", wire.ToServer, wire.UnknownTypeRecord(42), "< UNKNOWN_TYPE type=TYPE(42)\n"},
	{"unknown type, wrong id", wire.ToServer, record(wire.TypeUnknownType, 3, "\x09\x00\x00\x00\x00\x00\x00\x00", ""),
		"< UNKNOWN_TYPE id=3 type=GET_VALUES\n"},
	{"end of params", wire.ToApp, record(wire.TypeParams, 1, "", ""), "> PARAMS id=1\n"},
	{"params", wire.ToApp, record(wire.TypeParams, 1, "\x0f\x0aSCRIPT_FILENAME/srv/a.php\x0e\x03REQUEST_METHODGET\x05\x00EMPTY\x00\x01v", "\x00\x00\x00"),
		"> PARAMS id=1 pad=3\n    SCRIPT_FILENAME=\"/srv/a.php\"\n    REQUEST_METHOD=GET\n    EMPTY=\"\"\n    \"\"=v\n"},
	{"a param like a key", wire.ToApp, record(wire.TypeParams, 1, "\x02\x01id7\x03\x01a=b8", ""),
		"> PARAMS id=1\n    id=7\n    \"a=b\"=8\n"},
	{"wide lengths", wire.ToApp, record(wire.TypeParams, 1, "\x80\x00\x00\x01\x01AB\x01\x80\x00\x00\x01CD", ""),
		"> PARAMS id=1\n    wide:A=B\n    C=wide:D\n"},
	{"half a pair", wire.ToApp, record(wire.TypeParams, 1, "\x01\x01AB\x05\x05CDE", ""),
		"> PARAMS id=1\n    A=B\n    \"\\x05\\x05CDE\"\n"},
	{"pairs of an empty name", wire.ToApp, record(wire.TypeParams, 1, "\x00\x00\x00", ""),
		"> PARAMS id=1\n    \"\"=\"\"\n    \"\\x00\"\n"},
	{"get values", wire.ToApp, record(wire.TypeGetValues, 0, "\x0e\x00FCGI_MAX_CONNS", "\x00"),
		"> GET_VALUES pad=1\n    FCGI_MAX_CONNS=\"\"\n"},
	{"get values with an id", wire.ToApp, record(wire.TypeGetValues, 9, "", ""), "> GET_VALUES id=9\n"},
	{"get values result", wire.ToServer, record(wire.TypeGetValuesResult, 0, "\x0f\x01FCGI_MPXS_CONNS1", ""),
		"< GET_VALUES_RESULT\n    FCGI_MPXS_CONNS=1\n"},
	{"stdin", wire.ToApp, record(wire.TypeStdin, 1, "a=1&b=\x00\x1b[31m\xff\"\\", ""),
		`> STDIN id=1 "a=1&b=\x00\x1b[31m\xff\"\\"` + "\n"},
	{"what is printable", wire.ToServer, record(wire.TypeStdout, 1, "é日本😀\u202e\u200b\u009b\u2028\u00a0\ufe0f", ""),
		`< STDOUT id=1 "é日本😀\xe2\x80\xae\xe2\x80\x8b\xc2\x9b\xe2\x80\xa8\xc2\xa0\xef\xb8\x8f"` + "\n"},
	{"long content", wire.ToServer, record(wire.TypeStdout, 1, "Status: 200 OK\r\n\r\n"+strings.Repeat("x", 300)+"\n", ""),
		"< STDOUT id=1\n    \"Status: 200 OK\\r\\n\"\n    \"\\r\\n\"\n    \"" + strings.Repeat("x", 256) + "\"\n    \"" + strings.Repeat("x", 44) + "\\n\"\n"},
	{"strings end between characters", wire.ToServer, record(wire.TypeStderr, 1, strings.Repeat("日", 100), ""),
		"< STDERR id=1\n    \"" + strings.Repeat("日", 85) + "\"\n    \"" + strings.Repeat("日", 15) + "\"\n"},
	{"a type nobody knows", wire.ToApp, record(42, 0, "hi", ""), "> TYPE(42) id=0 \"hi\"\n"},
	{"version and reserved", wire.ToServer, with(record(wire.TypeData, 1, "", ""), func(r *wire.Record) { r.Version, r.Reserved = 7, 255 }),
		"< DATA id=1 version=7 reserved=255\n"},
	{"padding that is not zero", wire.ToApp, record(wire.TypeStdin, 1, "x", "\x00\x01\xff"),
		"> STDIN id=1 padding=0001ff \"x\"\n"},
	{"a length that lies", wire.ToApp, with(record(wire.TypeStdin, 1, "x", ""), func(r *wire.Record) { r.ContentLength = 500 }),
		"> STDIN id=1 len=500 \"x\"\n"},
	{"padding that lies", wire.ToApp, with(record(wire.TypeStdin, 1, "x", ""), func(r *wire.Record) { r.PaddingLength = 5 }),
		"> STDIN id=1 pad=5 padding=\"\" \"x\"\n"},
	{"padding that lies, with some", wire.ToApp, with(record(wire.TypeStdin, 1, "", "\x00"), func(r *wire.Record) { r.PaddingLength = 5 }),
		"> STDIN id=1 pad=5 padding=00\n"},
}

func TestCanonical(t *testing.T) {
	for _, c := range canonical {
		t.Run(c.name, func(t *testing.T) {
			if got := string(text.Append(nil, c.dir, c.rec)); got != c.text {
				t.Errorf("printed\n%s, want\n%s", got, c.text)
			}
			lines, err := text.Parse([]byte(c.text))
			if err != nil || len(lines) != 1 {
				t.Fatalf("%d lines, %v", len(lines), err)
			}
			l := lines[0]
			if l.Kind != text.KindRecord || l.Dir != c.dir || l.Number != 1 {
				t.Errorf("kind %v, direction %v, line %d", l.Kind, l.Dir, l.Number)
			}
			got, want := l.AppendWire(nil), wireBytes(c.rec)
			if !bytes.Equal(got, want) {
				t.Errorf("read\n%x, want\n%x", got, want)
			}
		})
	}
}

// wireBytes are the header as it says it is, and what there is of the rest.
func wireBytes(r wire.Record) []byte {
	return append(append(r.Header.Append(nil), r.Content...), r.Padding...)
}

func TestSplitPair(t *testing.T) {
	// The value "b!" of a pair ends in a record that goes on with another one.
	rec := record(wire.TypeParams, 1, "b!\x01\x01AB", "")
	const want = "> PARAMS id=1\n    \"b!\"\n    A=B\n"
	got := string(text.AppendSplit(nil, wire.ToApp, rec, 2))
	if got != want {
		t.Errorf("printed\n%s, want\n%s", got, want)
	}
	if got := text.AppendSplit(nil, wire.ToApp, rec, 1000); string(got) != "> PARAMS id=1\n    \"b!\\x01\\x01AB\"\n" {
		t.Errorf("a tail longer than the record prints\n%s", got)
	}
}

// TestLenient reads what people type.
func TestLenient(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"> begin-request id=1 role=responder flags=keep_conn", "> BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN\n"},
		{">FCGI_BEGIN_REQUEST  flags=0x1\trole=3 ID=0x0a", "> BEGIN_REQUEST id=10 role=FILTER flags=KEEP_CONN\n"},
		{"> 1 id=1 Role=FCGI_AUTHORIZER", "> BEGIN_REQUEST id=1 role=AUTHORIZER flags=0\n"},
		{"> BEGIN_REQUEST id=1 body_reserved=0102030405 role=ROLE(9)\r", "> BEGIN_REQUEST id=1 role=ROLE(9) flags=0 body-reserved=0102030405\n"},
		{"< end_request id=1", "< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE\n"},
		{"< END_REQUEST id=1 protocol_status=cant-mpx-conn app-status=0xff", "< END_REQUEST id=1 appStatus=255 protocolStatus=CANT_MPX_CONN\n"},
		{"> GET_VALUES FCGI_MAX_CONNS FCGI_MAX_REQS", "> GET_VALUES\n    FCGI_MAX_CONNS=\"\"\n    FCGI_MAX_REQS=\"\"\n"},
		{"> PARAMS id=1 SCRIPT_FILENAME=/srv/a.php QUERY_STRING=a=b&c=#d # a comment", "> PARAMS id=1\n    SCRIPT_FILENAME=\"/srv/a.php\"\n    QUERY_STRING=\"a=b&c=#d\"\n"},
		{"> PARAMS id=1 \"id\"=2 EMPTY= A=x\"00 fF10\"", "> PARAMS id=1\n    id=2\n    EMPTY=\"\"\n    A=\"\\x00\\xff\\x10\"\n"},
		{"> PARAMS id=1\n\tA=1 B=2\n # why\n  C=3", "> PARAMS id=1\n    A=1\n    B=2\n    C=3\n"},
		{`> STDIN id=1 "a" x"62 63" "d"` + "\n  \"e\"", "> STDIN id=1 \"abcde\"\n"},
		{`> STDIN "\u00e9\U0001F600\a\101\'" id=1`, "> STDIN id=1 \"é😀\\x07A'\"\n"},
		{"> TYPE(200) id=0 pad=2", "> TYPE(200) id=0 pad=2\n"},
		{"> 200 id=0 pad=2 padding=x\"00 00\"", "> TYPE(200) id=0 pad=2\n"},
		{"> RAW 01 4854 x\"ff\" \"é\"", "> raw 01 48 54 ff c3 a9\n"},
		{"! FIN # gone", "! fin\n"},
		{"@AT +1500us", "@at +1.5ms\n"},
		{"\ufeff# first", "# first\n"},
	} {
		lines, err := text.Parse([]byte(c.typed))
		if err != nil || len(lines) != 1 {
			t.Errorf("%q: %d lines, %v", c.typed, len(lines), err)
			continue
		}
		if got := string(lines[0].Append(nil)); got != c.want {
			t.Errorf("%q reads as\n%s, want\n%s", c.typed, got, c.want)
		}
	}
}

// TestLines reads everything that is no record.
func TestLines(t *testing.T) {
	const in = `# one
@cut 4096
@conn 2 unix:/run/a.sock

@conn 3 127.0.0.1:5000 [::1]:9000
@conn 4
@conn 5 "a b" ""
@at +0s
@at +1.000001s
@at -1.2ms
@at 2026-01-31T12:00:00.5Z
! fin
> ! fin
< ! rst
! gap
< ! gap 120
> raw 00 48
< raw "HTTP/1.1 400 Bad Request\r\n"
> raw
> raw
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f
    20
`
	want := []text.Line{
		{Number: 1, Kind: text.KindComment, Comment: " one"},
		{Number: 2, Kind: text.KindCut, Count: 4096},
		{Number: 3, Kind: text.KindConn, Conn: 2, Server: "unix:/run/a.sock"},
		{Number: 5, Kind: text.KindConn, Conn: 3, Client: "127.0.0.1:5000", Server: "[::1]:9000"},
		{Number: 6, Kind: text.KindConn, Conn: 4},
		{Number: 7, Kind: text.KindConn, Conn: 5, Client: "a b"},
		{Number: 8, Kind: text.KindAt},
		{Number: 9, Kind: text.KindAt, After: time.Second + time.Microsecond},
		{Number: 10, Kind: text.KindAt, After: -1200 * time.Microsecond},
		{Number: 11, Kind: text.KindAt, Time: time.Date(2026, 1, 31, 12, 0, 0, 5e8, time.UTC)},
		{Number: 12, Kind: text.KindFin},
		{Number: 13, Kind: text.KindFin, Directed: true},
		{Number: 14, Kind: text.KindRst, Dir: wire.ToServer, Directed: true},
		{Number: 15, Kind: text.KindGap, Count: -1},
		{Number: 16, Kind: text.KindGap, Dir: wire.ToServer, Directed: true, Count: 120},
		{Number: 17, Kind: text.KindRaw, Directed: true, Raw: []byte{0, 'H'}},
		{Number: 18, Kind: text.KindRaw, Dir: wire.ToServer, Directed: true, Raw: []byte("HTTP/1.1 400 Bad Request\r\n")},
		{Number: 19, Kind: text.KindRaw, Directed: true, Raw: []byte{}},
		{Number: 20, Kind: text.KindRaw, Directed: true},
	}
	for i := range 33 {
		want[len(want)-1].Raw = append(want[len(want)-1].Raw, byte(i))
	}
	lines, err := text.Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		lines[i].Record = wire.Record{}
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var out []byte
	for _, l := range lines {
		out = l.Append(out)
	}
	if want := strings.Replace(in, "\n\n", "\n", 1); string(out) != want {
		t.Errorf("(-want +got)\n%s", cmp.Diff(want, string(out)))
	}
}

func TestAppendAt(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "+0s", 1: "+0.000001ms", time.Millisecond: "+1ms", 1500 * time.Millisecond: "+1.5s",
		1<<63 - 1: "+9223372036.854775807s", -1 << 63: "-9223372036.854775807s",
	} {
		l := text.Line{Kind: text.KindAt, After: d}
		if got := string(l.Append(nil)); got != "@at "+want+"\n" {
			t.Errorf("%v: %q", d, got)
		}
	}
}

func TestAppendComment(t *testing.T) {
	l := text.Line{Kind: text.KindComment, Comment: " é\n> BEGIN\x1b[31m\xff\u202e"}
	if got := string(l.Append(nil)); got != "# é?> BEGIN?[31m??\n" {
		t.Errorf("%q", got)
	}
}

// TestOneByteAtATime reads the same from a reader that gives little.
func TestOneByteAtATime(t *testing.T) {
	var in, out []byte
	for _, c := range canonical {
		in = append(in, c.text...)
	}
	r := text.NewReader(iotest.OneByteReader(bytes.NewReader(in)))
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		out = l.Append(out)
	}
	if diff := cmp.Diff(string(in), string(out)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestEmptyLineEndsARecord: a program that waits for the answer must not have
// to begin the next record before this one is read.
func TestEmptyLineEndsARecord(t *testing.T) {
	read, write := io.Pipe()
	defer read.Close()
	go write.Write([]byte("> PARAMS id=1 A=B\n\n"))
	l, err := text.NewReader(read).Next()
	if err != nil || string(l.Record.Content) != "\x01\x01AB" {
		t.Errorf("%q, %v", l.Record.Content, err)
	}
}

func TestReaderError(t *testing.T) {
	broken := errors.New("broken")
	in := io.MultiReader(strings.NewReader("> STDIN id=1 \"a\"\n"), &once{broken}, strings.NewReader("! fin\n"))
	r := text.NewReader(in)
	if l, err := r.Next(); err != nil || string(l.Record.Content) != "a" {
		t.Errorf("%q, %v", l.Record.Content, err)
	}
	if _, err := r.Next(); err != broken {
		t.Errorf("%v", err)
	}
	if l, err := r.Next(); err != nil || l.Kind != text.KindFin {
		t.Errorf("%v, %v", l.Kind, err)
	}
}

// once fails once, then it ends.
type once struct{ err error }

func (o *once) Read([]byte) (int, error) {
	err := o.err
	o.err = io.EOF
	return 0, err
}

// TestAppendPair: a length above 127 is wide anyway.
func TestAppendPair(t *testing.T) {
	long := strings.Repeat("x", 128)
	p := wire.Pair{Name: []byte(long), Value: []byte(long), WideName: true, WideValue: true}
	if got := string(text.AppendPair(nil, p)); got != long+"="+long {
		t.Errorf("%s", got)
	}
}

// TestLongLine: 64 KiB of content on one line are read, a line without end not.
func TestLongLine(t *testing.T) {
	content := strings.Repeat("\x00", wire.MaxContent)
	in := "> STDIN id=1 \"" + strings.Repeat(`\x00`, wire.MaxContent) + "\"\n> raw \"" + strings.Repeat("x", 1<<20) + "\"\n    00\n< STDERR id=1\n"
	r := text.NewReader(strings.NewReader(in))
	if l, err := r.Next(); err != nil || string(l.Record.Content) != content {
		t.Errorf("%d bytes, %v", len(l.Record.Content), err)
	}
	var bad *text.SyntaxError
	if _, err := r.Next(); !errors.As(err, &bad) || bad.Line != 2 {
		t.Errorf("%v", err)
	}
	if l, err := r.Next(); err != nil || l.Number != 4 {
		t.Errorf("line %d, %v", l.Number, err)
	}
}

func TestAppendAllocates(t *testing.T) {
	dst := make([]byte, 0, 64<<10)
	for _, c := range canonical {
		if n := testing.AllocsPerRun(10, func() { text.Append(dst, c.dir, c.rec) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
