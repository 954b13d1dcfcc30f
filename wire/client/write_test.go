package client

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// Write writes what a connection sends, whatever the size of the body.
func TestWrite(t *testing.T) {
	for _, size := range []int{0, 5, 200_000} {
		request := func() Request {
			return Request{Keep: true, ID: 9, Params: getParams, Stdin: strings.NewReader(strings.Repeat("x", size))}
		}
		var want, got, observed bytes.Buffer
		for _, rec := range sent(t, Options{}, request()) {
			want.Write(rec.Append(nil))
		}
		err := Write(t.Context(), &got, request(), func(_ wire.Direction, _ time.Time, p []byte) { observed.Write(p) })
		if err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) || !bytes.Equal(observed.Bytes(), want.Bytes()) {
			t.Errorf("%d: %d bytes, %d observed, want %d; %v", size, got.Len(), observed.Len(), want.Len(), err)
		}
	}
	full := errors.New("disk full")
	for name, tt := range map[string]struct {
		w    io.Writer
		body io.Reader
		want error
	}{
		"writer": {failingWriter{full}, nil, full},
		"large":  {failingWriter{full}, io.LimitReader(zeroes{}, 1<<20), full},
		"body":   {io.Discard, errorReader{full}, full},
		"small body": {io.Discard, struct {
			io.Reader
			length
		}{errorReader{full}, 5}, full},
	} {
		if err := Write(t.Context(), tt.w, Request{Stdin: tt.body}, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// The moments of an exchange.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := pair(t, Options{})
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			a.request(1)
			time.Sleep(time.Second)
			a.send(out(1, "\n"))
			time.Sleep(time.Second)
			a.send(serr(1, "x"), end(1))
		}()
		r := mustDo(t, c, Request{})
		if _, err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		want := Times{start, start.Add(time.Second), start.Add(2 * time.Second), start.Add(3 * time.Second)}
		if got := r.Times(); got != want || r.Records() != 3 {
			t.Errorf("%d records, %v\nwant %v", r.Records(), got, want)
		}
	})
}

// Who closes after END_REQUEST is told.
func TestClosedAfter(t *testing.T) {
	for _, closes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c, a := pair(t, Options{Linger: time.Second})
			go func() {
				a.request(1)
				a.send(end(1))
				if closes {
					a.Close()
				}
			}()
			r := mustDo(t, c, Request{})
			if _, err := r.Wait(); err != nil || r.ClosedAfter() != closes {
				t.Errorf("closes: %v; told: %v, %v", closes, r.ClosedAfter(), err)
			}
		})
	}
}
