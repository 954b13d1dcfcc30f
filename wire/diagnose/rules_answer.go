package diagnose

import (
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The sizes that web servers take by default, in bytes.
const (
	nginxHeader  = 4096 // fastcgi_buffer_size, one page
	apacheHeader = 8192
)

// lingering is how long a connection may stay open after END_REQUEST, or an
// answer wait on a kept one, before it is noticed.
const lingering = time.Second

// strayRules are broken by what an application sends for nobody.
var strayRules = []wire.RuleID{wire.RuleOutputInactive, wire.RuleEndInactive, wire.RuleApplicationID}

// answerRules has the faults in which the answer breaks off, or is none.
func answerRules() []Rule {
	return []Rule{
		{
			ID: "D30", Key: "eof-empty", Class: Broken,
			Symptom: "502; the log says upstream prematurely closed connection while reading response header",
			Wire:    "the request was sent, and the application closed after {took}, without a byte",
			Cause:   "the worker died (a crash, the OOM killer), ran into request_terminate_timeout, or was reloaded; or listen.allowed_clients does not name who connects",
			Check:   "php-fpm's log at that second: exited on signal, execution timed out, Connection disallowed",
			Remedy:  "by what the log says: a core dump, a faster script, more memory or a longer limit",
			Hint:    "php-fpm does that when listen.allowed_clients does not name this machine, or when a worker dies: see its log",
			Match: func(f *Facts) Confidence {
				return when(Possible, f.empty(flow.CloseByApp), f.Greeting != Bad)
			},
		},
		{
			ID: "D31", Key: "reset-empty", Class: Broken,
			Symptom: "502; the log says recv() failed (104: Connection reset by peer)",
			Wire:    "the request was sent, and the application reset the connection, without a byte; the same with few parameters: {minimal}",
			Cause:   "php-fpm refuses the bytes of the request (its size, a pair in two records, a role, an unknown record), or the worker died",
			Check:   "send a small request: if that works, it is the bytes of this one",
			Remedy:  "find the parameter: fcgiscope diagnose --probe-hard halves them",
			Hint:    "php-fpm does that when it does not understand the request, when listen.allowed_clients does not name this machine, or when a worker dies: see its log",
			Match: func(f *Facts) Confidence {
				if f.Minimal == Good {
					return when(Likely, f.empty(flow.ResetByApp))
				}
				return when(Possible, f.empty(flow.ResetByApp))
			},
		},
		{
			ID: "D32", Key: "cut-body", Class: Broken,
			Symptom: "a short page, often with status 200; the log says upstream prematurely closed connection while reading upstream",
			Wire:    "{stdout} bytes of STDOUT, and then {close}, without END_REQUEST",
			Cause:   "the worker died while it answered, or the application forgets END_REQUEST",
			Check:   "php-fpm's log at that second; an answer without END_REQUEST is not complete, even if it looks so",
			Remedy:  "by what the log says; an application that never sends END_REQUEST has to be fixed",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.cutShort(), f.Request.Stdout+f.Request.Stderr > 0, f.Foreign == nil)
			},
		},
		{
			ID: "D33", Key: "timeout-504", Class: Mute,
			Symptom: "504; the log says upstream timed out (110: Connection timed out) while reading response header",
			Wire:    "the request is complete, and nothing comes; ping: {ping}",
			Cause:   "the script {script} takes longer than whoever asked would wait",
			Check:   "does the ping page answer? Then it is this script and not the pool; request_slowlog_timeout shows where it waits",
			Remedy:  "make it faster, or wait longer (fastcgi_read_timeout); keep request_terminate_timeout below that",
			Match: func(f *Facts) Confidence {
				switch {
				case !f.silent() || f.badLength() || f.StdinRecords == 0 && f.Request.Role != wire.Authorizer:
					return 0
				case f.Ping == Good:
					return Certain
				case f.Ping == Silent:
					return 0
				}
				return Possible
			},
		},
		{
			ID: "D34", Key: "timeout-body", Class: Mute,
			Symptom: "the header comes, the body never; the log says upstream timed out while reading upstream",
			Wire:    "END_REQUEST came, KEEP_CONN is not set, and the connection was still open {after} later",
			Cause:   "the application does not close after its answer, and nginx holds the body back until it does",
			Check:   "END_REQUEST and the end of the connection in a capture",
			Remedy:  "let the application close where KEEP_CONN is not set, or set fastcgi_keep_conn on",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.done(), f.Request.Flags&wire.KeepConn == 0, f.After >= lingering,
					f.Close != flow.CloseByApp && f.Close != flow.ResetByApp)
			},
		},
		{
			ID: "D35", Key: "big-header", Class: Caution,
			Symptom: "502; the log says upstream sent too big header while reading response header from upstream",
			Wire:    "the response header has {header} bytes, with {early} bytes of STDERR before its end",
			Cause:   "nginx takes 4096 bytes of both by default (fastcgi_buffer_size): many cookies, or PHP notices, are more",
			Check:   "the size of Set-Cookie; the notices on STDERR",
			Remedy:  "fastcgi_buffer_size 16k and more; fewer cookies; no notices",
			Match: func(f *Facts) Confidence {
				if f.Request.Complete {
					return when(Likely, int64(len(f.Header))+f.StderrFirst > nginxHeader)
				}
				return when(Certain, f.Sent, int64(len(f.Header))+f.StderrFirst > nginxHeader, f.Close == flow.CloseByServer || f.Close == flow.ResetByServer)
			},
		},
		{
			ID: "D36", Key: "big-header-apache", Class: Caution,
			Symptom: "500 of Apache; its log says AH01070 and End of script output before headers",
			Wire:    "the response header has {header} bytes",
			Cause:   "Apache's mod_proxy_fcgi takes 8192 bytes, always",
			Check:   "the size of the header",
			Remedy:  "a shorter header: fewer cookies",
			Match:   func(f *Facts) Confidence { return when(Likely, len(f.Header) > apacheHeader) },
		},
		{
			ID: "D37", Key: "invalid-header", Class: Broken,
			Symptom: "502; the log says upstream sent invalid header; Apache: 500, AH01070",
			Wire:    "STDOUT begins with {output}: {problem}",
			Cause:   "something is printed before the header, or without one: text, a byte order mark, an HTTP status line, another program",
			Check:   "the first bytes",
			Remedy:  "print the header first, and nothing before it",
			Hint:    "something is printed before the header, or without one ({problem}): text, a byte order mark, an HTTP status line, another program",
			Match: func(f *Facts) Confidence {
				switch f.Problem {
				case cgi.NotAHeader, cgi.BadLine, cgi.BadStatus, cgi.StatusLine:
					return when(Certain, f.answered(), f.HeaderDone, !f.EmptyFirst)
				}
				return 0
			},
		},
		{
			ID: "D38", Key: "no-header-end", Class: Broken,
			Symptom: "502; the log says upstream prematurely closed FastCGI stdout while reading response header; Apache makes 200 of it",
			Wire:    "STDOUT ended before an empty line: {output}",
			Cause:   "the application printed only headers, without the empty line behind them, or an empty STDOUT record before its output",
			Check:   "the STDOUT records",
			Remedy:  "end the header with an empty line; end STDOUT behind the output only",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.Sent, f.EmptyFirst || f.HeaderDone && f.Problem == cgi.Unfinished && f.done())
			},
		},
		{
			ID: "D39", Key: "end-only", Class: Negative,
			Symptom: "502; the log says upstream sent unexpected FastCGI record: 3; Apache: an empty page with status 200",
			Wire:    "END_REQUEST with {protocol}, and no STDOUT",
			Cause:   "the application did not answer: {means}",
			Check:   "the protocolStatus: CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE, or REQUEST_COMPLETE without output",
			Remedy:  "one request at a time on a connection; more workers; the role that it plays; an application that prints",
			Hint:    "{means}",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.Sent, f.Request.Complete, !f.Request.Aborted, f.Request.Stdout == 0, f.Foreign == nil)
			},
		},
		{
			ID: "D40", Key: "wrong-id", Class: Broken,
			Symptom: "502; the log says unexpected FastCGI request id low byte",
			Wire:    "the application sent records of another request: rule {rule}",
			Cause:   "the application does not copy the request id into its answer",
			Check:   "the ids in fcgiscope dump",
			Remedy:  "fix the application: the id of BEGIN_REQUEST is that of all records of the answer",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.Sent, !f.Request.Aborted, brokenID(f) != "", f.Request.Stdout == 0 || !f.Request.Complete)
			},
		},
		{
			ID: "D41", Key: "stderr-502", Class: Caution,
			Symptom: "502, although the body is right",
			Wire:    "STDERR comes between STDOUT, and the web server leaves before END_REQUEST",
			Cause:   "older versions of haproxy fail on any STDERR",
			Check:   "which program the web server is, and its version",
			Remedy:  "update haproxy (its issue 743), or silence STDERR",
			Field:   "the faulty versions of haproxy are not among the peers; nginx, Apache and lighttpd pass STDERR on",
			Match: func(f *Facts) Confidence {
				return when(Possible, f.Sent, f.Request.Stderr > 0, f.Request.Stdout > 0, !f.Request.Complete,
					f.Close == flow.CloseByServer || f.Close == flow.ResetByServer)
			},
		},
		{
			ID: "D42", Key: "content-length", Class: Broken,
			Symptom: "a page that is cut; the log says upstream sent more data than specified in Content-Length",
			Wire:    "Content-Length is {promised}, and the body has {bodysize} bytes",
			Cause:   "the application counts wrongly, prints after it has counted, or compresses twice",
			Check:   "both numbers",
			Remedy:  "leave Content-Length out: the web server makes it",
			Hint:    "Content-Length is {promised}, and the body has {bodysize} bytes: the application counts wrongly, prints after it has counted, or compresses twice",
			Match: func(f *Facts) Confidence {
				v, ok := f.field("Content-Length")
				n, err := strconv.ParseInt(v, 10, 64)
				return when(Certain, ok, f.done(), f.hasBody(), err != nil || n != f.BodyBytes)
			},
		},
		{
			ID: "D43", Key: "stdin-missing", Class: Mute,
			Symptom: "requests without a body hang, such as POST or PUT over HTTP/2",
			Wire:    "PARAMS have ended, and there is not one STDIN record",
			Cause:   "the web server forgot the empty STDIN record, which ends every request",
			Check:   "the records in fcgiscope dump",
			Remedy:  "update the web server (haproxy, issue 2499)",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.silent(), f.asked(), f.StdinRecords == 0, f.Request.Role != wire.Authorizer)
			},
		},
		{
			ID: "D44", Key: "finish-request", Class: Caution,
			Symptom: "a kept connection is slow now and then; what is printed after fastcgi_finish_request is lost",
			Wire:    "a request on a kept connection waited {waited} for its first byte",
			Cause:   "the script before it may have answered with fastcgi_finish_request and still be at work: the worker takes the next request when it has done",
			Check:   "whether scripts call fastcgi_finish_request, and whether the same page is fast on a new connection",
			Remedy:  "put long work into a queue, or do not keep connections",
			Match: func(f *Facts) Confidence {
				return when(Possible, f.Reused, f.First >= lingering || f.silent())
			},
		},
		{
			ID: "D45", Key: "big-garbage", Class: Caution,
			Symptom: "cgi-fcgi prints some odd bytes in an answer, or all of it, and ends with 253",
			Wire:    "the header of the record at offset {straddles} of the answer crosses a multiple of 8192",
			Cause:   "cgi-fcgi of libfcgi 2.4.2 loses its place where a header is not in one of its reads of 8192 bytes; the answer is right",
			Check:   "the same with another client",
			Remedy:  "use another client; an application that pads its records to multiples of 8 bytes is safe from it",
			Match:   func(f *Facts) Confidence { return when(Possible, f.Straddles > 0) },
		},
	}
}
