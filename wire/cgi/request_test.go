package cgi

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

func TestParamsOrder(t *testing.T) {
	r := Request{
		Method: "POST", URL: "https://example.com:8443/a.php/in%66o?x=1&y=%20", Root: "/srv/www/",
		Header: []Field{{"Content-Type", "text/plain"}, {"X-One", "1"}, {"accept", "a"}, {"x-one", "2"}, {"Cookie", "a=1"}, {"Cookie", "b=2"},
			{"Content-Length", "99"}, {"Proxy", "evil"}},
		ContentLength: 5,
	}
	got, err := r.Params()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(`
SCRIPT_FILENAME=/srv/www/a.php
PATH_INFO=/info
PATH_TRANSLATED=/srv/www/info
QUERY_STRING=x=1&y=%20
REQUEST_METHOD=POST
CONTENT_TYPE=text/plain
CONTENT_LENGTH=5
SCRIPT_NAME=/a.php
REQUEST_URI=/a.php/in%66o?x=1&y=%20
DOCUMENT_URI=/a.php/info
DOCUMENT_ROOT=/srv/www
SERVER_PROTOCOL=HTTP/1.1
REQUEST_SCHEME=https
HTTPS=on
GATEWAY_INTERFACE=CGI/1.1
SERVER_SOFTWARE=fcgiscope
REMOTE_ADDR=127.0.0.1
REMOTE_PORT=0
SERVER_ADDR=127.0.0.1
SERVER_PORT=8443
SERVER_NAME=example.com
REDIRECT_STATUS=200
HTTP_HOST=example.com:8443
HTTP_X_ONE=1, 2
HTTP_ACCEPT=a
HTTP_COOKIE=a=1; b=2`)
	if lines(got) != want {
		t.Errorf("got\n%s\nwant\n%s", lines(got), want)
	}
}

func lines(pairs []wire.Pair) string {
	var s []string
	for _, p := range pairs {
		s = append(s, string(p.Name)+"="+string(p.Value))
	}
	return strings.Join(s, "\n")
}

func TestParamsOfPath(t *testing.T) {
	for _, tt := range []struct {
		r                         Request
		uri, file, name, info, qs string
	}{
		{Request{URL: "/hello.php", Root: "/w"}, "/hello.php", "/w/hello.php", "/hello.php", "", ""},
		{Request{URL: "hello.php?", Root: "/w"}, "/hello.php?", "/w/hello.php", "/hello.php", "", ""},
		{Request{URL: "/", Root: "/w"}, "/", "/w/index.php", "/index.php", "", ""},
		{Request{URL: "/sub/?a", Root: "/w", Index: "main.cgi"}, "/sub/?a", "/w/sub/main.cgi", "/sub/main.cgi", "", "a"},
		{Request{URL: "?a", Root: "/w"}, "/?a", "/w/index.php", "/index.php", "", "a"},
		{Request{URL: "/a.php/b.php/c", Root: "/w"}, "/a.php/b.php/c", "/w/a.php", "/a.php", "/b.php/c", ""},
		{Request{URL: "/a.php/", Root: "/w"}, "/a.php/", "/w/a.php", "/a.php", "/", ""},
		{Request{URL: "/a.php/b/", Root: "/w"}, "/a.php/b/", "/w/a.php", "/a.php", "/b/", ""},
		{Request{URL: "/.php/x", Root: "/w"}, "/.php/x", "/w/.php/x", "/.php/x", "", ""},
		{Request{URL: "/a.cgi/x", Root: "/w", Split: ".cgi"}, "/a.cgi/x", "/w/a.cgi", "/a.cgi", "/x", ""},
		{Request{URL: "/photo.txt/x.php", Root: "/w"}, "/photo.txt/x.php", "/w/photo.txt/x.php", "/photo.txt/x.php", "", ""},
		{Request{URL: "/ping", Root: "/"}, "/ping", "/ping", "/ping", "", ""},
		{Request{URL: "/status?json&full"}, "/status?json&full", "/status", "/status", "", "json&full"},
		{Request{URL: "/sp%20ace%2ephp?q%20", Root: "/w"}, "/sp%20ace%2ephp?q%20", "/w/sp ace.php", "/sp ace.php", "", "q%20"},
		{Request{URL: "/a//b/../c/./d.php#frag", Root: "/w"}, "/a//b/../c/./d.php", "/w/a/c/d.php", "/a/c/d.php", "", ""},
		{Request{URL: "http://h", Root: "/w"}, "/", "/w/index.php", "/index.php", "", ""},
		{Request{URL: "http://h?x=/y", Root: "/w"}, "/?x=/y", "/w/index.php", "/index.php", "", "x=/y"},
		{Request{Script: "/srv/app/index.php"}, "/index.php", "/srv/app/index.php", "/index.php", "", ""},
		{Request{Script: "/srv/app/index.php", Root: "/srv"}, "/app/index.php", "/srv/app/index.php", "/app/index.php", "", ""},
		{Request{Script: "/srv/app/index.php", URL: "/news/7?x"}, "/news/7?x", "/srv/app/index.php", "/index.php", "", "x"},
		{Request{Script: "/srv/app/index.php", URL: "/index.php/news"}, "/index.php/news", "/srv/app/index.php", "/index.php", "/news", ""},
		{Request{Script: "sub/a.php", Root: "/w", URL: "/x/"}, "/x/", "/w/sub/a.php", "/sub/a.php", "", ""},
		{Request{Script: "/else/a.php", Root: "/w", URL: "/x"}, "/x", "/else/a.php", "/x", "", ""},
	} {
		pairs, err := tt.r.Params()
		if err != nil {
			t.Errorf("%+v: %v", tt.r, err)
			continue
		}
		for name, want := range map[string]string{
			"REQUEST_URI": tt.uri, "SCRIPT_FILENAME": tt.file, "SCRIPT_NAME": tt.name, "PATH_INFO": tt.info, "QUERY_STRING": tt.qs,
		} {
			got, ok := wire.Lookup(pairs, name)
			if string(got) != want || !ok && name != "PATH_INFO" || ok && want == "" && name == "PATH_INFO" {
				t.Errorf("%q (script %q, root %q): %s = %q, want %q", tt.r.URL, tt.r.Script, tt.r.Root, name, got, want)
			}
		}
	}
}

