package cgi

import (
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// TestLint: each rule is triggered by a change to a request that triggers none,
// and by that change alone.
func TestLint(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func([]wire.Pair) []wire.Pair {
		return func(p []wire.Pair) []wire.Pair { return Override(p, []wire.Pair{wire.NewPair(name, value)}) }
	}
	unset := func(name string) func([]wire.Pair) []wire.Pair {
		return func(p []wire.Pair) []wire.Pair { return Unset(p, name) }
	}
	add := func(name, value string) func([]wire.Pair) []wire.Pair {
		return func(p []wire.Pair) []wire.Pair { return append(p, wire.NewPair(name, value)) }
	}
	tests := []struct {
		rule   string
		role   wire.Role
		change func([]wire.Pair) []wire.Pair
		body   int64 // instead of 4
	}{
		{"method-missing", 0, unset("REQUEST_METHOD"), 0},
		{"script-missing", 0, unset("SCRIPT_FILENAME"), 0},
		{"script-name-missing", 0, set("SCRIPT_NAME", ""), 0},
		{"script-proxy", 0, set("SCRIPT_FILENAME", "proxy:fcgi://127.0.0.1:9000/srv/www/a.php"), 0},
		{"script-relative", 0, set("SCRIPT_FILENAME", "www/a.php"), 0},
		{"script-unclean", 0, set("SCRIPT_FILENAME", "/srv/www//a.php"), 0},
		{"script-unclean", 0, set("SCRIPT_FILENAME", "/srv/www/../a.php"), 0},
		{"script-static", 0, func(p []wire.Pair) []wire.Pair {
			return set("SCRIPT_NAME", "/a.JPG")(set("SCRIPT_FILENAME", "/srv/www/a.JPG")(p))
		}, 0},
		{"script-name-other", 0, set("SCRIPT_NAME", "/b.php"), 0},
		{"path-info-twice", 0, func(p []wire.Pair) []wire.Pair {
			return set("PATH_INFO", "/x")(set("SCRIPT_NAME", "/a.php/x")(set("SCRIPT_FILENAME", "/srv/www/a.php/x")(p)))
		}, 0},
		{"query-missing", 0, unset("QUERY_STRING"), 0},
		{"query-other", 0, set("QUERY_STRING", "other"), 0},
		{"length-missing", 0, unset("CONTENT_LENGTH"), 0},
		{"length-other", 0, set("CONTENT_LENGTH", "-1"), 0},
		{"length-other", 0, set("CONTENT_LENGTH", "99999999999999999999"), 0},
		{"length-other", 0, nil, 3},
		{"length-other", 0, nil, 5},
		{"type-missing", 0, set("CONTENT_TYPE", ""), 0},
		{"httpoxy", 0, add("HTTP_PROXY", "x"), 0},
		{"nul", 0, add("X", "a\x00b"), 0},
		{"nul", 0, add("X\x00", ""), 0},
		{"name-empty", 0, add("", "x"), 0},
		{"twice", 0, add("SERVER_NAME", "x"), 0},
		{"case", 0, add("Server_Name", "x"), 0},
		{"pair-size", 0, add("X", strings.Repeat("x", wire.MaxContent)), 0},
		{"params-size", 0, func(p []wire.Pair) []wire.Pair {
			return add("X", strings.Repeat("x", 40000))(add("Y", strings.Repeat("x", 30000))(p))
		}, 0},
		{"sticky", 0, add("PHP_VALUE", "a = b"), 0},
		{"sticky", 0, add("PHP_ADMIN_VALUE", "a = b"), 0},
		{"authorizer-params", wire.Authorizer, add("PATH_INFO", "/x"), 0},
		{"filter-params", wire.Filter, unset("FCGI_DATA_LENGTH"), 0},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.rule] = true
		role, body := tt.role, int64(4)
		r := Request{Role: role, Method: "POST", URL: "/a.php?q=1", Root: "/srv/www", ContentLength: body, Header: []Field{{"Content-Type", "text/x"}}}
		if role == wire.Authorizer {
			r.Method, r.ContentLength, body = "GET", 0, 0
		}
		params, err := r.Params()
		if err != nil {
			t.Fatal(err)
		}
		if w := Lint(role, params, body); len(w) > 0 {
			t.Fatalf("%v: the request that is changed has warnings: %v", role, w)
		}
		if tt.change != nil {
			params = tt.change(params)
		}
		if tt.body != 0 {
			body = tt.body
		}
		if w := Lint(role, params, body); len(w) != 1 || w[0].Rule != tt.rule || w[0].Text == "" {
			t.Errorf("%s: got %v", tt.rule, w)
		}
	}
	for _, rule := range LintRules() {
		if !seen[rule.ID] {
			t.Errorf("%s is not tested", rule.ID)
		}
		if rule.Text == "" {
			t.Errorf("%s has no text", rule.ID)
		}
	}
}

// TestLintQuiet: nothing is said of what people send every day.
func TestLintQuiet(t *testing.T) {
	t.Parallel()
	for _, r := range []Request{
		{URL: "/"}, {URL: "/ping"}, {URL: "/status?json&full"}, {URL: "/hello?name=world"},
		{URL: "/a.php/info?q", Root: "/srv/www"}, {URL: "/srv/www/a.php"},
		{URL: "/", Script: "/srv/www/index.php"}, {URL: "/any/path", Script: "/srv/www/index.php", Root: "/srv/www"},
		{URL: "/echo.cgi", Root: "/srv/cgi-bin"}, {URL: "https://example.org/a?b"}, {URL: "/f%20g.php"},
		{URL: "/", Role: wire.Authorizer}, {URL: "/x", Role: wire.Filter}, {URL: "/", Method: "HEAD"},
		{URL: "/index.php", Root: "/"}, {URL: "/p", Method: "PUT", ContentLength: 7},
	} {
		params, err := r.Params()
		if err != nil {
			t.Fatal(err)
		}
		if w := Lint(r.Role, params, r.ContentLength); len(w) > 0 {
			t.Errorf("%+v: %v", r, w)
		}
	}
	// As Apache sends it.
	params := []wire.Pair{wire.NewPair("REQUEST_METHOD", "GET"), wire.NewPair("QUERY_STRING", ""), wire.NewPair("SCRIPT_NAME", "/a.php"),
		wire.NewPair("SERVER_SOFTWARE", "Apache/2.4.71 (Debian)"), wire.NewPair("DOCUMENT_ROOT", "/srv/www"),
		wire.NewPair("SCRIPT_FILENAME", "proxy:fcgi://127.0.0.1:9000/srv/www/a.php")}
	if w := Lint(0, params, 0); len(w) > 0 {
		t.Errorf("Apache: %v", w)
	}
}
