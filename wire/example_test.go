package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A request as a web server sends it: in one Write, if w were a connection.
func ExampleWriter() {
	var conn bytes.Buffer
	w := wire.NewWriter(&conn)
	w.WriteRecord(wire.BeginRecord(1, wire.Responder, 0))
	params := w.Pairs(wire.TypeParams, 1)
	params.WritePair(wire.NewPair("REQUEST_METHOD", "POST"))
	params.WritePair(wire.NewPair("SCRIPT_FILENAME", "/srv/www/a.php"))
	params.WritePair(wire.NewPair("CONTENT_LENGTH", "3"))
	params.Close()
	stdin := w.Stream(wire.TypeStdin, 1)
	io.WriteString(stdin, "a=b")
	stdin.Close()
	if err := w.Flush(); err != nil { // earlier errors come up here too
		fmt.Println(err)
	}
	fmt.Println(conn.Len(), "bytes")
	// Output: 128 bytes
}

// Reading until the end of a stream, which may come inside a record.
func ExampleReader() {
	var conn bytes.Buffer
	conn.Write(wire.NewRecord(wire.TypeStdout, 1, []byte("Status: 404 Not Found\r\n\r\n")).Append(nil))
	conn.Write(wire.EndRecord(1, 0, wire.RequestComplete).Append(nil)[:10])

	r := wire.NewReader(&conn)
	for {
		rec, err := r.ReadRecord()
		var cut *wire.TruncatedError
		switch {
		case err == io.EOF:
			return
		case errors.As(err, &cut):
			fmt.Printf("at %d: %d of %d bytes\n", cut.Offset, len(cut.Got), cut.Want)
			return
		case err != nil:
			fmt.Println(err)
			return
		}
		fmt.Printf("%v id=%d %q\n", rec.Type, rec.RequestID, rec.Content)
	}
	// Output:
	// STDOUT id=1 "Status: 404 Not Found\r\n\r\n"
	// at 33: 10 of 16 bytes
}

// Pairs are in order, with duplicates; what is cut does not hide what is whole.
func ExampleParsePairs() {
	block := wire.NewPair("SCRIPT_NAME", "/a.php").Append(nil)
	block = wire.NewPair("HTTP_COOKIE", "").Append(block)
	pairs, err := wire.ParsePairs(block[:len(block)-4])
	for _, p := range pairs {
		fmt.Printf("%s=%s\n", p.Name, p.Value)
	}
	fmt.Println(err)
	// Output:
	// SCRIPT_NAME=/a.php
	// wire: name-value pair at offset 19 is cut: 9 of at least 13 bytes
}

// What a record type is, by the table that everything goes by.
func ExampleType_Spec() {
	for _, name := range []string{"END_REQUEST", "fcgi_params", "200"} {
		t, err := wire.ParseType(name)
		if err != nil {
			fmt.Println(err)
			continue
		}
		s := t.Spec()
		if s == nil {
			fmt.Println(t, "is not in the specification")
			continue
		}
		fmt.Printf("%v: section %s, %v", t, s.Section, s.Dir)
		for _, f := range s.Body {
			fmt.Printf(", %s (%d bytes)", f.Name, f.Len)
		}
		fmt.Println()
	}
	// Output:
	// END_REQUEST: section 5.5, to-server, appStatus (4 bytes), protocolStatus (1 bytes), reserved (3 bytes)
	// PARAMS: section 5.2, to-app
	// TYPE(200) is not in the specification
}

// The port was not FastCGI's: what answers says so.
func ExampleHint() {
	fmt.Println(wire.Hint([]byte("HTTP/1.1 400 Bad Request\r\n")))
	// Output: looks like an HTTP response
}
