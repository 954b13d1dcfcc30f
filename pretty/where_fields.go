package pretty

import (
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A stage is a point in the life of a request.
type stage uint8

const (
	always stage = iota // it need not have begun
	begun               // BEGIN_REQUEST was seen
	asked               // the parameters are complete
	ended
)

// A whereField is a word of the expressions that choose: a key of the
// machine-readable output, or something that is made of them.
type whereField struct {
	name   string
	zero   any   // of its type
	stage  stage // of a request, from which on it is known
	record bool  // only records have it
	help   string
	get    func(*subject) any
}

// paramField is the field with the parameters.
const paramField = "param"

var whereFields = []whereField{
	{"conn", 0, begun, false, "number of the connection", func(s *subject) any { return s.conn }},
	{"request_id", 0, begun, false, "", func(s *subject) any {
		if s.record != nil {
			return int(s.record.Header.RequestID)
		}
		return int(s.request.ID)
	}},
	{"occurrence", 0, begun, false, "0 for the first use of the id on the connection", func(s *subject) any { return s.request.Occurrence }},
	{"role", "", begun, false, `"RESPONDER", …`, func(s *subject) any { return s.request.Role.String() }},
	{"keep_conn", false, begun, false, "", func(s *subject) any { return s.request.Flags&wire.KeepConn != 0 }},
	{"method", "", asked, false, "REQUEST_METHOD", func(s *subject) any { return string(s.request.Method) }},
	{"uri", "", asked, false, "REQUEST_URI, or SCRIPT_NAME", func(s *subject) any { return string(s.request.URI) }},
	{"script", "", asked, false, "SCRIPT_FILENAME", func(s *subject) any { return string(s.request.Script) }},
	{paramField, map[string]string(nil), asked, false, `the parameters: param.NAME or param["NAME"], "" where there is none; "NAME" in param`, func(s *subject) any { return s.params }},
	{"params", 0, asked, false, "how many", func(s *subject) any { return s.request.Params }},
	{"stdin_bytes", 0, ended, false, "", func(s *subject) any { return int(s.request.Stdin) }},
	{"data_bytes", 0, ended, false, "", func(s *subject) any { return int(s.request.Data) }},
	{"stdout_bytes", 0, ended, false, "", func(s *subject) any { return int(s.request.Stdout) }},
	{"stderr_bytes", 0, ended, false, "", func(s *subject) any { return int(s.request.Stderr) }},
	{"status", 0, ended, false, "CGI status of the response; 0 where it has no header", func(s *subject) any { return s.request.Status }},
	{"app_status", 0, ended, false, "", func(s *subject) any { return int(s.request.AppStatus) }},
	{"protocol_status", "", ended, false, `"REQUEST_COMPLETE", …`, func(s *subject) any { return s.request.ProtocolStatus.String() }},
	{"complete", false, ended, false, "END_REQUEST was seen", func(s *subject) any { return s.request.Complete }},
	{"aborted", false, ended, false, "ABORT_REQUEST was seen", func(s *subject) any { return s.request.Aborted }},
	{"failed", false, ended, false, "as --failed says", func(s *subject) any { return failed(s.request) }},
	{"findings", 0, ended, false, "broken rules, without notes", func(s *subject) any { return s.request.Findings }},
	{"rules", []string(nil), ended, false, "ids of broken rules, with notes", func(s *subject) any { return s.rules }},
	{"took", 0.0, ended, false, "seconds from the first record to the end; 0 where there are no times", func(s *subject) any { return span(s.request.BeganAt, s.request.EndedAt) }},
	{"waited", 0.0, ended, false, "seconds until the first byte of the answer", func(s *subject) any { return span(s.request.BeganAt, s.request.FirstByteAt) }},
	{"began_at", time.Time{}, ended, false, `compares with date("2026-11-20 10:00:00")`, func(s *subject) any { return s.request.BeganAt }},
	{"ended_at", time.Time{}, ended, false, "", func(s *subject) any { return s.request.EndedAt }},

	{"dir", "", always, true, `"to-app" or "to-server"`, func(s *subject) any { return s.record.Dir.String() }},
	{"at", time.Time{}, always, true, "", func(s *subject) any { return s.record.At }},
	{"offset", 0, always, true, "of its first byte in its direction", func(s *subject) any { return int(s.record.Offset) }},
	{"index", 0, always, true, "number of the record in its direction", func(s *subject) any { return s.record.Index }},
	{"version", 0, always, true, "", func(s *subject) any { return int(s.record.Header.Version) }},
	{"type", 0, always, true, "its number", func(s *subject) any { return int(s.record.Header.Type) }},
	{"type_name", "", always, true, `"STDERR", …`, func(s *subject) any { return s.record.Header.Type.String() }},
	{"content_length", 0, always, true, "", func(s *subject) any { return int(s.record.Header.ContentLength) }},
	{"padding_length", 0, always, true, "", func(s *subject) any { return int(s.record.Header.PaddingLength) }},
	{"reserved", 0, always, true, "", func(s *subject) any { return int(s.record.Header.Reserved) }},
	{"content", "", always, true, "its bytes", func(s *subject) any { return string(s.record.Data) }},
}

// span is the time from one moment to another in seconds, 0 where one of them
// is not known.
func span(from, to time.Time) float64 {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return to.Sub(from).Seconds()
}

// failed reports whether a request that is over went wrong.
func failed(r *flow.Request) bool {
	return !r.Complete || r.Aborted || r.AppStatus != 0 || r.ProtocolStatus != wire.RequestComplete || r.Status >= 400 || r.Findings > 0
}

// A WhereField describes a field of the expressions that ParseWhere reads.
type WhereField struct {
	Name, Help string
	Record     bool // only records have it
}

// WhereFields returns all of them, those of requests first.
func WhereFields() []WhereField {
	fields := make([]WhereField, len(whereFields))
	for i, f := range whereFields {
		fields[i] = WhereField{f.name, f.help, f.record}
	}
	return fields
}
