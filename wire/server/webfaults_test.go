//go:build unix

package server

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A webReaction is what nginx, lighttpd and Apache make of a fault, as they
// come from Debian 12 and with connections of one request: the HTTP status,
// what is left of the body "Hello from fcgiscope.\n" where that is not all of
// it, and a piece of what they write to their logs, "" where that is nothing
// that tells.
type webReaction struct{ status, log [3]string }

// webReactions has a row for every fault. Three of them are not what other
// versions and requests have shown: lighttpd lets a header line without a colon
// pass (bad-header), and cuts a body that is too short as soon as the answer has
// ended (length-big), where it was seen to answer 502 and to wait; Apache takes
// an output without an empty line for the body (no-header), where other outputs
// without a header are 500.
//
// What lighttpd does with an answer that stops in the middle (no-end-open,
// stall-in-answer) is not the application's status, and no 504 either: it looks
// for a file of that path, and answers with 404 if there is none, and if there
// is one with 200 and what has come, as if that were all. One that does not
// stop (flood) it collects in files, without a bound.
var webReactions = map[string]webReaction{
	"no-stdout-end":       {status: [3]string{"200", "200", "200"}},
	"stdout-end-first":    {status: [3]string{"502", "200", `200 ""`}, log: [3]string{"prematurely closed FastCGI stdout while reading response header", "", ""}},
	"stdout-end-twice":    {status: [3]string{"200", "200", "200"}},
	"stdout-after-end":    {status: [3]string{"200", "200", "200"}},
	"stderr-after-stdout": {status: [3]string{"200", "200", "200"}, log: [3]string{`FastCGI sent in stderr: "after STDOUT`, "FastCGI-stderr:after STDOUT", "AH01071: Got error 'after STDOUT"}},
	"stderr-only":         {status: [3]string{"502", "500", `200 ""`}, log: [3]string{`FastCGI sent in stderr: "only this`, "FastCGI-stderr:only this", "AH01071: Got error 'only this"}},
	"stderr-flood":        {status: [3]string{"200", "200", "200"}, log: [3]string{`FastCGI sent in stderr: "0123`, "FastCGI-stderr:0123", "AH01071: Got error '0123"}},
	"no-end":              {status: [3]string{"200", "200", "200"}, log: [3]string{"", "response already sent out, but backend returned error", "AH01067"}},
	"no-end-open":         {status: [3]string{`200 cut ""`, "404", "200"}, log: [3]string{"timed out (110: Connection timed out) while reading upstream", "read timeout on socket", "AH01075"}},
	"end-only":            {status: [3]string{"502", "500", `200 ""`}, log: [3]string{"unexpected FastCGI record: 3", "", ""}},
	"end-twice":           {status: [3]string{"200", "200", "200"}},
	"end-first":           {status: [3]string{"502", "500", `200 ""`}, log: [3]string{"unexpected FastCGI record: 3", "", ""}},
	"end-empty":           {status: [3]string{"200", "200", "200"}},
	"end-short":           {status: [3]string{"200", "200", "200"}},
	"end-long":            {status: [3]string{"200", "200", "200"}},
	"end-reserved":        {status: [3]string{"200", "200", "200"}},
	"cant-mpx-conn":       {status: [3]string{"502", "500", `200 ""`}, log: [3]string{"unexpected FastCGI record: 3", "", ""}},
	"overloaded":          {status: [3]string{"502", "500", `200 ""`}, log: [3]string{"unexpected FastCGI record: 3", "", ""}},
	"unknown-role":        {status: [3]string{"502", "500", `200 ""`}, log: [3]string{"unexpected FastCGI record: 3", "", ""}},
	"unknown-status":      {status: [3]string{"502", "500", `200 ""`}, log: [3]string{"unexpected FastCGI record: 3", "", ""}},
	"late-status":         {status: [3]string{"200", "200", "200"}},
	"app-status":          {status: [3]string{"200", "200", "200"}},
	"version-0":           {status: [3]string{"502", "200", "503"}, log: [3]string{"unsupported FastCGI protocol version: 0", "", "AH01068: Got bogus version 0"}},
	"version-2":           {status: [3]string{"502", "200", "503"}, log: [3]string{"unsupported FastCGI protocol version: 2", "", "AH01068: Got bogus version 2"}},
	"wrong-id":            {status: [3]string{"502", "200", "503"}, log: [3]string{"unexpected FastCGI request id low byte: 2", "", "AH01069: Got bogus rid 2"}},
	"id-high-byte":        {status: [3]string{"502", "200", "503"}, log: [3]string{"unexpected FastCGI request id high byte: 1", "", "AH01069: Got bogus rid 257"}},
	"id-0":                {status: [3]string{"502", "200", "503"}, log: [3]string{"unexpected FastCGI request id low byte: 0", "", "AH01069: Got bogus rid 0"}},
	"foreign-records":     {status: [3]string{"502", `200 "of another requestContent-Type"`, "503"}, log: [3]string{"unexpected FastCGI request id low byte: 2", "", "AH01069: Got bogus rid 2"}},
	"unknown-type":        {status: [3]string{"502", "200", "200"}, log: [3]string{"invalid FastCGI record type: 12", "header.type not handled: 12", "AH01072: Got bogus record 12"}},
	"type-0":              {status: [3]string{"502", "200", "200"}, log: [3]string{"invalid FastCGI record type: 0", "header.type not handled: 0", "AH01072: Got bogus record 0"}},
	"wrong-direction":     {status: [3]string{"502", "200", "200"}, log: [3]string{"invalid FastCGI record type: 5", "header.type not handled: 5", "AH01072: Got bogus record 5"}},
	"management-first":    {status: [3]string{"502", "200", "503"}, log: [3]string{"invalid FastCGI record type: 11", "header.type not handled: 11", "AH01069: Got bogus rid 0"}},
	"values-first":        {status: [3]string{"502", "200", "503"}, log: [3]string{"invalid FastCGI record type: 10", "header.type not handled: 10", "AH01069: Got bogus rid 0"}},
	"reserved":            {status: [3]string{"200", "200", "200"}},
	"length-too-long":     {status: [3]string{`200 "Hello from fcgiscope.\n\x00\x00\x00\x00\x00\x00\x00\x01"`, `200 "Hello from fcgiscope.\n\x00\x00\x00\x00\x00\x00\x00\x01"`, `200 "Hello from fcgiscope.\n\x00\x00\x00\x00\x00\x00\x00\x01"`}},
	"length-too-short":    {status: [3]string{"no response", `200 "Hello from fcgiscope."`, `200 cut "Hello from fcgiscope."`}, log: [3]string{"unsupported FastCGI protocol version: 0", "response already sent out, but backend returned error", "AH01068: Got bogus version 0"}},
	"padding-255":         {status: [3]string{"200", "200", "200"}},
	"padding-odd":         {status: [3]string{"200", "200", "200"}},
	"padding-nonzero":     {status: [3]string{"200", "200", "200"}},
	"padding-none":        {status: [3]string{"200", "200", "200"}},
	"large-records":       {status: [3]string{`200 "Hello from fcgiscope.\n01234567"`, `200 "Hello from fcgiscope.\n01234567"`, `200 "Hello from fcgiscope.\n01234567"`}},
	"tiny-records":        {status: [3]string{"200", "200", "200"}},
	"tiny-writes":         {status: [3]string{"200", "200", "200"}},
	"close-at-once":       {status: [3]string{"502", "500", "503"}, log: [3]string{"prematurely closed connection while reading response header", "unexpected end-of-file", "AH01067"}},
	"close-in-header":     {status: [3]string{"502", "500", "503"}, log: [3]string{"prematurely closed connection while reading response header", "unexpected end-of-file", "AH01067"}},
	"close-in-record":     {status: [3]string{"502", "500", "503"}, log: [3]string{"prematurely closed connection while reading response header", "unexpected end-of-file", "AH01075"}},
	"close-in-answer":     {status: [3]string{"200", "200", "200 cut"}, log: [3]string{"", "response already sent out, but backend returned error", "AH01067"}},
	"reset":               {status: [3]string{"502", "500", "503"}, log: [3]string{"prematurely closed connection while reading response header", "unexpected end-of-file", "AH01075"}},
	"stays-open":          {status: [3]string{`200 cut ""`, "200", "200"}, log: [3]string{"timed out (110: Connection timed out) while reading upstream", "", ""}},
	"stall":               {status: [3]string{"504", "504", "504"}, log: [3]string{"timed out (110: Connection timed out) while reading response header", "read timeout on socket", "AH01075"}},
	"stall-in-record":     {status: [3]string{"504", "504", "504"}, log: [3]string{"timed out (110: Connection timed out) while reading response header", "read timeout on socket", "AH01075"}},
	"stall-in-answer":     {status: [3]string{`200 cut ""`, "404", "200 cut"}, log: [3]string{"timed out (110: Connection timed out) while reading upstream", "read timeout on socket", "AH01075"}},
	"flood":               {status: [3]string{"200 flood", "waits", "200 flood"}},
	"http":                {status: [3]string{"502", "500", "503"}, log: [3]string{"unsupported FastCGI protocol version: 72", "unexpected end-of-file", "AH01068: Got bogus version 72"}},
	"garbage":             {status: [3]string{"502", "500", "503"}, log: [3]string{"unsupported FastCGI protocol version: 222", "unexpected end-of-file", "AH01068: Got bogus version 222"}},
	"cgi":                 {status: [3]string{"502", "500", "503"}, log: [3]string{"unsupported FastCGI protocol version: 67", "unexpected end-of-file", "AH01068: Got bogus version 67"}},
	"no-header":           {status: [3]string{"502", "502", `200 "just a body\n"`}, log: [3]string{"sent invalid header", "", ""}},
	"unfinished-header":   {status: [3]string{"502", "500", `200 "Content-Type: text/plain\r\nX-Un"`}, log: [3]string{"prematurely closed FastCGI stdout while reading response header", "", ""}},
	"bad-header":          {status: [3]string{"502", `200 "body\n"`, "500"}, log: [3]string{"sent invalid header", "", "AH01070"}},
	"bad-status":          {status: [3]string{"502", "502", "500"}, log: [3]string{"sent invalid status", "", "Invalid status line from script"}},
	"nph":                 {status: [3]string{`200 "body\n"`, `200 "body\n"`, "500"}, log: [3]string{"", "", "AH01070"}},
	"big-header":          {status: [3]string{"502", `200 "body\n"`, "500"}, log: [3]string{"too big header", "", "AH01070"}},
	"length-small":        {status: [3]string{`200 "bod"`, `200 "bod"`, `200 "body\n"`}, log: [3]string{"more data than specified", "", ""}},
	"length-big":          {status: [3]string{`200 cut "body\n"`, `200 cut "body\n"`, `200 "body\n"`}, log: [3]string{"prematurely closed FastCGI stdout while reading upstream", "", ""}},
}

