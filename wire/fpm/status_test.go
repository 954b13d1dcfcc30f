package fpm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire/fpm"
)

// worker is an entry of a worker as php-fpm prints it, with a duration and a
// URI as they are.
func worker(duration, uri string) string {
	return `{"pid":7,"state":"Running","start time":1,"start since":2,"requests":3,"request duration":` + duration +
		`,"request method":"GET","request uri":"` + uri + `","content length":0,"user":"-","script":"/srv/a.php",` +
		`"last request cpu":12.50,"last request memory":2097152}`
}

func page(workers ...string) string {
	return strings.TrimSuffix(idlePool, "}") + `, "processes":[` + strings.Join(workers, ",") + `]}`
}

// TestDefects: what php-fpm prints that is no JSON, or no time.
func TestDefects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		duration, uri string
		want          fpm.Duration
		wantURI       string
	}{
		{"226", `\/status?json&full`, 226, "/status?json&full"},
		{"226", `/a"b\c?d=é`, 226, `/a"b\c?d=é`},
		{"226", "/a\nb\x1b\xff", 226, "/a\nb\x1b\uFFFD"},
		{"226", `/","content`, 226, `/","content`},
		{"-774", "/", 0, "/"},
		{"18446744073709550842", `/"`, 0, `/"`},
	}
	for _, tt := range tests {
		s, err := fpm.ParseStatus([]byte(page(worker(tt.duration, tt.uri), worker("5", "/last"))))
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		p := s.Processes[0]
		if p.RequestDuration != tt.want || p.RequestURI != tt.wantURI || p.Script != "/srv/a.php" || p.LastRequestCPU != 12.5 {
			t.Errorf("%+v: %+v", tt, p)
		}
		if len(s.Processes) != 2 || s.Processes[1].RequestURI != "/last" {
			t.Errorf("%+v: %+v", tt, s.Processes)
		}
	}
	for _, bad := range []string{"", "[]", "File not found.", page(worker("fast", "/")), page(worker("1", "/")) + "}", strings.Replace(page(worker("1", `/"`)), "content length", "", 1)} {
		if s, err := fpm.ParseStatus([]byte(bad)); err == nil {
			t.Errorf("%.40q: %+v", bad, s)
		}
	}
}

// FuzzParseStatus: whatever URI comes, in a page that is well otherwise, is read
// as it was, unless it imitates the page itself; and what was read can be
// written and read again.
func FuzzParseStatus(f *testing.F) {
	for _, uri := range []string{"/", `/"`, `\`, `\"`, "/\xff", `","user":"`, `","content length":1`} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := fpm.ParseStatus([]byte(page(worker("1", uri))))
		if strings.Contains(uri, `":`) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if plain := strings.ToValidUTF8(uri, ""); plain == uri && !strings.ContainsRune(uri, '\\') && s.Processes[0].RequestURI != uri {
			t.Errorf("%q is read as %q", uri, s.Processes[0].RequestURI)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := fpm.ParseStatus(b)
		if err != nil || again.Processes[0] != s.Processes[0] {
			t.Errorf("%s: %+v, %v", b, again, err)
		}
	})
}
