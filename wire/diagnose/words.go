package diagnose

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

// maxQuoted is how many bytes of a peer are quoted in a sentence.
const maxQuoted = 300

// words are what stands in braces in the texts of the rules: what to put there,
// and what if it is not known, or the text is read without any Facts.
var words = map[string]struct {
	value     func(*Facts) string
	otherwise string
}{
	"addr":      {func(f *Facts) string { return nonzero(f.Addr.Network, f.Addr.String()) }, "the application's address"},
	"socket":    {func(f *Facts) string { return nonzero(f.Addr.Network, quote(f.Addr.Address)) }, "the socket"},
	"missing":   {func(f *Facts) string { return missing(f.Socket) }, "a part of the path"},
	"siblings":  {func(f *Facts) string { return fromSocket(f.Socket, f.Socket.beside) }, "look for other sockets beside it"},
	"mode":      {func(f *Facts) string { return element(f.Socket.last()) }, "its mode, owner and group"},
	"self":      {func(f *Facts) string { return fromSocket(f.Socket, func() string { return f.Socket.Self }) }, "who the web server runs as"},
	"closed":    {func(f *Facts) string { return element(f.Socket.closed()) }, "each directory above it"},
	"script":    {func(f *Facts) string { return quoted(f, "SCRIPT_FILENAME") }, "SCRIPT_FILENAME"},
	"name":      {func(f *Facts) string { return quoted(f, "SCRIPT_NAME") }, "the path in the URL"},
	"root":      {func(f *Facts) string { return quoted(f, "DOCUMENT_ROOT") }, "the web root"},
	"absent":    {absent, "REQUEST_METHOD or SCRIPT_FILENAME"},
	"empty":     {empty, "php-fpm answers so when there is no REQUEST_METHOD"},
	"sticky":    {sticky, "PHP_VALUE or PHP_ADMIN_VALUE"},
	"stderr":    {func(f *Facts) string { return stream(f, strings.TrimSpace(string(f.Stderr))) }, `"…"`},
	"body":      {func(f *Facts) string { return stream(f, string(f.Body)) }, `"…"`},
	"output":    {func(f *Facts) string { return stream(f, string(f.Header)+string(f.Body)) }, `"…"`},
	"first":     {func(f *Facts) string { return quote(string(f.Foreign)) }, "the first bytes"},
	"looks":     {func(f *Facts) string { return looks(f.Foreign) }, "is not FastCGI"},
	"asked":     {func(f *Facts) string { return quote(string(f.ForeignToApp)) }, "the first bytes"},
	"offset":    {func(f *Facts) string { return number(f.ForeignAt) }, "an offset"},
	"stdout":    {func(f *Facts) string { return number(f.Request.Stdout) }, "some"},
	"bodysize":  {func(f *Facts) string { return number(f.BodyBytes) }, "some"},
	"header":    {func(f *Facts) string { return number(int64(len(f.Header))) }, "more than 4096"},
	"early":     {func(f *Facts) string { return number(f.StderrFirst) }, "some"},
	"stdin":     {func(f *Facts) string { return number(f.Request.Stdin) }, "the"},
	"length":    {length, "another number"},
	"promised":  {func(f *Facts) string { v, _ := f.field("Content-Length"); return nonzero(v, quote(v)) }, "another number"},
	"params":    {func(f *Facts) string { return number(f.ParamsBytes) }, "some"},
	"largest":   {func(f *Facts) string { return number(int64(f.ParamsLargest)) }, "more than 65535"},
	"records":   {func(f *Facts) string { return number(int64(f.ParamsRecords)) }, "several"},
	"crossing":  {func(f *Facts) string { return nonzero(f.ParamsSplit, quote(f.ParamsSplit)) }, "one of them"},
	"cut":       {cutBy, "a record that is no PARAMS"},
	"straddles": {func(f *Facts) string { return number(f.Straddles) }, "8185 to 8191"},
	"status":    {func(f *Facts) string { return number(int64(f.Request.Status)) }, "500, or 200 with the error as text"},
	"protocol":  {func(f *Facts) string { return f.Request.ProtocolStatus.String() }, "a protocolStatus"},
	"means":     {func(f *Facts) string { return refusals[f.Request.ProtocolStatus] }, "CANT_MPX_CONN: one request at a time on a connection; OVERLOADED: out of workers; UNKNOWN_ROLE: another role; REQUEST_COMPLETE: it ended without output"},
	"close":     {func(f *Facts) string { return closeWords[f.Close] }, "the connection ended"},
	"problem":   {func(f *Facts) string { return f.Problem.String() }, "it is no CGI header"},
	"took":      {func(f *Facts) string { return took(f.Total) }, "a while"},
	"waited":    {func(f *Facts) string { return took(f.First) }, "a while"},
	"after":     {func(f *Facts) string { return took(f.After) }, "a while"},
	"idle":      {func(f *Facts) string { return took(f.IdleClosed) }, "some seconds"},
	"pinned":    {func(f *Facts) string { return number(int64(f.Pinned)) }, "other"},
	"waiting":   {func(f *Facts) string { return number(int64(f.Waiting)) }, "unknown"},
	"taken":     {func(f *Facts) string { return number(int64(f.Taken)) }, "unknown"},
	"rule":      {brokenID, "output-inactive"},
	"ping":      {func(f *Facts) string { return opinions[f.Ping] }, "not asked"},
	"minimal":   {func(f *Facts) string { return opinions[f.Minimal] }, "not asked"},
}