// What is different with other settings of the same servers. All have a time
// limit, for the sake of webWaits; the other faults are quicker than that on a
// busy machine, too. What lighttpd passes on while it comes ends as the one or
// the other, as the end of the connection comes together with it or later. Not
// tried: Apache with enablereuse, where what is left over from an answer is the
// beginning of the next one.
var webSettings = []struct {
	server int // of the columns above
	name   string
	args   []string
	status map[string]string
}{
	{0, "nginx", []string{"set.fastcgi_read_timeout=3s"}, nil},
	{0, "nginx", []string{"set.fastcgi_read_timeout=3s", "keep=1"}, map[string]string{
		"no-end": "200 cut", "no-end-open": "200 cut", "close-in-answer": "200 cut", "stays-open": "200", "stall-in-answer": "200 cut",
	}},
	{0, "nginx", []string{"set.fastcgi_read_timeout=3s", "set.fastcgi_buffering=off"}, map[string]string{
		"no-end-open": "200 cut", "stays-open": "200", "stall-in-answer": "200 cut",
	}},
	{1, "lighttpd", []string{"to.read-timeout=3"}, nil},
	{1, "lighttpd", []string{"to.read-timeout=3", "set.server.stream-response-body=1"}, map[string]string{
		"no-end": "200 or 200 cut", "no-end-open": "200 cut", "close-in-answer": "200 or 200 cut", "stall-in-answer": "200 cut", "flood": "200 flood",
		"length-too-short": `200 "Hello from fcgiscope." or 200 cut "Hello from fcgiscope."`,
	}},
	{2, "apache", []string{"set.ProxyTimeout=3"}, nil},
}