func TestContentLength(t *testing.T) {
	for _, tt := range []struct {
		method string
		n      int64
		want   string
		there  bool
	}{
		{"GET", 0, "", false}, {"HEAD", 0, "", false}, {"POST", 0, "0", true}, {"GET", 3, "3", true}, {"POST", -1, "", false}, {"POST", 1 << 40, "1099511627776", true},
	} {
		r := Request{Method: tt.method, URL: "/", ContentLength: tt.n}
		pairs, err := r.Params()
		got, there := wire.Lookup(pairs, "CONTENT_LENGTH")
		if err != nil || string(got) != tt.want || there != tt.there {
			t.Errorf("%s %d: %q, %v, %v", tt.method, tt.n, got, there, err)
		}
	}
}

func TestParamsOfRoles(t *testing.T) {
	r := Request{URL: "/a.php/x", Role: wire.Authorizer, ContentLength: 7}
	pairs, err := r.Params()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"CONTENT_LENGTH", "PATH_INFO", "PATH_TRANSLATED", "SCRIPT_NAME"} {
		if _, ok := wire.Lookup(pairs, name); ok {
			t.Errorf("an authorizer gets %s", name)
		}
	}
	r = Request{URL: "/a.php", Role: wire.Filter, DataLength: 1 << 33, DataModified: time.Unix(1e9, 0)}
	pairs, err = r.Params()
	length, _ := wire.Lookup(pairs, "FCGI_DATA_LENGTH")
	modified, _ := wire.Lookup(pairs, "FCGI_DATA_LAST_MOD")
	if err != nil || string(length) != "8589934592" || string(modified) != "1000000000" {
		t.Errorf("%q %q %v", length, modified, err)
	}
}

func TestParamsErrors(t *testing.T) {
	for name, r := range map[string]Request{
		"NUL in the path":      {URL: "/a%00.php"},
		"NUL in a value":       {URL: "/", Method: "G\x00T"},
		"NUL in the query":     {URL: "/?\x00"},
		"bad encoding":         {URL: "/%zz"},
		"cut encoding":         {URL: "/%4"},
		"above the root":       {URL: "/a/../../etc/passwd"},
		"encoded above":        {URL: "/%2e%2e/x"},
		"line end in a value":  {URL: "/", Header: []Field{{"A", "b\nC: d"}}},
		"line end in a name":   {URL: "/", Header: []Field{{"A\r", "b"}}},
		"field without a name": {URL: "/", Header: []Field{{"", "b"}}},
		"= in a name":          {URL: "/", Header: []Field{{"a=b", "c"}}},
	} {
		_, err := r.Params()
		var e *ParamError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Check([]wire.Pair{wire.NewPair("", "x")}); err == nil {
		t.Error("an empty name passes")
	}
}

func TestOverrideAndUnset(t *testing.T) {
	params := []wire.Pair{wire.NewPair("A", "1"), wire.NewPair("B", "2"), wire.NewPair("A", "3"), wire.NewPair("C", "4")}
	user := []wire.Pair{wire.NewPair("X", "x"), wire.NewPair("A", "a"), wire.NewPair("A", "b"), wire.NewPair("C", "")}
	if got, want := lines(Override(params, user)), "A=a\nB=2\nC=\nX=x\nA=b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := lines(Unset(params, "A", "none")), "B=2\nC=4"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestVariables(t *testing.T) {
	var h Header
	h.Feed([]byte("Status: 200\r\nVariable-AUTH_METHOD: db lookup\r\nX: y\r\nvariable-B: \r\nVariable-: z\r\nVariable-B: 2\r\n\r\n"))
	if got, want := lines(h.Variables()), "AUTH_METHOD=db lookup\nB=\nB=2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
