package redact_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fcgiscope/fcgiscope/fixtures"
	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/redact"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// A told is what a capture tells.
type told struct {
	frame    []string // where things are, and how long
	findings []string
	bytes    []byte // of contents, padding, pairs and what is no record
	values   []string
	lossy    bool
}

// decode reads a capture, through a Redactor unless it is nil.
func decode(t *testing.T, b []byte, r *redact.Redactor) (all told) {
	t.Helper()
	src, _, err := capture.Open(bytes.NewReader(b), capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = capture.Decode(context.Background(), src, capture.DecodeOptions{Ports: []uint16{9000}, Whole: true}, func(e *flow.Event) {
		if r != nil {
			r.Event(e)
		}
		all.take(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (all *told) take(e *flow.Event) {
	place := fmt.Sprintf("%v %d %v at %d: %+v %d+%d %d", e.Kind, e.Conn.N, e.Dir, e.Offset, e.Header, len(e.Data), len(e.Padding), e.Length)
	switch e.Kind {
	case flow.KindFinding:
		all.findings = append(all.findings, place+" "+string(e.Finding.Rule)+" "+e.Finding.Detail)
		return
	case flow.KindPair:
		place += " " + string(e.Pair.Name)
		all.pair(string(e.Pair.Name), string(e.Pair.Value))
	case flow.KindResponse:
		place += fmt.Sprint(e.Request.Status)
	case flow.KindGap, flow.KindDesync, flow.KindTruncated:
		all.lossy = true
	}
	all.frame = append(all.frame, place)
	for _, b := range [][]byte{e.Data, e.Padding, e.Pair.Value} {
		all.bytes = append(append(all.bytes, b...), '\n')
	}
}

// pair notes the values that nobody must see.
func (all *told) pair(name, value string) {
	switch name {
	case "HTTP_COOKIE":
		for one := range strings.SplitSeq(value, ";") {
			if _, v, _ := strings.Cut(one, "="); len(v) > 5 {
				all.values = append(all.values, v)
			}
		}
	case "HTTP_AUTHORIZATION", "PHP_AUTH_PW":
		all.values = append(all.values, value)
	}
}

// TestCaptures: of real conversations nothing is lost but the secrets.
func TestCaptures(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(fixtures.FS, "capture/*.pcap*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	var secrets int
	t.Run("all", func(t *testing.T) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				b, err := fixtures.FS.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				secrets += checkCapture(t, b)
			})
		}
	})
	if secrets == 0 {
		t.Error("there are no secrets in the captures")
	}
}

// checkCapture returns how many secrets there were.
func checkCapture(t *testing.T, b []byte) int {
	t.Helper()
	want, got := decode(t, b, nil), decode(t, b, redact.New())
	if len(want.bytes) != len(got.bytes) {
		t.Errorf("%d bytes, want %d", len(got.bytes), len(want.bytes))
	}
	if !want.lossy {
		if d := cmp.Diff(want.frame, got.frame); d != "" {
			t.Errorf("(-original +masked):\n%s", d)
		}
	}
	if d := cmp.Diff(want.findings, got.findings); d != "" {
		t.Errorf("findings (-original +masked):\n%s", d)
	}
	for _, s := range want.values {
		if bytes.Contains(got.bytes, []byte(s)) {
			t.Errorf("%q is there", s)
		}
	}
	return len(want.values)
}

// TestFixtures: masking neither breaks a rule nor mends one.
func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, name := range append(wiretest.Glob(t, "valid/*.txtar"), wiretest.Glob(t, "broken/*.txtar")...) {
		f := wiretest.Load(t, name)
		var want, got told
		f.Play(&flow.Conn{Whole: true}, want.take)
		r := redact.New()
		f.Play(&flow.Conn{Whole: true}, func(e *flow.Event) {
			r.Event(e)
			got.take(e)
		})
		if d := cmp.Diff(want.findings, got.findings); d != "" {
			t.Errorf("%s: findings (-original +masked):\n%s", name, d)
		}
	}
}
