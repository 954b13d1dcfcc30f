package cgi

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

func preset(t *testing.T, name string) *Preset {
	t.Helper()
	for _, s := range Presets() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no preset %q", name)
	return nil
}

// pairsOf are what the preset makes, without what its table of constants has.
func pairsOf(t *testing.T, name string, r Request) []wire.Pair {
	t.Helper()
	params, err := preset(t, name).Params(&r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, p := range params {
		if p.Source == "" {
			t.Errorf("%s: %s has no source", name, p.Name)
		}
	}
	return Pairs(params)
}

// headerPairs are the pairs that come from the header.
func headerPairs(pairs []wire.Pair) string {
	return lines(slices.DeleteFunc(pairs, func(p wire.Pair) bool {
		return !strings.HasPrefix(string(p.Name), "HTTP_") && !strings.HasPrefix(string(p.Name), "CONTENT_")
	}))
}

// TestPairsAreParams: who does not want to know the sources gets the same.
func TestPairsAreParams(t *testing.T) {
	t.Parallel()
	r := Request{Method: "POST", URL: "https://h:81/a.php/b?c=d", ContentLength: 4, Header: []Field{{"X-Dup", "1"}, {"Content-Type", "t/t"}, {"x-dup", "2"}}}
	for _, s := range append(Presets(), Default()) {
		params, err := s.Params(&r)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		if pairs, err := s.Pairs(&r); err != nil || lines(pairs) != lines(Pairs(params)) {
			t.Errorf("%s: got\n%s, %v\nwant\n%s", s.Name, lines(pairs), err, lines(Pairs(params)))
		}
	}
}

// TestPresetHeaders is what real nginx 1.22.1, Apache 2.4.71 and lighttpd 1.4.69
// made of these fields, and what Caddy's source does.
func TestPresetHeaders(t *testing.T) {
	t.Parallel()
	r := Request{Method: "POST", URL: "/a.php", ContentLength: 4, Header: []Field{
		{"Host", "h:81"}, {"X-Dup", "1"}, {"X-Other", "o"}, {"x-dup", "2"}, {"Under_Score", "u"}, {"X.Dot", "d"}, {"X-Empty", ""}, {"Proxy", "evil"},
		{"Authorization", "Basic am9lOnB3"}, {"Cookie", "a=1"}, {"Cookie", "b=2"}, {"TE", "trailers"}, {"Connection", "close"}, {"Content-Type", "t/t"},
	}}
	const dups = "HTTP_X_DUP=1, 2\nHTTP_X_OTHER=o\n"
	for name, want := range map[string]string{
		"nginx": "CONTENT_TYPE=t/t\nCONTENT_LENGTH=4\nHTTP_HOST=h\nHTTP_X_DUP=1\nHTTP_X_OTHER=o\nHTTP_X_DUP=2\nHTTP_X_EMPTY=\nHTTP_PROXY=evil\n" +
			"HTTP_AUTHORIZATION=Basic am9lOnB3\nHTTP_COOKIE=a=1\nHTTP_COOKIE=b=2\nHTTP_TE=trailers\nHTTP_CONNECTION=close\n" +
			"HTTP_CONTENT_LENGTH=4\nHTTP_CONTENT_TYPE=t/t",
		"apache": "HTTP_HOST=h:81\n" + dups + "HTTP_X_EMPTY=\nHTTP_COOKIE=a=1, b=2\nHTTP_TE=trailers\nHTTP_CONNECTION=close\n" +
			"CONTENT_LENGTH=4\nCONTENT_TYPE=t/t",
		"lighttpd": "CONTENT_LENGTH=4\nHTTP_HOST=h:81\n" + dups + "HTTP_UNDER_SCORE=u\nHTTP_X_DOT=d\nHTTP_AUTHORIZATION=Basic am9lOnB3\n" +
			"HTTP_COOKIE=a=1; b=2\nHTTP_TE=trailers\nHTTP_CONNECTION=close\nHTTP_CONTENT_LENGTH=4\nCONTENT_TYPE=t/t",
		"caddy": "CONTENT_LENGTH=4\nCONTENT_TYPE=t/t\nHTTP_HOST=h:81\n" + dups + "HTTP_UNDER_SCORE=u\nHTTP_X.DOT=d\nHTTP_X_EMPTY=\nHTTP_PROXY=evil\n" +
			"HTTP_AUTHORIZATION=Basic am9lOnB3\nHTTP_COOKIE=a=1, b=2\nHTTP_TE=trailers\nHTTP_CONTENT_LENGTH=4\nHTTP_CONTENT_TYPE=t/t\n" +
			"HTTP_USER_AGENT=\nHTTP_X_FORWARDED_FOR=127.0.0.1\nHTTP_X_FORWARDED_HOST=h:81\nHTTP_X_FORWARDED_PROTO=http",
	} {
		if got := headerPairs(pairsOf(t, name, r)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestPresetURLs is what the same servers made of these URLs.
func TestPresetURLs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ preset, url, name, want string }{
		{"lighttpd", "/a%2fb/h.php", "REDIRECT_URI", "/a/b/h.php"},
		{"lighttpd", "/a%2fb/h.php", "SCRIPT_NAME", "/a/b/h.php"},
		{"lighttpd", `/b%7e%e9.php?a=%2f%7e%e9%20+b"<`, "QUERY_STRING", "a=%2F~%E9%20+b%22%3C"},
		{"lighttpd", `/b%7e%e9.php?a=%2f%7e%e9%20+b"<`, "REDIRECT_URI", "/b~%E9.php?a=%2F~%E9%20+b%22%3C"},
		{"lighttpd", "/x//./y/../h.php", "REDIRECT_URI", "/x/h.php"},
		{"lighttpd", "/x//./y/../h.php", "REQUEST_URI", "/x//./y/../h.php"},
		{"lighttpd", "/h.php?", "REDIRECT_URI", "-"},
		{"nginx", "/h%3f.php?a%41", "QUERY_STRING", "a%41"},
		{"nginx", "/h%3f.php?a%41", "DOCUMENT_URI", "/h?.php"},
		{"nginx", "/h.php", "PATH_INFO", "-"},
		{"nginx", "/h.php/x", "PATH_INFO", "/x"},
		{"nginx", "/h.php", "HTTPS", "-"},
		{"nginx", "https://h/h.php", "HTTPS", "on"},
		{"nginx", "https://h/h.php", "SERVER_NAME", "h"},
		{"nginx", "/h.php", "SERVER_NAME", ""},
		{"apache", "/h.php/x", "SCRIPT_FILENAME", "proxy:fcgi://localhost/w/h.php"},
		{"apache", "/h.php/x", "PATH_TRANSLATED", "/w/x"},
		{"caddy", "/h.php/x", "DOCUMENT_URI", "/h.php"},
		{"caddy", "https://h/h.php", "SERVER_PORT", "443"},
		{"caddy", "/h.php", "SSL_CIPHER", "-"},
		{"cgi-fcgi", "/h.php", "QUERY_STRING", "-"},
		{"cgi-fcgi", "/h.php?x", "QUERY_STRING", "x"},
		{"cgi-fcgi", "/h.php?x", "HTTP_HOST", "-"},
	} {
		value, found := wire.Lookup(pairsOf(t, tt.preset, Request{URL: tt.url, Root: "/w"}), tt.name)
		got := string(value)
		if !found {
			got = "-"
		}
		if got != tt.want {
			t.Errorf("%s: %s: %s = %q, want %q", tt.preset, tt.url, tt.name, got, tt.want)
		}
	}
}

// TestPresetCaddyAsProxy: what Caddy's source does.
func TestPresetCaddyAsProxy(t *testing.T) {
	t.Parallel()
	r := Request{URL: "/a.php", Header: []Field{{"Host", "h"}, {"User-Agent", "u"}, {"Connection", "close, X-Hop"}, {"X-Hop", "1"}, {"TE", "gzip"}, {"X-Forwarded-For", "127.0.0.9"}}}
	want := "CONTENT_LENGTH=0\nCONTENT_TYPE=\nHTTP_HOST=h\nHTTP_USER_AGENT=u\n" +
		"HTTP_X_FORWARDED_FOR=127.0.0.1\nHTTP_X_FORWARDED_HOST=h\nHTTP_X_FORWARDED_PROTO=http"
	if got := headerPairs(pairsOf(t, "caddy", r)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for method, want := range map[string]string{"DELETE": "3 application/x-www-form-urlencoded", "OPTIONS": "0 ", "GET": "3 "} {
		pairs := pairsOf(t, "caddy", Request{Method: method, URL: "/a.php", ContentLength: 3})
		length, _ := wire.Lookup(pairs, "CONTENT_LENGTH")
		kind, _ := wire.Lookup(pairs, "CONTENT_TYPE")
		if got := string(length) + " " + string(kind); got != want {
			t.Errorf("%s: %q, want %q", method, got, want)
		}
	}
}

// TestPresetAuthorizers: mod_authnz_fcgi and lighttpd's mode authorizer.
func TestPresetAuthorizers(t *testing.T) {
	t.Parallel()
	r := Request{Role: wire.Authorizer, URL: "/a.php/x?q", Root: "/w", Header: []Field{{"Connection", "keep-alive"}, {"Authorization", "basic am9lOnA6dw=="}}}
	for _, name := range []string{"apache", "lighttpd"} {
		pairs := pairsOf(t, name, r)
		for _, left := range []string{"CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"} {
			if _, ok := wire.Lookup(pairs, left); ok {
				t.Errorf("%s: an authorizer gets %s", name, left)
			}
		}
		if got, _ := wire.Lookup(pairs, "SCRIPT_FILENAME"); string(got) != "/w/a.php/x" {
			t.Errorf("%s: SCRIPT_FILENAME=%s", name, got)
		}
	}
	r.Server.Provider = "authz"
	pairs := pairsOf(t, "apache", r)
	for name, want := range map[string]string{
		"REMOTE_USER": "joe", "REMOTE_PASSWD": "p:w", "AUTH_TYPE": "Basic", "FCGI_ROLE": "AUTHORIZER", "FCGI_APACHE_ROLE": "AUTHORIZER", "HTTP_CONNECTION": "close",
	} {
		if got, _ := wire.Lookup(pairs, name); string(got) != want {
			t.Errorf("apache: %s=%s, want %s", name, got, want)
		}
	}
	apache := preset(t, "apache")
	if apache.Keep(&r) || !apache.NoStdin(r.Role) || !apache.Keep(&Request{}) || apache.NoStdin(wire.Responder) || apache.Keep(&Request{Server: Server{Unshared: true}}) {
		t.Error("apache: KEEP_CONN or STDIN is not what it sends")
	}
}

func TestPresetErrors(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("v", 65000)
	for _, tt := range []struct {
		preset, why string
		r           Request
	}{
		{"nginx", "does not ask for AUTHORIZER", Request{Role: wire.Authorizer}},
		{"lighttpd", "does not ask for FILTER", Request{Role: wire.Filter}},
		{"nginx", "sends 65535 at most", Request{URL: "/?" + big}},
		{"nginx", "knows no such parameter", Request{Server: Server{Names: []string{"NOBODY_HAS_THIS"}}}},
		{"caddy", "no percent-encoding", Request{URL: "/%zz"}},
	} {
		_, err := preset(t, tt.preset).Params(&tt.r)
		var e *ParamError
		if !errors.As(err, &e) || !strings.Contains(e.Why, tt.why) {
			t.Errorf("%s: error %v, want %q", tt.preset, err, tt.why)
		}
	}
	if _, err := preset(t, "apache").Params(&Request{URL: "/?" + big}); err != nil {
		t.Error(err)
	}
}

// TestPresetsHaveSources: whatever can be printed can be explained.
func TestPresetsHaveSources(t *testing.T) {
	t.Parallel()
	for _, s := range append(Presets(), Default()) {
		if s.Name == "" || s.Help == "" || len(s.Roles) == 0 {
			t.Errorf("%+v has a gap", s)
		}
		for _, row := range s.rows {
			if row.expand == nil && (row.name == "" || row.source == "" || row.value == nil) {
				t.Errorf("%s: the row %q has a gap", s.Name, row.name)
			}
		}
	}
}
