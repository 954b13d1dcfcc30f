package commands

import (
	"fmt"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// recordTexts is what there is to say of each record type beside its row in
// wire.Specs.
var recordTexts = []struct {
	typ                  wire.Type
	brief, text, example string
}{
	{wire.TypeBeginRequest, "opens a request", `
The web server asks for something: the role says what, the flag KEEP_CONN whether the connection
stays open after the answer. The id in the header names the request in every record until its
END_REQUEST; ids are small and used again. A second request may begin while the first one runs only
if the application takes several at once (FCGI_MPXS_CONNS). It should not be padded: libfcgi loses
its place.`,
		exAsked},
	{wire.TypeAbortRequest, "asks to give up a request", `
The web server has nobody left who would read the answer. The application ends the request as soon
as it can and says so with END_REQUEST. A web server that has one request on a connection just
closes it instead, and most do: php-fpm and libfcgi take ABORT_REQUEST for the end of STDIN, run to
the end, and answer as if nothing had been said.`,
		exBegin + exParams + "> ABORT_REQUEST id=1\n"},
	{wire.TypeEndRequest, "ends a request", `
The application has done. appStatus is what a program would exit with, 0 where all is well;
protocolStatus says whether the request was served at all. Without it an answer is not complete,
even if it looks so. Whoever gets it closes at once, unless the connection is kept: a php-fpm worker
waits for that before it takes another request.`,
		exAsked + exAnswer + exEnd},
	{wire.TypeParams, "tells about the request", `
The parameters are what a CGI program finds in its environment, as pairs of name and value. They are
a stream: as many records as needed, then an empty one. A pair may be split over records, but
php-fpm reads each record alone and resets the connection then, so put whole pairs into each, and no
more than 65535 bytes with the padding.`,
		exAsked},
	{wire.TypeStdin, "carries the body of the HTTP request", `
A stream that the empty record ends, which comes for a request without a body, too: without it an
application may wait forever. CONTENT_LENGTH says how many bytes there are. php-fpm believes that
number and not the end of the stream: it hangs when there are fewer, and sees no body when the
number is missing.`,
		askWith(wire.Responder, "a=b", "REQUEST_METHOD", "POST", "SCRIPT_NAME", "/a", "CONTENT_TYPE", "application/x-www-form-urlencoded", "CONTENT_LENGTH", "3")},
	{wire.TypeStdout, "carries the answer", `
A CGI response: header fields, an empty line, and the body. Status: 404 Not Found sets the status,
which is 200 without it. An empty record ends the stream; php-fpm leaves it out and sends
END_REQUEST alone. Records of STDOUT and STDERR may come in any order.`,
		exAsked + exAnswer + exEnd},
	{wire.TypeStderr, "carries messages for the log", `
What the application has to complain about; web servers write it into their error log. Where there
is nothing to say no record is sent. In nginx it counts for fastcgi_buffer_size, together with the
response header, if it comes before that header ends.`,
		exAsked + "< STDERR id=1 \"PHP message: something is odd\\n\"\n" + exAnswer + "< STDERR id=1\n" + exEnd},
	{wire.TypeData, "carries the file that a filter works on", `
The second input of the role FILTER, after the end of STDIN: the contents of a file, as many bytes
as FCGI_DATA_LENGTH says, and an empty record. No web server that is in use sends it, and
applications that are no filters ignore it at best.`,
		"> BEGIN_REQUEST id=1 role=FILTER flags=0\n> PARAMS id=1 REQUEST_METHOD=GET FCGI_DATA_LAST_MOD=1767323045 FCGI_DATA_LENGTH=2\n" +
			"> PARAMS id=1\n> STDIN id=1\n> DATA id=1 \"hi\"\n> DATA id=1\n"},
	{wire.TypeGetValues, "asks what the application can take", `
Names without values; those that the application knows come back in GET_VALUES_RESULT. It belongs to
no request, so its id is 0, and goes on a connection of its own, with a time limit: php-fpm takes it
for the end of PARAMS within a request, and some servers never answer. Pad it by one byte at least:
libfcgi holds the answer back until something follows.`,
		"> GET_VALUES pad=7 FCGI_MPXS_CONNS=\"\"\n"},
	{wire.TypeGetValuesResult, "answers GET_VALUES", `
The names that the application knows, with their values; the others are left out. php-fpm tells
FCGI_MPXS_CONNS=0 and nothing else, Go's net/http/fcgi tells FCGI_MPXS_CONNS=1 whatever was asked,
and sends a second, empty record behind it.`,
		"> GET_VALUES pad=7 FCGI_MPXS_CONNS=\"\"\n< GET_VALUES_RESULT pad=6 FCGI_MPXS_CONNS=0\n"},
	{wire.TypeUnknownType, "answers a management record that is not known", `
The way in which the protocol could grow: whoever sends a new kind of management record (id 0) to an
application that does not know it gets this, with the type. It is for id 0 only; Go's net/http/fcgi
sends it for records of requests instead, and php-fpm resets the connection.`,
		"> TYPE(42) id=0 \"what?\"\n< UNKNOWN_TYPE type=TYPE(42)\n"},
}

func recordTopics() []topic {
	var all []topic
	for _, r := range recordTexts {
		spec := r.typ.Spec()
		all = append(all, topic{
			kind: "record", name: spec.Name, section: spec.Section, example: r.example, text: r.text,
			brief: r.brief,
			facts: recordFacts(spec),
		})
	}
	return all
}

// recordFacts is the row of a record type.
func recordFacts(s *wire.Spec) [][2]string {
	sender, id := "the web server", "that of the request, 1 to 65535"
	if s.Dir == wire.ToServer {
		sender = "the application"
	}
	if s.Management {
		id = "0: it belongs to no request"
	}
	facts := [][2]string{
		{"type", fmt.Sprintf("%d, in section %s of the FastCGI specification", s.Type, s.Section)},
		{"sent by", sender},
		{"request id", id},
		{"content", recordContent(s)},
	}
	if s.Stream {
		facts = append(facts, [2]string{"ended by", "an empty " + s.Name + " record"})
	}
	return facts
}

// recordContent says what the content of a record is made of.
func recordContent(s *wire.Spec) string {
	switch s.Shape {
	case wire.Empty:
		return "none"
	case wire.Pairs:
		return "pairs of name and value"
	case wire.Bytes:
		return "any bytes"
	}
	var fields []string
	for _, f := range s.Body {
		field := fmt.Sprintf("%s (%d)", f.Name, f.Len)
		if f.Len == 1 {
			field = f.Name
		}
		if f.Enum != nil && f.Enum.Kind != "TYPE" {
			field += ": " + orList(f.Enum.List())
		}
		fields = append(fields, field)
	}
	return fmt.Sprintf("%d bytes: %s", s.BodyLen, strings.Join(fields, "; "))
}
