package client

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// What came before an error can be read before it.
func TestClosedWithoutEnd(t *testing.T) {
	whole := end(1).Append(out(1, "Content-type: text/plain\r\n\r\nhello").Append(nil))
	for cut := range whole {
		c, a := pair(t, Options{})
		go func() {
			a.request(1)
			if cut > 0 {
				a.Conn.Write(whole[:cut])
			}
			a.Close()
		}()
		r := mustDo(t, c, Request{Keep: true})
		b, err := io.ReadAll(r.Stdout)
		want := whole[min(cut, wire.HeaderLen):min(cut, len(whole)-16)]
		var closed *ClosedError
		if string(b) != string(want) || !errors.As(err, &closed) || closed.Received != int64(cut) || closed.Stdout != int64(len(b)) {
			t.Fatalf("cut at %d: %q, %v", cut, b, err)
		}
		if strings.Contains(err.Error(), "EOF") {
			t.Errorf("cut at %d: %v: that is for programs", cut, err)
		}
		var truncated *wire.TruncatedError
		inside := cut > 0 && cut != len(whole)-16
		if errors.As(err, &truncated) != inside || inside != errors.Is(err, io.ErrUnexpectedEOF) || !inside != errors.Is(err, io.EOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if _, again := r.Wait(); again != err {
			t.Errorf("Wait: %v, not %v", again, err)
		}
	}
}

func TestNotFastCGI(t *testing.T) {
	for in, hint := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n": "looks like an HTTP response",
		"H":                            "",
		"\x01\x06\x00\x01\x00\x02\x00\x00okHTTP/1.1 \x00": "looks like an HTTP response",
	} {
		c, a := pair(t, Options{})
		go func() {
			a.request(1)
			// The connection stays open: nobody waits for the rest of the "record".
			a.Conn.Write([]byte(in))
			if strings.Contains(in, "ok") {
				a.Conn.Write(make([]byte, 20000))
			}
		}()
		r := mustDo(t, c, Request{})
		_, err := r.Wait()
		var e *ProtocolError
		if !errors.As(err, &e) || e.Rule != wire.RuleVersion || e.Hint != hint {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestPeerViolations(t *testing.T) {
	record := func(typ wire.Type, id uint16, content string) wire.Record {
		return wire.NewRecord(typ, id, []byte(content))
	}
	tests := map[string]struct {
		recs []wire.Record
		want wire.RuleID
	}{
		"short END_REQUEST":    {[]wire.Record{record(wire.TypeEndRequest, 1, "\x00\x00\x00\x2a\x00")}, wire.RuleBodyLength},
		"long END_REQUEST":     {[]wire.Record{record(wire.TypeEndRequest, 1, "\x00\x00\x00\x2a\x00\x00\x00\x00\x00")}, wire.RuleBodyLength},
		"unknown type":         {[]wire.Record{record(42, 1, "x"), end(1)}, wire.RuleUnknownType},
		"unknown management":   {[]wire.Record{record(42, 0, "x"), end(1)}, wire.RuleUnknownType},
		"PARAMS":               {[]wire.Record{record(wire.TypeParams, 1, ""), end(1)}, wire.RuleDirection},
		"GET_VALUES":           {[]wire.Record{record(wire.TypeGetValues, 0, ""), end(1)}, wire.RuleDirection},
		"GET_VALUES_RESULT":    {[]wire.Record{record(wire.TypeGetValuesResult, 0, ""), end(1)}, wire.RuleGetValuesAnswer},
		"UNKNOWN_TYPE":         {[]wire.Record{wire.UnknownTypeRecord(1), end(1)}, wire.RuleUnknownTypeAnswer},
		"UNKNOWN_TYPE, our id": {[]wire.Record{record(wire.TypeUnknownType, 1, "12345678"), end(1)}, wire.RuleManagementID},
		"STDOUT after its end": {[]wire.Record{out(1, ""), out(1, "x"), end(1)}, wire.RuleStreamEnded},
		"STDERR after its end": {[]wire.Record{serr(1, ""), serr(1, "x"), end(1)}, wire.RuleStreamEnded},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, a := pair(t, Options{})
			go func() {
				a.request(1)
				a.send(append([]wire.Record{out(1, "hello")}, tt.recs...)...)
			}()
			r := mustDo(t, c, Request{Keep: true})
			b, err := io.ReadAll(r.Stdout)
			if err != nil || !strings.HasPrefix(string(b), "hello") {
				t.Errorf("%q, %v", b, err)
			}
			v := r.Violations()
			if len(v) != 1 || v[0].Rule != tt.want || v[0].Offset < 8 {
				t.Errorf("%+v, want %s", v, tt.want)
			}
			if c.Usable() {
				t.Error("the connection is kept")
			}
		})
	}
}

// An answer under a wrong id is never taken for ours, nor waited for.
func TestWrongID(t *testing.T) {
	for _, rec := range []wire.Record{out(2, "x"), end(2), end(0), out(0, "x"), end(257)} {
		c, a := pair(t, Options{})
		go func() { a.request(1); a.send(out(1, "ours"), rec) }()
		r := mustDo(t, c, Request{})
		b, err := io.ReadAll(r.Stdout)
		var e *ProtocolError
		if string(b) != "ours" || !errors.As(err, &e) || e.Header.RequestID != rec.RequestID || e.Offset != 16 {
			t.Errorf("%v id %d: %q, %v", rec.Type, rec.RequestID, b, err)
		}
	}
}

// What follows END_REQUEST must not become the next answer.
func TestSecondEnd(t *testing.T) {
	c, a := pair(t, Options{})
	go func() { a.request(1); a.send(end(1), out(1, "stale"), end(1)) }()
	r := mustDo(t, c, Request{Keep: true})
	if _, err := r.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), Request{Keep: true}); !errors.Is(err, ErrClosed) {
		t.Errorf("the connection is kept: %v", err)
	}
}