var opinions = map[Opinion]string{Good: "answered", Bad: "failed", Silent: "got no answer"}

var closeWords = map[flow.CloseKind]string{
	flow.CloseByApp: "the application closed the connection", flow.ResetByApp: "the application reset the connection",
	flow.CloseByServer: "the web server closed the connection", flow.ResetByServer: "the web server reset the connection",
}

// refusals is what the protocol statuses mean where there is no output.
var refusals = map[wire.ProtocolStatus]string{
	wire.RequestComplete: "it ended without any output: a CGI response needs a header at least",
	wire.CantMultiplex:   "it takes one request at a time on a connection",
	wire.Overloaded:      "it is out of workers, memory or the like: try again later, or give it more",
	wire.UnknownRole:     "it does not know the role; most applications are RESPONDERs only",
}

// fill puts what is known into the text of a rule. f may be nil.
func fill(s string, f *Facts) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		var name string
		name, s, _ = strings.Cut(rest, "}")
		w := words[name]
		value := ""
		if f != nil {
			value = w.value(f)
		}
		if value == "" {
			value = w.otherwise
		}
		b.WriteString(value)
	}
}

func quote(s string) string {
	if s == "" {
		return ""
	}
	cut := s[:min(len(s), maxQuoted)]
	q := string(text.Quote(nil, []byte(cut)))
	if len(cut) < len(s) {
		q += "..."
	}
	return q
}

// stream quotes what came in a stream, with a word for nothing.
func stream(f *Facts, s string) string {
	if s == "" && f.Sent {
		return "empty"
	}
	return quote(s)
}

// nonzero returns s, but nothing if what is empty.
func nonzero(what, s string) string {
	if what == "" {
		return ""
	}
	return s
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// quoted is a parameter, with a word for one that is missing.
func quoted(f *Facts, name string) string {
	v, ok := f.Param(name)
	switch {
	case !ok && f.Sent:
		return "(" + name + " is missing)"
	case ok && len(v) == 0:
		return `"" (it is empty)`
	}
	return quote(string(v))
}

func absent(f *Facts) string {
	for _, name := range []string{"REQUEST_METHOD", "SCRIPT_FILENAME"} {
		if _, ok := f.Param(name); !ok {
			return name
		}
	}
	return ""
}

// empty says what to think of an empty page.
func empty(f *Facts) string {
	if name := absent(f); name != "" {
		return "php-fpm answers so when there is no " + name
	}
	return "is " + quoted(f, "SCRIPT_FILENAME") + " the right script, and does it print anything?"
}

func sticky(f *Facts) string {
	var names []string
	for _, name := range []string{"PHP_VALUE", "PHP_ADMIN_VALUE"} {
		if _, ok := f.Param(name); ok {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

func length(f *Facts) string {
	switch f.Request.ContentLength {
	case -1:
		if v, ok := f.Param("CONTENT_LENGTH"); !ok {
			return "missing"
		} else if len(v) == 0 {
			return "empty"
		}
	case -2:
		return quote(f.param("CONTENT_LENGTH"))
	}
	return number(f.Request.ContentLength)
}

func looks(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if hint := wire.Hint(b); hint != "" {
		return hint
	}
	return "is not FastCGI"
}

func cutBy(f *Facts) string {
	if f.ParamsCut == nil {
		return ""
	}
	return f.ParamsCut.String()
}

func brokenID(f *Facts) string {
	for _, id := range strayRules {
		if _, ok := f.Broken[id]; ok {
			return string(id)
		}
	}
	return ""
}

func took(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func fromSocket(s *Socket, what func() string) string {
	if s == nil {
		return ""
	}
	return what()
}

func missing(s *Socket) string {
	if s == nil {
		return ""
	}
	return quote(s.Missing)
}

func element(e *Element) string {
	if e == nil {
		return ""
	}
	return e.String()
}
