package text_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/text"
)

// TestErrors: what is wrong is said with its place and the nearest right form.
func TestErrors(t *testing.T) {
	long := strings.Repeat("x", 60000)
	for _, c := range []struct{ in, want string }{
		{"BEGIN_REQUEST id=1", `line 1, column 1: no direction before "BEGIN_REQUEST": did you mean > BEGIN_REQUEST?`},
		{"end-request id=1", `line 1, column 1: no direction before "end-request": did you mean < end-request?`},
		{"raw 00", `line 1, column 1: no direction before "raw": did you mean > raw or < raw?`},
		{"hello", `line 1, column 1: "hello" begins no line: > or <, @, ! or # was expected`},
		{"    A=B", `line 1, column 5: an indented line continues a record, and there is none above it`},
		{"! fin\n A=B", `line 2, column 2: an indented line continues a record, and there is none above it`},
		{">", `line 1, column 2: a record type was expected: such as BEGIN_REQUEST or raw`},
		{"> BEGIN_REQEST id=1", `line 1, column 3: unknown record type "BEGIN_REQEST": did you mean BEGIN_REQUEST?`},
		{"> begin id=1", `line 1, column 3: unknown record type "begin": did you mean BEGIN_REQUEST?`},
		{"> FCGI_STDNI id=1", `line 1, column 3: unknown record type "FCGI_STDNI": did you mean STDIN?`},
		{"> TYPE(256) id=1", `line 1, column 3: unknown record type "TYPE(256)": a name of the specification, or such as TYPE(42), was expected`},
		{"> BEGIN_REQUEST role=RESPONDER", `line 1, column 31: BEGIN_REQUEST needs a request id: write such as id=1 on this line`},
		{"> PARAMS\n    id=1", `line 1, column 9: PARAMS needs a request id: write such as id=1 on this line`},
		{"> BEGIN_REQUEST id=1", `line 1, column 21: BEGIN_REQUEST needs role=: such as role=RESPONDER`},
		{"< UNKNOWN_TYPE", `line 1, column 15: UNKNOWN_TYPE needs type=: such as type=BEGIN_REQUEST`},
		{"> BEGIN_REQUEST id=1 role=RESPONDR", `line 1, column 27: unknown role "RESPONDR": did you mean RESPONDER?`},
		{"> BEGIN_REQUEST id=1 role=judge", `line 1, column 27: unknown role "judge": one of RESPONDER, AUTHORIZER or FILTER was expected`},
		{"> BEGIN_REQUEST id=1 role=RESPONDER flags=keep", `line 1, column 43: unknown flags "keep": did you mean KEEP_CONN?`},
		{"> BEGIN_REQUEST id=1 role=RESPONDER flags=no", `line 1, column 43: unknown flags "no": only KEEP_CONN is known`},
		{"> BEGIN_REQUEST id=1 rol=RESPONDER", `line 1, column 22: BEGIN_REQUEST has no "rol": did you mean role?`},
		{"> BEGIN_REQUEST id=1 role=RESPONDER role=FILTER", `line 1, column 37: role= is given twice: leave one of the two out`},
		{"> BEGIN_REQUEST id=1 role=RESPONDER \"x\"", `line 1, column 37: BEGIN_REQUEST has fields already, it cannot have bytes too`},
		{"> BEGIN_REQUEST id=1 \"x\" role=RESPONDER", `line 1, column 31: BEGIN_REQUEST has bytes already, it cannot have fields too`},
		{"> BEGIN_REQUEST id=1 role=RESPONDER body-reserved=00", `line 1, column 51: body-reserved has 5 bytes, not 1`},
		{"< END_REQUEST id=1 appStatus=4294967296", `line 1, column 30: bad appStatus "4294967296": a number from 0 to 4294967295 was expected`},
		{"< END_REQUEST id=1 appStatus=-1", `line 1, column 30: bad appStatus "-1": a number from 0 to 4294967295 was expected`},
		{"> STDIN id=65536", `line 1, column 12: bad id "65536": a number from 0 to 65535 was expected`},
		{"> STDIN id=1 id=2", `line 1, column 14: id= is given twice: leave one of the two out`},
		{"> STDIN id=1 pad=256", `line 1, column 18: bad pad "256": a number from 0 to 255 was expected`},
		{"> STDIN id=1 padding=012", `line 1, column 24: odd number of hexadecimal digits: two digits a byte were expected, such as 01 0a, or a string in quotes`},
		{"> STDIN id=1 padding=01zz", `line 1, column 24: "zz" is no byte in hexadecimal: two digits a byte were expected, such as 01 0a, or a string in quotes`},
		{"> STDIN id=1 padding=\"" + strings.Repeat("p", 256) + `"`, `line 1, column 22: 256 bytes of padding, a record holds 255`},
		{"> STDIN id=1 contnet=5", `line 1, column 14: STDIN has no "contnet": one of id, version, reserved, len, pad or padding was expected`},
		{"> STDIN id=1 hello", `line 1, column 14: unexpected "hello": content is written in quotes`},
		{"> STDIN id 1", `line 1, column 9: unexpected "id": did you mean id=?`},
		{"> PARAMS id=1 HELLO", `line 1, column 15: unexpected "HELLO": a pair is written NAME=value`},
		{"> STDIN id=1 \"a", `line 1, column 14: the closing quote is missing: a " inside of quotes is written \"`},
		{"> STDIN id=1 \"a\\\"", `line 1, column 14: the closing quote is missing: a " inside of quotes is written \"`},
		{"> STDIN id=1 \"a\\q\"", `line 1, column 16: unknown escape "\\q": one of \\ \" \n \r \t \xHH was expected`},
		{"> STDIN id=1 \"a\\x1\"", `line 1, column 16: unknown escape "\\x": one of \\ \" \n \r \t \xHH was expected`},
		{"> STDIN id=1 \"\\ud800\"", `line 1, column 15: unknown escape "\\u": one of \\ \" \n \r \t \xHH was expected`},
		{"> STDIN id=1 x\"4\"", `line 1, column 16: odd number of hexadecimal digits: two digits a byte were expected, such as 01 0a, or a string in quotes`},
		{"> STDIN id=1 wide:\"a\"", `line 1, column 14: wide: belongs to a name or a value`},
		{"> PARAMS id=1 A=b\"c\"", `line 1, column 18: a quote inside a word: put all of it in quotes`},
		{"> PARAMS id=1 A=\"b\"c", `line 1, column 20: a space was expected, not "c"`},
		{"> PARAMS id=1\n    A=b\n    B=\"", `line 3, column 7: the closing quote is missing: a " inside of quotes is written \"`},
		{"> STDIN id=1 \"" + long + "\" \"" + long + `"`, `line 1, column 60017: 120000 bytes of content, a record holds 65535`},
		{"> PARAMS id=1 \"" + long + "\"=\"" + long + `"`, `line 1, column 15: 120008 bytes of content, a record holds 65535`},
		{"> raw 0", `line 1, column 7: odd number of hexadecimal digits: two digits a byte were expected, such as 01 0a, or a string in quotes`},
		{"> raw hello", `line 1, column 7: "he" is no byte in hexadecimal: two digits a byte were expected, such as 01 0a, or a string in quotes`},
		{"> raw id=1", `line 1, column 7: raw bytes have no fields`},
		{"! fni", `line 1, column 3: unknown event "fni": did you mean fin?`},
		{"! end", `line 1, column 3: unknown event "end": one of fin, rst or gap was expected`},
		{"! gap -1", `line 1, column 7: bad number "-1": a number was expected`},
		{"! fin now", `line 1, column 7: nothing was expected here, not "now"`},
		{"@con 1", `line 1, column 1: unknown directive "@con": did you mean @conn?`},
		{"@conn x", `line 1, column 7: bad number "x": a number was expected`},
		{"@conn 99999999999", `line 1, column 7: connection 99999999999 is too large a number`},
		{"@conn 1 a b c", `line 1, column 13: nothing was expected here, not "c"`},
		{"@at 5", `line 1, column 5: bad time "5": such as +1.2ms or 2026-01-31T12:00:00.000001Z was expected`},
		{"@at +-1s", `line 1, column 5: bad time "+-1s": such as +1.2ms or 2026-01-31T12:00:00.000001Z was expected`},
		{"@cut", `line 1, column 5: bad number "": a number was expected`},
	} {
		_, err := text.Parse([]byte(c.in))
		name := c.in[:min(len(c.in), 60)]
		var bad *text.SyntaxError
		if !errors.As(err, &bad) {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got := err.Error(); got != "text: "+c.want {
			t.Errorf("%q:\n got %s\nwant text: %s", name, got, c.want)
		}
	}
}

// TestGoesOn: an entry with an error takes what continues it along, and the one
// behind it is read.
func TestGoesOn(t *testing.T) {
	r := text.NewReader(strings.NewReader("> PARAMS id=1 oops\n    A=B\n\tC=D\n> STDIN id=1\n? \n> STDIN id=2\n  nothing\n"))
	var got []string
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, strings.TrimSpace(string(l.Append(nil))))
	}
	want := `text: line 1, column 15: unexpected "oops": a pair is written NAME=value
> STDIN id=1
text: line 5, column 1: "?" begins no line: > or <, @, ! or # was expected
text: line 7, column 3: unexpected "nothing": content is written in quotes`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

// TestTooMuchRaw: continued without end, an entry has a bound of its own.
func TestTooMuchRaw(t *testing.T) {
	line := "    \"" + strings.Repeat("x", 1<<19) + "\"\n"
	_, err := text.Parse([]byte("> raw\n" + line + line))
	if err != nil {
		t.Errorf("1 MiB: %v", err)
	}
	_, err = text.Parse([]byte("> raw\n" + line + line + "    00\n"))
	if want := "text: line 4, column 5: more than 1048576 raw bytes: begin another line with it"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
