package commands

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestSetCookie: what is taken of an answer, as a line of the jar.
func TestSetCookie(t *testing.T) {
	t.Parallel()
	tests := []struct{ host, path, field, want string }{
		{"www.example.org", "/a/b.php", "s=1", "www.example.org FALSE /a FALSE 0 s 1"},
		{"www.example.org", "/b.php", "s=1; path=/x; HttpOnly", "#HttpOnly_www.example.org FALSE /x FALSE 0 s 1"},
		{"www.example.org", "/", "s=1; Domain=.Example.org; path=/", ".example.org TRUE / FALSE 0 s 1"},
		{"www.example.org", "/", "s=1; Max-Age=60; path=/", "www.example.org FALSE / FALSE 1795262460 s 1"},
		{"www.example.org", "/", "s=1; expires=Sat, 21-Nov-2026 12:00:01 GMT; path=/", "www.example.org FALSE / FALSE 1795262401 s 1"},
		{"www.example.org", "/", "s=1; expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/", ""},
		{"www.example.org", "/", "s=deleted; Max-Age=0; path=/", ""},
		{"localhost", "/", "s=1; secure; domain=localhost; path=/", "localhost FALSE / TRUE 0 s 1"},
		{"127.0.0.1", "/", "s=\"a b\"; path=/", "127.0.0.1 FALSE / FALSE 0 s \"a b\""},
		{"www.example.org", "/", "s=1; secure", "not: it is secure, and the URL is not https"},
		{"www.example.org", "/", "s=1; domain=example.com", `not: its domain "example.com" is not that of www.example.org`},
		{"www.example.org", "/", "s=1; domain=org", `not: its domain "org" is not that of www.example.org`},
		{"www.example.org", "/", "s=1; domain=ample.org", `not: its domain "ample.org" is not that of www.example.org`},
		{"127.0.0.1", "/", "s=1; domain=0.0.1", `not: its domain "0.0.1" is not that of 127.0.0.1`},
		{"localhost", "/", "__Host-s=1; secure; path=/x", "not: its name promises what it does not keep"},
		{"www.example.org", "/", "=;", "not: it is no cookie"},
	}
	for _, tt := range tests {
		c, err := setCookie(tt.field, &visit{host: tt.host, path: tt.path, at: noon})
		got := strings.TrimPrefix(string(formatJar([]cookie{c}, noon)), jarTitle)
		got = strings.ReplaceAll(strings.TrimSuffix(got, "\n"), "\t", " ")
		if err != nil {
			got = "not: " + err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.field, got, tt.want)
		}
	}
}

// TestCookieHeader: which cookies of a jar are sent where.
func TestCookieHeader(t *testing.T) {
	t.Parallel()
	jar, err := parseJar([]byte(strings.ReplaceAll(`# Netscape HTTP Cookie File

www.example.org FALSE / FALSE 0 host 1
.example.org TRUE / FALSE 0 domain 2
#HttpOnly_www.example.org FALSE /deep/er FALSE 0 path 3
www.example.org FALSE / TRUE 0 secure 4
www.example.org FALSE / FALSE 1795262400 over 5
www.example.org FALSE / FALSE 1795262401 fresh 6
127.0.0.1 FALSE / TRUE 0 loop 7
0.0.1 TRUE / FALSE 0 number 8
www.example.org FALSE / FALSE 0 empty
`, " ", "\t")))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		host, path string
		tls        bool
		want       string
	}{
		{"www.example.org", "/", false, "fresh=6; empty=; host=1; domain=2"},
		{"www.example.org", "/deep/er/x", true, "path=3; secure=4; fresh=6; empty=; host=1; domain=2"},
		{"www.example.org", "/deeper", false, "fresh=6; empty=; host=1; domain=2"},
		{"example.org", "/", false, "domain=2"},
		{"a.b.example.org", "/", false, "domain=2"},
		{"badexample.org", "/", false, ""},
		{"127.0.0.1", "/", false, "loop=7"},
	}
	for _, tt := range tests {
		if got := cookieHeader(jar, &visit{host: tt.host, path: tt.path, tls: tt.tls, at: noon}); got != tt.want {
			t.Errorf("%s%s: got %q, want %q", tt.host, tt.path, got, tt.want)
		}
	}
	again, err := parseJar(formatJar(jar, noon.Add(-time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jar, again, cmp.AllowUnexported(cookie{})); diff != "" {
		t.Errorf("written and read again (-want +got):\n%s", diff)
	}
}

func TestParseJarErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\nsecret\n": "line 2: not the seven fields", "a\tFALSE\t/\tFALSE\tsecret\tn\tv": "line 1: the fifth field is no time",
		"a\tFALSE\t/\tFALSE\t0\tn\tsecret;v": "line 1: a cookie with",
	} {
		_, err := parseJar([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}
