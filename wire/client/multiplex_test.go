package client

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

// TestTryMultiplex: what the servers of which it is known do, and what nobody
// should.
func TestTryMultiplex(t *testing.T) {
	text := func(id uint16) wire.Record { return wire.NewRecord(wire.TypeStdout, id, []byte("text")) }
	eof := func(id uint16) wire.Record { return wire.NewRecord(wire.TypeStdout, id, nil) }
	end := func(id uint16, status wire.ProtocolStatus) wire.Record {
		return wire.NewRecord(wire.TypeEndRequest, id, wire.EndRequest{Status: status}.Append(nil))
	}
	const ok, refuses = wire.RequestComplete, wire.CantMultiplex
	tests := []struct {
		server string
		answer []wire.Record
		close  bool
		want   Multiplexing
		ended  []uint16
	}{
		{"libfcgi, perl-FCGI, fcgiwrap", []wire.Record{end(2, refuses), text(1), eof(1), end(1, ok)}, false, MultiplexRefused, []uint16{2, 1}},
		{"libfcgi-filter", []wire.Record{end(2, refuses), text(1), eof(1), end(1, ok)}, true, MultiplexRefused, []uint16{2, 1}},
		{"php-fpm, php-cgi, ruby-fcgi, uwsgi", []wire.Record{text(1), end(1, ok)}, true, MultiplexLost, []uint16{1}},
		{"Net-Async-FastCGI, AnyEvent-FCGI", []wire.Record{text(1), eof(1), end(1, ok), text(2), eof(2), end(2, ok)}, false, MultiplexWorks, []uint16{1, 2}},
		{"Go", []wire.Record{text(2), eof(2), end(2, ok), text(1), eof(1), end(1, ok)}, false, MultiplexWorks, []uint16{2, 1}},
		{"node-fastcgi", []wire.Record{text(1), text(2), text(1), text(2), eof(2), end(2, ok)}, true, MultiplexLost, []uint16{2}},

		{"silent", nil, false, MultiplexUnanswered, nil},
		{"closes", nil, true, MultiplexUnanswered, nil},
		{"only refuses", []wire.Record{end(2, refuses)}, false, MultiplexRefused, []uint16{2}},
		{"refuses both", []wire.Record{end(2, refuses), end(1, refuses)}, false, MultiplexRefused, []uint16{2, 1}},
		{"ends one twice", []wire.Record{end(1, ok), end(1, ok)}, true, MultiplexLost, []uint16{1}},
		{"ends others", []wire.Record{end(3, ok), end(0, ok), end(1, ok)}, true, MultiplexLost, []uint16{1}},
		{"overloaded", []wire.Record{end(1, wire.Overloaded), end(2, ok)}, true, MultiplexWorks, []uint16{1, 2}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			a := app{t, NewRaw(far, nil)}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for _, typ := range []wire.Type{wire.TypeBeginRequest, wire.TypeParams, wire.TypeParams, wire.TypeStdin} {
					a.want(typ, 1)
					a.want(typ, 2)
				}
				a.send(tt.answer...)
				if tt.close {
					a.Close()
				}
			}()
			r, err := TryMultiplex(t.Context(), near, nil, []wire.Pair{wire.NewPair("A", "b")}, time.Second)
			var late *TimeoutError
			if err != nil || r.Result != tt.want || !slices.Equal(r.Ended, tt.ended) ||
				r.Closed != (tt.close && len(tt.ended) < 2) || errors.As(r.Err, &late) != (!tt.close && len(tt.ended) < 2) {
				t.Errorf("%s: %+v, error %v", tt.server, r, err)
			}
			<-done
			a.Close()
		})
	}
}

// TestTryMultiplexCancelled: it ends with its context.
func TestTryMultiplexCancelled(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := TryMultiplex(ctx, near, nil, nil, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, error %v", r, err)
	}
}

// TestTryMultiplexRealPeers: the real ones do what it says there.
func TestTryMultiplexRealPeers(t *testing.T) {
	for peer, want := range map[string]Multiplexing{
		"php-fpm":           MultiplexLost,
		"libfcgi-responder": MultiplexRefused,
		"perl-fcgi":         MultiplexRefused,
		"fcgiwrap":          MultiplexRefused,
		"perl-async":        MultiplexWorks,
		"go-fcgi":           MultiplexWorks,
	} {
		t.Run(peer, func(t *testing.T) {
			t.Parallel()
			values := wiretest.RealPeer(t, peer)
			c, err := transport.Dial(t.Context(), transport.Addr{Network: "tcp", Address: values["tcp"]})
			if err != nil {
				t.Fatal(err)
			}
			params := []wire.Pair{
				wire.NewPair("REQUEST_METHOD", "GET"), wire.NewPair("SCRIPT_NAME", "/"), wire.NewPair("SCRIPT_FILENAME", "/"),
				wire.NewPair("REQUEST_URI", "/"), wire.NewPair("SERVER_PROTOCOL", "HTTP/1.1"),
			}
			if r, err := TryMultiplex(t.Context(), c, nil, params, 20*time.Second); err != nil || r.Result != want {
				t.Errorf("%+v, error %v, want %d", r, err, want)
			}
		})
	}
}
