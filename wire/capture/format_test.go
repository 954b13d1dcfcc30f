package capture

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// TestUnknown: what is no dump is named for what it looks like.
func TestUnknown(t *testing.T) {
	zip := "PK\x03\x04\x14\x00\x00\x00\x08\x00 and so on, in a file"
	for _, test := range []struct{ input, looks string }{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "looks like an HTTP request"},
		{"HTTP/1.1 200 OK\r\n\r\n", "looks like an HTTP response"},
		{"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", "looks like an ELF program"},
		{zip, "looks like a zip archive"},
		{"This is a text about nothing in particular.\n", "looks like plain text"},
		{strings.Repeat("\x00", 100), ""},
		{"\xa1\xb2\xc3", ""},
		{"123456789012345678\n", "looks like hex, but not of FastCGI"},
		{"47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a", "looks like hex of what looks like an HTTP request"},
		{"16:03:01:02:00:01:00:01:fc", "looks like hex of what looks like TLS"},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "looks like TLS"},
		{"70:CONTENT_LENGTH\x0027\x00SCGI\x001\x00", "looks like SCGI"},
		{"<!DOCTYPE html><title>x</title>", "looks like an HTML page"},
	} {
		_, _, err := Open(strings.NewReader(test.input), Options{})
		var unknown *UnknownError
		if !errors.As(err, &unknown) || unknown.Looks != test.looks {
			t.Errorf("%.20q: %v, want %q", test.input, err, test.looks)
		}
	}
	if _, _, err := Open(strings.NewReader(""), Options{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	io.WriteString(w, zip)
	w.Close()
	_, _, err := Open(&zipped, Options{})
	if err == nil || !strings.Contains(err.Error(), "gzip of: capture: no known format: looks like a zip archive") {
		t.Errorf("gzip of a zip: %v", err)
	}
	broken := errors.New("the disk is on fire")
	if _, _, err := Open(iotest.ErrReader(broken), Options{}); !errors.Is(err, broken) {
		t.Errorf("read error: %v", err)
	}
	if _, _, err := Open(strings.NewReader("x"), Options{From: "pcpa"}); err == nil || !strings.Contains(err.Error(), `unknown format "pcpa": there are pcap, `) {
		t.Errorf("unknown name: %v", err)
	}
}

// TestOther: a connection that speaks something else is counted, with a hint;
// with its port named it is decoded nevertheless.
func TestOther(t *testing.T) {
	g := decodeFile(t, "capture/client-not-fastcgi.pcap", DecodeOptions{})
	if g.stats.Connections != 0 || g.stats.Others != 3 || g.stats.Hints["looks like an HTTP request"] != 3 {
		t.Errorf("stats %+v", g.stats)
	}
	g = decodeFile(t, "capture/client-not-fastcgi.pcap", DecodeOptions{Ports: []uint16{9000, 9001, 9007}})
	hints := 0
	for _, e := range g.events {
		if e.Kind == flow.KindDesync && e.Dir == wire.ToApp && e.Hint == "looks like an HTTP request" {
			hints++
		}
	}
	if g.stats.Connections != 3 || hints != 3 {
		t.Errorf("with ports: %d hints, stats %+v", hints, g.stats)
	}
}

// TestStreams: what comes through a pipe is passed on as it comes. The writer
// goes on only when the record it has written was decoded.
func TestStreams(t *testing.T) {
	request := readFixture(t, "capture/text/post-small.c2s.bin")
	first := request[:16]
	capture := readFixture(t, "capture/nginx-php-post-small.pcap")
	xxd := "00000000: 0101 0001 0008 0000 0001 0000 0000 0000  ................\n"
	for _, test := range []struct {
		name        string
		first, rest []byte
	}{
		{"raw", first, request[16:]},
		{"hex", []byte("0101000100080000" + "0001000000000000\n"), []byte("01040001000000000105000100000000\n")},
		{"literal", []byte(`b'\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00`), []byte(`\x01\x04\x00\x01\x00\x00\x00\x00'`)},
		{"xxd", []byte(xxd + "00000010: 0104 0001 0000 0000                      ........\n"), []byte("00000018: 0105 0001 0000 0000                      ........\n")},
		{"pcap", capture[:1040], capture[1040:]},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, w := io.Pipe()
			seen := make(chan bool)
			go func() {
				w.Write(test.first)
				<-seen // waits for ever if the record is held back until more comes
				w.Write(test.rest)
				w.Close()
			}()
			src, f, err := Open(r, Options{})
			if err != nil || f.Name != test.name {
				t.Fatalf("opened as %q: %v", f.Name, err)
			}
			begun, other := false, 0
			_, err = Decode(context.Background(), src, DecodeOptions{}, func(e *flow.Event) {
				switch {
				case e.Kind == flow.KindRecord && e.Header.Type == wire.TypeBeginRequest:
					begun = true
					close(seen)
				case e.Kind == flow.KindRecord:
					other++
				}
			})
			if err != nil || !begun || other == 0 {
				t.Errorf("begun %v, %d records behind it, %v", begun, other, err)
			}
		})
	}
}

// TestCancel: Decode ends when it is told to, after the end of what is open.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var last flow.Kind
	src, _, err := Open(endless{}, Options{From: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	_, err = Decode(ctx, src, DecodeOptions{}, func(e *flow.Event) {
		if last = e.Kind; e.Kind == flow.KindRecord {
			if n++; n == 1000 {
				cancel()
			}
		}
	})
	if !errors.Is(err, context.Canceled) || last != flow.KindClosed {
		t.Errorf("%v, last event %v", err, last)
	}
}

// endless is a stream of empty records.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	n := 0
	for n+8 <= len(b) {
		n += copy(b[n:], "\x01\x05\x00\x01\x00\x00\x00\x00")
	}
	return n, nil
}
