package transport

import (
	"strings"
	"testing"
)

func TestParseAddr(t *testing.T) {
	for in, want := range map[string]string{
		"unix:/run/php.sock":    "unix:/run/php.sock",
		"unix:///run/php.sock":  "unix:/run/php.sock",
		"unix:php.sock":         "unix:php.sock",
		"unix:@name":            "unix:@name",
		"@name":                 "unix:@name",
		"/run/a:b.sock":         "unix:/run/a:b.sock",
		"./php.sock":            "unix:./php.sock",
		"127.0.0.1:9000":        "tcp:127.0.0.1:9000",
		"tcp:localhost:9000":    "tcp:localhost:9000",
		"app:9000":              "tcp:app:9000",
		"exec:9000":             "tcp:exec:9000",
		"fd:9000":               "fd:9000",
		"fd:0":                  "fd:0",
		"[::1]:9000":            "tcp:[::1]:9000",
		"tcp:[fe80::1%lo]:9000": "tcp:[fe80::1%lo]:9000",
		":9000":                 "tcp:127.0.0.1:9000",
		"9000":                  "tcp:127.0.0.1:9000",
		"tcp:9000":              "tcp:127.0.0.1:9000",
		"tcp::09000":            "tcp:127.0.0.1:9000",
		"0.0.0.0:0":             "tcp:0.0.0.0:0",
	} {
		a, err := ParseAddr(in)
		if err != nil || a.String() != want {
			t.Errorf("ParseAddr(%q) = %q, %v; want %q", in, a, err, want)
			continue
		}
		if again, err := ParseAddr(a.String()); err != nil || again != a {
			t.Errorf("ParseAddr(%q) = %q, %v", a, again, err)
		}
	}
}

func TestParseAddrErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "is empty",
		"unix:":                        "has no path",
		"@":                            "has no path",
		"/" + strings.Repeat("x", 107): "108 bytes, a Unix socket's at most 107",
		"localhost":                    "has no port",
		"tcp:localhost":                "has no port",
		"localhost:http":               `"http" is no port`,
		"localhost:65536":              `"65536" is no port`,
		"localhost:":                   `"" is no port`,
		"::1:9000":                     "[ADDRESS]:PORT",
		"[::1":                         "missing ']'",
		"http://localhost:9000/":       "is a URL",
		"tcp://localhost:9000":         "is a URL",
		"app:echo":                     "built-in application",
		"exec:/usr/bin/php-cgi":        "is a command",
		"fd:x":                         "not a number",
		"fd:":                          "not a number",
		"a\nb:1":                       "control character",
	} {
		if a, err := ParseAddr(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAddr(%q) = %q, %v; want %q", in, a, err, want)
		}
	}
}