// webWaits are the faults at which a web server waits until its time is up.
var webWaits = []string{"no-end-open", "stays-open", "stall", "stall-in-record", "stall-in-answer", "flood"}

// TestWebServerFaults says what web servers make of each fault.
func TestWebServerFaults(t *testing.T) {
	t.Parallel()
	faults := make(map[string]*Fault)
	for _, f := range Faults() {
		faults[f.ID] = &f
		if _, ok := webReactions[f.ID]; !ok {
			t.Errorf("%s: no row", f.ID)
		}
	}
	// The path says which.
	byPath := &Fault{write: func(b *breaker, x *Exchange, rec wire.Record) error {
		return faults[strings.TrimPrefix(uri(x), "/")].write(b, x, rec)
	}}
	for _, ws := range webSettings {
		t.Run(strings.Join(append([]string{ws.name}, ws.args...), " "), func(t *testing.T) {
			t.Parallel()
			ln, addr := listenFor(t, "unix")
			serveChanging(t, slowListener{ln}).current.Store(&Server{Handler: hello, Fault: byPath})
			peer := wiretest.RealPeer(t, ws.name, append([]string{"--to", addr, "all=1"}, ws.args...)...)
			want := func(id string) string { return cmp.Or(ws.status[id], webReactions[id].status[ws.server]) }
			try := func(id string) {
				if got := outcome(peer["http"]+"/"+id, want(id)); !slices.Contains(strings.Split(want(id), " or "), got) {
					t.Errorf("%s: %s, want %s", id, got, want(id))
				}
			}
			log := func(id string, from int) {
				if ws.status == nil {
					said := webReactions[id].log[ws.server]
					wiretest.Eventually(t, fmt.Sprintf("%s: %q in the log", id, said), func() bool { return strings.Contains(logOf(t, peer)[from:], said) })
				}
			}
			var waits sync.WaitGroup
			for _, id := range webWaits {
				waits.Go(func() { try(id) })
			}
			waits.Wait()
			for _, id := range webWaits {
				log(id, 0)
			}
			for _, f := range Faults() {
				if !slices.Contains(webWaits, f.ID) {
					before := len(logOf(t, peer))
					try(f.ID)
					log(f.ID, before)
				}
			}
		})
	}
}

func logOf(t *testing.T, peer map[string]string) string {
	b, err := os.ReadFile(peer["log"])
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// A slowListener sees to it that a flood is not so fast as to fill a disk.
type slowListener struct{ net.Listener }

func (l slowListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return slowConn{c.(*net.UnixConn)}, nil
}

type slowConn struct{ *net.UnixConn }

func (c slowConn) Write(p []byte) (int, error) {
	if len(p) > 1<<10 {
		time.Sleep(2 * time.Millisecond)
	}
	return c.UnixConn.Write(p)
}

// outcome asks for a page and says in a word what came. That nothing comes it
// says soon if that is what is wanted.
func outcome(url, want string) string {
	limit := 20 * time.Second
	if want == "waits" {
		limit = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			return "waits"
		}
		return "no response"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	what := fmt.Sprint(resp.StatusCode)
	switch {
	case ctx.Err() != nil:
		what += " waits"
	case len(body) == 1<<20:
		what += " flood"
	case err != nil:
		what += " cut"
	}
	if resp.StatusCode == 200 && len(body) < 1<<20 && string(body) != "Hello from fcgiscope.\n" {
		what += fmt.Sprintf(" %.30q", body)
	}
	return what
}
