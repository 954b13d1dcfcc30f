package diagnose

import (
	"bytes"
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestValid: conversations that break no rule have only what their names say.
func TestValid(t *testing.T) {
	t.Parallel()
	expected := map[string][]string{
		"overloaded": {"D39"}, "cant-mpx-conn": {"D39"}, "unknown-role": {"D39"}, "unplayed-role": {"D39"},
	}
	for _, name := range wiretest.Glob(t, "valid/*.txtar") {
		f := wiretest.Load(t, name)
		short := strings.TrimSuffix(strings.TrimPrefix(name, "valid/"), ".txtar")
		var found []string
		c := NewCollector(func(_ *flow.ConnInfo, f *Facts) {
			for _, v := range Diagnose(f) {
				if v.Class != Caution && !slices.Contains(found, v.ID) {
					found = append(found, v.ID)
				}
			}
		})
		var conn flow.Conn
		f.Play(&conn, func(e *flow.Event) { _ = c.Event(e) })
		if !slices.Equal(found, expected[short]) {
			t.Errorf("%s: found %v, want %v", short, found, expected[short])
		}
	}
}

// capturesOf decodes a capture and returns the Facts of its requests.
func capturesOf(t *testing.T, name string, whole bool) []*Facts {
	t.Helper()
	b, err := fs.ReadFile(fixtures.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	src, _, err := capture.Open(bytes.NewReader(b), capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []*Facts
	c := NewCollector(func(_ *flow.ConnInfo, f *Facts) { all = append(all, f) })
	if _, err := capture.Decode(context.Background(), src, capture.DecodeOptions{Whole: whole}, func(e *flow.Event) { _ = c.Event(e) }); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if len(c.conns) != 0 || len(all) == 0 {
		t.Fatalf("%d requests, %d connections were not closed", len(all), len(c.conns))
	}
	return all
}

// TestCaptures: what real peers said to each other, when all was well and when
// it was not.
func TestCaptures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		want string // the first verdicts that are no cautions, of all requests
	}{
		{"nginx-php-get", ""}, {"nginx-php-keepconn", ""}, {"nginx-php-post-200k", ""}, {"lighttpd-php", ""},
		{"nginx-php-upload", ""}, {"nginx-php-ping", ""}, {"nginx-php-stderr", ""}, {"nginx-php-concurrent", ""},
		{"apache-php-keep", ""}, {"caddy-php", ""}, {"cgi-fcgi-php", ""}, {"nginx-go", ""}, {"nginx-libfcgi", ""},
		{"apache-authorizer", ""}, {"lighttpd-authorizer", ""}, {"mtu1500-nginx-php", ""}, {"nginx-php-binary", ""}, {"nginx-php-cookies", ""},
		{"client-filter", ""}, {"client-abort", ""}, {"client-version", "D30 D31"}, {"derived-midstream-in-record", ""}, {"loss-nginx-php", ""},
		{"nginx-php-404", "D13"}, {"apache-php", "D13"}, {"nginx-php-fatal", "D18"}, {"nginx-php-starved", "D05"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, whole := range []bool{true, false} {
				var found []string
				for _, f := range capturesOf(t, "capture/"+tt.name+".pcap", whole) {
					if v := Diagnose(f); len(v) > 0 && v[0].Class != Caution && !slices.Contains(found, v[0].ID) {
						found = append(found, v[0].ID)
					}
				}
				if got := strings.Join(found, " "); got != tt.want {
					t.Errorf("whole %t: found %q, want %q", whole, got, tt.want)
				}
			}
		})
	}
}

// TestUnfinished: the pair that a record ends inside is named.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	b := wire.NewPair("A", "1").Append(nil)
	whole := len(b)
	b = wire.NewPair("BIG", strings.Repeat("x", 300)).Append(b)
	for n := range len(b) + 1 {
		want := ""
		switch {
		case n == whole-1: // the value of A is missing
			want = "A"
		case n >= whole+1+4+3 && n < len(b):
			want = "BIG"
		}
		if got, inside := unfinished(b[:n], n); got != want || inside != (n != 0 && n != whole && n != len(b)) {
			t.Fatalf("%d of %d bytes: %q, want %q; inside: %t", n, len(b), got, want, inside)
		}
		// Of a record that is known in part, only what cannot fit is split.
		if got, inside := unfinished(b[:n], len(b)); got != "" || inside {
			t.Fatalf("%d of %d bytes are known: %q", n, len(b), got)
		}
		if got, _ := unfinished(b[:n], len(b)-1); n > whole+8 && n < len(b) && got != "BIG" {
			t.Fatalf("%d of %d bytes are known, and one is missing: %q", n, len(b)-1, got)
		}
	}
}
