package commands

import (
	"errors"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestShellWrongLines: what is wrong with a line is said in its column, with what
// is right, and the connection stays as it was.
func TestShellWrongLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line       string
		column     int
		what, hint string
	}{
		{"begn 1", 1, `unknown command "begn"`, "did you mean begin?"},
		{"BEGIN 1", 1, `unknown command "BEGIN"`, "did you mean begin?"},
		{"begin 65536", 7, `bad id "65536"`, "a number from 0 to 65535 was expected"},
		{"begin -1", 7, `unknown role "-1"`, "want responder, authorizer, filter or keep"},
		{"begin 1 responder keep keep", 24, "flags= is given twice", "leave one of the two out"},
		{"begin 1 respnder", 9, `unknown role "respnder"`, "did you mean responder?"},
		{"begin 1 responder keeep", 19, `unknown role "keeep"`, "did you mean keep?"},
		{"begin 1 role=", 14, `unknown role ""`, "one of RESPONDER, AUTHORIZER or FILTER was expected"},
		{"begin 1 rol=RESPONDER", 9, `BEGIN_REQUEST has no "rol"`, "did you mean role?"},
		{"begin 1 flags=KEEP_CON", 15, `unknown flags "KEEP_CON"`, "did you mean KEEP_CONN?"},
		{`begin 1 "x`, 9, "the closing quote is missing", `a " inside of quotes is written \"`},
		{"begin 1 responder,keep", 9, `unknown role "responder,keep"`, "want responder, authorizer, filter or keep"},
		{"begin 1;abort 1", 7, `unknown role "1;abort"`, `a blank behind the ";" separates commands`},
		{"params 1 NAME", 10, `unexpected "NAME"`, "a pair is written NAME=value"},
		{`params 1 A="b`, 12, "the closing quote is missing", `a " inside of quotes is written \"`},
		{"params 1 A=b c", 14, `unexpected "c"`, "a pair is written NAME=value"},
		{"params 1 A = b", 10, `unexpected "A"`, "a pair is written NAME=value"},
		{"params x", 8, `unexpected "x"`, "a pair is written NAME=value"},
		{"params 99999 A=b", 8, `bad id "99999"`, "a number from 0 to 65535 was expected"},
		{"params 1 A='b c'", 15, `unexpected "c'"`, `quotes are "…"; a ' is nothing special here`},
		{"params 1 A=b;wait 5", 19, `unexpected "5"`, `a blank behind the ";" separates commands`},
		{"params 1 a=b len=99999", 18, `bad len "99999"`, "a number from 0 to 65535 was expected"},
		{"params 1 pad=256", 14, `bad pad "256"`, "a number from 0 to 255 was expected"},
		{"params 1 version=999", 18, `bad version "999"`, "a number from 0 to 255 was expected"},
		{"stdin abc", 7, `unexpected "abc"`, "content is written in quotes"},
		{`stdin 1 "abc`, 9, "the closing quote is missing", `a " inside of quotes is written \"`},
		{"stdin 1 'abc'", 9, `unexpected "'abc'"`, `quotes are "…"; a ' is nothing special here`},
		{"stdin 1 @", 9, "no file behind the @", "such as: stdin @body.txt"},
		{`stdin 1 @a.txt "x"`, 9, "a file, and something else, for one record", "another line for the one or the other"},
		{"stdin 1 @a.txt @b.txt", 16, "two files for one record", "another line for the other"},
		{`stdin 1 "a\qb"`, 11, `unknown escape "\\q"`, `one of \\ \" \n \r \t \xHH was expected`},
		{`data 1 "abc" foo`, 14, `unexpected "foo"`, "content is written in quotes"},
		{"abort x", 7, `unexpected "x"`, "abort takes the id of a request, such as: abort 1"},
		{"abort 1 2", 9, `unexpected "2"`, "abort takes the id of a request, such as: abort 1"},
		{"abort 1;wait", 7, `unexpected "1;wait"`, `a blank behind the ";" separates commands`},
		{"end 1 x", 7, `unknown protocolStatus "x"`, "one of REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED or UNKNOWN_ROLE was expected"},
		{"end 1 0 OVERLOAD", 9, `unknown protocolStatus "OVERLOAD"`, "did you mean OVERLOADED?"},
		{"end 1 0 REQUEST_COMPLETE x", 26, "protocolStatus= is given twice", "leave one of the two out"},
		{"end 1 99999999999", 7, `bad appStatus "99999999999"`, "a number from 0 to 4294967295 was expected"},
		{`get-values "x`, 12, "the closing quote is missing", `a " inside of quotes is written \"`},
		{"raw", 4, "nothing to send", `such as: raw 01 02, or raw "text"`},
		{"raw zz", 5, `"zz" is no byte in hexadecimal`, "two digits a byte were expected, such as 01 0a, or a string in quotes"},
		{"raw 0", 5, "odd number of hexadecimal digits", "two digits a byte were expected, such as 01 0a, or a string in quotes"},
		{"raw 01 2", 8, "odd number of hexadecimal digits", "two digits a byte were expected, such as 01 0a, or a string in quotes"},
		{`raw "x`, 5, "the closing quote is missing", `a " inside of quotes is written \"`},
		{"send", 5, "nothing to send", "such as: send > ABORT_REQUEST id=1"},
		{"send < STDOUT id=1", 6, "this line goes to the web server", "what goes to the application begins with >"},
		{"send FOO id=1", 6, `unknown record type "FOO"`, "a name of the specification, or such as TYPE(42), was expected"},
		{"send > PARMS id=1", 8, `unknown record type "PARMS"`, "did you mean PARAMS?"},
		{"send > PARAMS", 14, "PARAMS needs a request id", "write such as id=1 on this line"},
		{"send > PARAMS id=1 A", 20, `unexpected "A"`, "a pair is written NAME=value"},
		{"send > BEGIN_REQUEST id=1 role=RESPONDER flags=9x", 48, `unknown flags "9x"`, "only KEEP_CONN is known"},
		{"wait x", 6, `unexpected "x"`, "a time, such as 2 or 300ms, or closed, any, late or lost"},
		{"wait 5 min", 8, `unexpected "min"`, "a time, such as 2 or 300ms, or closed, any, late or lost"},
		{"wait any closd", 10, `unexpected "closd"`, "did you mean closed?"},
		{"use", 4, "no number of a connection", "show lists them, such as: use 0"},
		{"use x", 5, `there is no connection "x"`, "show lists them"},
		{"use 0 1", 7, `unexpected "1"`, "use takes the number of one connection"},
		{"close now", 7, `unexpected "now"`, "want fin or rst"},
		{"close fin now", 11, `unexpected "now"`, "want fin or rst"},
		{"show all", 6, `unexpected "all"`, "show takes nothing"},
		{"again 2", 7, `unexpected "2"`, "again takes nothing"},
		{"connect foo bar", 13, `unexpected "bar"`, "connect 'exec:COMMAND ARG…' needs quotes"},
		{"connect app:nope", 9, "address app:nope: no such application, there are echo, hello, env, upload, slow, big, stderr, status, crash, authorizer, filter", ""},
		{`connect  "x`, 10, `the " is not closed`, "in quotes it is nothing special: '…'"},
		{"connect a|b", 10, "the '|' is for a shell, and there is none", "in quotes it is nothing special: '…'"},
		{"save", 5, "no file", "such as: save session.txtar"},
		{"save a b c", 8, `unexpected "b"`, "a name with blanks needs quotes; force writes over a file"},
		{"save a force c", 14, `unexpected "c"`, "save takes a file, and force"},
		{"load", 5, "no file", "such as: load session.txtar"},
		{"load a b", 8, `unexpected "b"`, "a name with blanks needs quotes"},
		{"load a force", 8, `unexpected "force"`, "a name with blanks needs quotes"},
		{"record", 7, "no file", "such as: record session.pcapng"},
		{"record off", 8, "nothing is recorded", "record FILE begins"},
		{"record a b", 10, `unexpected "b"`, "a name with blanks needs quotes; force writes over a file"},
		{"set chnk 5", 5, `no setting is called "chnk"`, "did you mean chunk?"},
		{"set chunk 0", 11, "chunk 0: want a number from 1 to 65535", ""},
		{"set split maybe", 11, "split maybe: want on or off", ""},
		{"set times on off", 14, `unexpected "off"`, `set takes one value; "; " separates commands`},
		{"set reserved 256", 14, "reserved 256: want a number from 0 to 255", ""},
		{"set id 70000;set chunk 5", 18, `unexpected "chunk"`, `a blank behind the ";" separates commands`},
		{"request", 8, "request: no address given", "such as: fcgiscope request 127.0.0.1:9000 /ping"},
		{"request  /a --foo", 13, `request: unknown flag "--foo"`, "see fcgiscope request --help"},
		{"request /a -H", 12, "request: -H needs a value", "see fcgiscope request --help"},
		{"request /a --fromat=text", 12, `request: unknown flag "--fromat" (did you mean --format?)`, "see fcgiscope request --help"},
		{"request /a --format txt", 21, `request: invalid value "txt" for --format: did you mean text?`, "see fcgiscope request --help"},
		{"help a b", 8, `unexpected "b"`, "help takes one topic"},
		{"help begn", 6, `unknown topic "begn"`, "did you mean begin?"},
		{"exit now", 6, `unexpected "now"`, "exit takes nothing"},
		{">", 2, "a record type was expected", "such as BEGIN_REQUEST or raw"},
		{">BEGIN_REQUEST id=1", 20, "BEGIN_REQUEST needs role=", "such as role=RESPONDER"},
		{"> PARAMS id=1 A", 15, `unexpected "A"`, "a pair is written NAME=value"},
		{"! foo", 3, `unknown event "foo"`, "one of fin, rst or gap was expected"},
		{"@conn", 6, `bad number ""`, "a number was expected"},
		{"BEGIN_REQUEST id=1", 1, `unknown command "BEGIN_REQUEST"`, "a line of the text form begins with >, such as: > BEGIN_REQUEST id=1"},
	}
	s := connectedShell(t, "app:echo")
	for _, tt := range tests {
		l := splitLine(tt.line)[0]
		err := s.do(t.Context(), l)
		var at *lineError
		if !errors.As(err, &at) || at.column != tt.column || at.what != tt.what || hintOf(err) != tt.hint {
			t.Errorf("%s\n got %v, hint %s\nwant column %d: %s, hint %s", tt.line, err, hintOf(err), tt.column, tt.what, tt.hint)
		}
		if exitCode(err) != 2 {
			t.Errorf("%s: exit code %d, want 2", tt.line, exitCode(err))
		}
	}
	if c := s.current; c.closed || c.lastID != 0 || c.requests != nil || len(s.lines.all) > 0 {
		t.Errorf("the connection is another one: closed %v, last id %d, %d requests, kept %q", c.closed, c.lastID, len(c.requests), s.lines.all)
	}
}

