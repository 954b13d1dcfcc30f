//go:build unix

package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestWebServerFaults says what web servers make of each fault: the HTTP
// status, and what is left of the body "Hello from fcgiscope.\n".
func TestWebServerFaults(t *testing.T) {
	t.Parallel()
	want := map[string][3]string{
		// nginx, lighttpd, Apache. - is not tried: lighttpd waits for ever.
		"no-stdout-end":       {"200", "200", "200"},
		"stdout-end-first":    {"502", "200", `200 ""`},
		"stdout-end-twice":    {"200", "200", "200"},
		"stdout-after-end":    {"200", "200", "200"},
		"stderr-after-stdout": {"200", "200", "200"},
		"stderr-only":         {"502", "500", `200 ""`},
		"stderr-flood":        {"200", "200", "200"},
		"no-end":              {"200", "200", "200"},
		"no-end-open":         {`200 cut ""`, "-", "200"},
		"end-only":            {"502", "500", `200 ""`},
		"end-twice":           {"200", "200", "200"},
		"end-first":           {"502", "500", `200 ""`},
		"end-empty":           {"200", "200", "200"},
		"end-short":           {"200", "200", "200"},
		"end-long":            {"200", "200", "200"},
		"end-reserved":        {"200", "200", "200"},
		"cant-mpx-conn":       {"502", "500", `200 ""`},
		"overloaded":          {"502", "500", `200 ""`},
		"unknown-role":        {"502", "500", `200 ""`},
		"unknown-status":      {"502", "500", `200 ""`},
		"late-status":         {"200", "200", "200"},
		"app-status":          {"200", "200", "200"},
		"version-0":           {"502", "200", "503"},
		"version-2":           {"502", "200", "503"},
		"wrong-id":            {"502", "200", "503"},
		"id-high-byte":        {"502", "200", "503"},
		"id-0":                {"502", "200", "503"},
		"foreign-records":     {"502", `200 "of another requestContent-Type"`, "503"},
		"unknown-type":        {"502", "200", "200"},
		"type-0":              {"502", "200", "200"},
		"wrong-direction":     {"502", "200", "200"},
		"management-first":    {"502", "200", "503"},
		"values-first":        {"502", "200", "503"},
		"reserved":            {"200", "200", "200"},
		"length-too-long":     {`200 "Hello from fcgiscope.\n\x00\x00\x00\x00\x00\x00\x00\x01"`, `200 "Hello from fcgiscope.\n\x00\x00\x00\x00\x00\x00\x00\x01"`, `200 "Hello from fcgiscope.\n\x00\x00\x00\x00\x00\x00\x00\x01"`},
		"length-too-short":    {"no response", `200 "Hello from fcgiscope."`, `200 cut "Hello from fcgiscope."`},
		"padding-255":         {"200", "200", "200"},
		"padding-odd":         {"200", "200", "200"},
		"padding-nonzero":     {"200", "200", "200"},
		"padding-none":        {"200", "200", "200"},
		"large-records":       {`200 "Hello from fcgiscope.\n01234567"`, `200 "Hello from fcgiscope.\n01234567"`, `200 "Hello from fcgiscope.\n01234567"`},
		"tiny-records":        {"200", "200", "200"},
		"tiny-writes":         {"200", "200", "200"},
		"close-at-once":       {"502", "500", "503"},
		"close-in-header":     {"502", "500", "503"},
		"close-in-record":     {"502", "500", "503"},
		"close-in-answer":     {"200", "200", "200 cut"},
		"reset":               {"502", "500", "503"},
		"stays-open":          {`200 cut ""`, "200", "200"},
		"stall":               {"504", "-", "504"},
		"stall-in-record":     {"504", "-", "504"},
		"stall-in-answer":     {`200 cut ""`, "-", "200 cut"},
		"flood":               {"200 flood", "-", "200 flood"},
		"http":                {"502", "500", "503"},
		"garbage":             {"502", "500", "503"},
		"cgi":                 {"502", "500", "503"},
		"no-header":           {"502", "502", `200 "just a body\n"`},
		"unfinished-header":   {"502", "500", `200 "Content-Type: text/plain\r\nX-Un"`},
		"bad-header":          {"502", `200 "body\n"`, "500"},
		"bad-status":          {"502", "502", "500"},
		"nph":                 {`200 "body\n"`, `200 "body\n"`, "500"},
		"big-header":          {"502", `200 "body\n"`, "500"},
		"length-small":        {`200 "bod"`, `200 "bod"`, `200 "body\n"`},
		"length-big":          {`200 cut "body\n"`, `200 cut "body\n"`, `200 "body\n"`},
	}
	for i, ws := range []struct {
		name string
		args []string
	}{
		{"nginx", []string{"all=1", "set.fastcgi_read_timeout=1s"}},
		{"lighttpd", []string{"all=1"}},
		{"apache", []string{"all=1", "set.ProxyTimeout=1"}},
	} {
		t.Run(ws.name, func(t *testing.T) {
			t.Parallel()
			ln, addr := listenFor(t, "unix")
			s := serveChanging(t, ln)
			s.current.Store(&Server{Handler: hello})
			front := wiretest.RealPeer(t, ws.name, append([]string{"--to", addr}, ws.args...)...)["http"]
			for _, f := range Faults() {
				if want[f.ID][i] == "-" {
					continue
				}
				s.current.Store(&Server{Handler: hello, Fault: &f})
				if got := outcome(front); got != want[f.ID][i] {
					t.Errorf("%s: %s, want %s", f.ID, got, want[f.ID][i])
				}
			}
		})
	}
}

// outcome asks for a page and says in a word what came.
func outcome(url string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
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
