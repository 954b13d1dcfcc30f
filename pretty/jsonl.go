package pretty

import (
	"io"
	"strconv"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// jsonlSink writes one JSON object a line for each event. The keys and their
// meaning are fixed and documented for users: keys are added, never changed.
type jsonlSink struct {
	output
	o     Options
	clock clock
	w     object // here and not on the stack: it goes through a table of functions
}

func newJSONL(w io.Writer, o Options) Sink {
	return &jsonlSink{output: output{w: w}, o: o}
}

// jsonlKeys says for each kind what it has besides the common keys. Kinds that
// are not here are not written: what they tell is in others.
var jsonlKeys = [flow.KindLost + 1]func(*jsonlSink, *object, *flow.Event){
	flow.KindConnection:   (*jsonlSink).connection,
	flow.KindRecord:       (*jsonlSink).record,
	flow.KindPair:         (*jsonlSink).pair,
	flow.KindRequestEnded: (*jsonlSink).request,
	flow.KindFinding:      (*jsonlSink).finding,
	flow.KindGap:          (*jsonlSink).length,
	flow.KindDesync:       (*jsonlSink).desync,
	flow.KindTruncated:    (*jsonlSink).truncated,
	flow.KindClosed:       (*jsonlSink).closed,
	flow.KindLost:         (*jsonlSink).length,
}

func (s *jsonlSink) Event(e *flow.Event) error {
	keys := jsonlKeys[e.Kind]
	if keys == nil || !s.o.Events.Has(e.Kind) {
		return s.err
	}
	w := &s.w
	w.b = append(s.buf, `{"event":"`...)
	w.b = append(w.b, e.Kind.String()...)
	w.b = append(w.b, '"')
	if e.Conn != nil {
		w.int("conn", int64(e.Conn.N))
	}
	placed := hasPlace(e)
	if placed {
		w.string("dir", e.Dir.String())
	}
	if !s.o.Stable {
		w.time("at", e.At, &s.clock)
	}
	if placed {
		w.int("offset", e.Offset)
	}
	keys(s, w, e)
	s.buf = append(w.b, '}', '\n')
	return s.spill()
}

// hasPlace reports whether e happened at a place in a direction of its
// connection: not so the connection itself and what ends with it.
func hasPlace(e *flow.Event) bool {
	switch e.Kind {
	case flow.KindConnection, flow.KindClosed, flow.KindLost:
		return false
	case flow.KindRequestEnded:
		return e.Request.Complete
	}
	return true
}

func (s *jsonlSink) connection(w *object, e *flow.Event) {
	c := e.Conn
	if c == nil {
		return
	}
	w.known("network", c.Network)
	if s.o.Stable {
		return
	}
	w.known("client", c.Client)
	w.known("server", c.Server)
	if c.Pid != 0 {
		w.int("pid", int64(c.Pid))
	}
	if c.Fd >= 0 {
		w.int("fd", int64(c.Fd))
	}
	w.time("opened_at", c.Opened, &s.clock)
}

// known leaves out a value that is empty.
func (o *object) known(k, v string) {
	if v != "" {
		o.string(k, v)
	}
}

func (s *jsonlSink) record(w *object, e *flow.Event) {
	h := e.Header
	w.int("index", int64(e.Index))
	w.int("version", int64(h.Version))
	w.int("type", int64(h.Type))
	w.typeName(h.Type)
	w.int("request_id", int64(h.RequestID))
	w.int("content_length", int64(h.ContentLength))
	w.int("padding_length", int64(h.PaddingLength))
	w.int("reserved", int64(h.Reserved))
	s.body(w, "content", "content_base64", e.Data, (*object).base64Only)
	if !zeros(e.Padding) {
		w.base64("padding", e.Padding)
	}
	w.fields(h.Type.Spec(), e.Data)
}

// body writes bytes that the user may have asked to cut. How many were left
// out is said under the key with _cut.
func (s *jsonlSink) body(w *object, k, base64Key string, v []byte, write func(*object, string, string, []byte)) {
	shown := clip(v, s.o.MaxBody)
	write(w, k, base64Key, shown)
	if cut := len(v) - len(shown); cut > 0 {
		w.b = append(w.b, ',', '"')
		w.b = append(w.b, k...)
		w.b = append(w.b, `_cut":`...)
		w.b = strconv.AppendInt(w.b, int64(cut), 10)
	}
}

func (o *object) base64Only(k, _ string, v []byte) { o.base64(k, v) }

func (o *object) typeName(t wire.Type) {
	o.key("type_name")
	o.b, _ = t.AppendText(append(o.b, '"'))
	o.b = append(o.b, '"')
}

// fields writes the fields of a fixed body that are there.
func (o *object) fields(spec *wire.Spec, body []byte) {
	if spec == nil || spec.Shape != wire.Fixed {
		return
	}
	o.key("fields")
	at := len(o.b)
	o.b = append(o.b, '{')
	for _, f := range spec.Body {
		if f.Reserved || f.Off+f.Len > len(body) {
			continue
		}
		v := f.Uint(body)
		o.b = append(o.b, ',', '"')
		o.b = appendSnake(o.b, f.Name)
		o.b = append(o.b, '"', ':')
		if f.Enum == nil {
			o.b = strconv.AppendUint(o.b, uint64(v), 10)
		} else {
			o.b = append(f.Enum.Append(append(o.b, '"'), v), '"')
		}
	}
	if len(o.b) > at+1 { // the comma before the first
		o.b = append(o.b[:at+1], o.b[at+2:]...)
	}
	o.b = append(o.b, '}')
}

// appendSnake appends a field's name as a key: appStatus is app_status. The
// field of UNKNOWN_TYPE is called type like the record's own.
func appendSnake(dst []byte, name string) []byte {
	if name == "type" {
		name = "unknownType"
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			dst = append(dst, '_')
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func (s *jsonlSink) pair(w *object, e *flow.Event) {
	w.int("request_id", int64(e.Header.RequestID))
	w.typeName(e.Header.Type)
	w.int("index", int64(e.Index))
	s.body(w, "name", "name_base64", e.Pair.Name, (*object).text)
	s.body(w, "value", "value_base64", e.Pair.Value, (*object).text)
}

func (s *jsonlSink) request(w *object, e *flow.Event) {
	r := e.Request
	w.int("request_id", int64(r.ID))
	w.int("occurrence", int64(r.Occurrence))
	w.string("role", r.Role.String())
	w.bool("keep_conn", r.Flags&wire.KeepConn != 0)
	w.knownText("method", "method_base64", r.Method)
	w.knownText("uri", "uri_base64", r.URI)
	w.knownText("script", "script_base64", r.Script)
	w.int("params", int64(r.Params))
	w.int("stdin_bytes", r.Stdin)
	w.int("data_bytes", r.Data)
	w.int("stdout_bytes", r.Stdout)
	w.int("stderr_bytes", r.Stderr)
	if r.Status != 0 {
		w.int("status", int64(r.Status))
	}
	if r.Complete && !r.EndCut {
		w.int("app_status", int64(r.AppStatus))
		w.string("protocol_status", r.ProtocolStatus.String())
	}
	w.bool("complete", r.Complete)
	if !s.o.Stable {
		w.time("began_at", r.BeganAt, &s.clock)
		w.time("first_byte_at", r.FirstByteAt, &s.clock)
		w.time("ended_at", r.EndedAt, &s.clock)
	}
}

// knownText leaves out what was not seen.
func (o *object) knownText(k, base64Key string, v []byte) {
	if len(v) > 0 {
		o.text(k, base64Key, v)
	}
}

func (s *jsonlSink) finding(w *object, e *flow.Event) {
	f := e.Finding
	w.int("request_id", int64(f.RequestID))
	w.string("rule", string(f.Rule))
	if r := f.Rule.Rule(); r != nil {
		w.string("section", r.Section)
		w.string("level", r.Level.String())
	}
	w.known("detail", f.Detail)
}

func (s *jsonlSink) length(w *object, e *flow.Event) {
	if e.Length >= 0 {
		w.int("length", e.Length)
	}
}

func (s *jsonlSink) desync(w *object, e *flow.Event) {
	w.int("length", int64(len(e.Data)))
	s.body(w, "content", "", e.Data, (*object).base64Only)
	w.known("hint", e.Hint)
}

func (s *jsonlSink) truncated(w *object, e *flow.Event) {
	w.int("want", e.Length)
	w.int("got", e.Got)
	s.body(w, "content", "", e.Data, (*object).base64Only)
}

func (s *jsonlSink) closed(w *object, e *flow.Event) {
	w.key("open_requests")
	w.b = append(w.b, '[')
	for i, id := range e.Open {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = strconv.AppendUint(w.b, uint64(id), 10)
	}
	w.b = append(w.b, ']')
	if e.Close != flow.CloseUnknown {
		w.string("how", e.Close.String())
	}
	if e.Err != nil {
		w.string("error", e.Err.Error())
	}
}

// zeros reports whether all of b is 0.
func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