// FuzzShellLine: whatever is typed, its commands and words are where they are
// said to be, a mistake is in a column of the line, and nothing panics.
func FuzzShellLine(f *testing.F) {
	for _, line := range []string{"begin 1 responder keep; wait", `params 1 "A B"='c' \"d;`, "> PARAMS id=1 A=b # c", "request /a 'b c' \\", "stdin 1 x\"00\" pad=3",
		"wait 5 late", "set chunk 4;wait", "end 1 0 OVERLOADED", "00000000: 0101 0001  ....", "load \"a", "use é", "close fin", "get-values \xff"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n") || isHexLine(line) {
			return
		}
		for _, l := range splitLine(line) {
			if l.rest != "" && line[l.restAt-1:l.restAt-1+len(l.rest)] != l.rest {
				t.Fatalf("%q: %q is not at column %d", line, l.rest, l.restAt)
			}
			for _, w := range l.words() {
				if line[w.at-1:w.at-1+len(w.text)] != w.text {
					t.Fatalf("%q: the word %q is not at column %d", line, w.text, w.at)
				}
			}
			if args, err := l.args(); err == nil {
				for _, w := range args {
					if c := line[w.at-1]; c == ' ' || c == '\t' {
						t.Fatalf("%q: %q begins at column %d, where a blank is", line, w.text, w.at)
					}
				}
			}
			if v := findVerb(l.name); v == nil || v.record == 0 {
				continue
			}
			d := newDraft(l, wire.TypeParams)
			for _, w := range l.words() {
				d.add("", w.text, w.at)
			}
			d.add("id=7", "", l.nameAt)
			_, err := d.record()
			var at *lineError
			if errors.As(err, &at) && (at.column < l.nameAt || at.column > len(line)+1) {
				t.Fatalf("%q: %v, at column %d", line, err, at.column)
			}
		}
	})
}
