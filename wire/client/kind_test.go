package client

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/transport"
	"github.com/fcgiscope/fcgiscope/wire/wiretest"
)

const libfcgiName = "libfcgi, Perl's FCGI or fcgiwrap"

// valuesResult makes a GET_VALUES_RESULT of name, value, name …
func valuesResult(words ...string) wire.Record {
	var content []byte
	for i := 0; i < len(words); i += 2 {
		content = wire.NewPair(words[i], words[i+1]).Append(content)
	}
	return wire.NewRecord(wire.TypeGetValuesResult, 0, content)
}

// TestGuessKind: the thirteen servers of which it is known how they answer, and
// those who answer like none of them.
func TestGuessKind(t *testing.T) {
	const conns, reqs, mpxs = wire.MaxConns, wire.MaxReqs, wire.MpxsConns
	libfcgi := []wire.Record{valuesResult(conns, "1", reqs, "1", mpxs, "0")}
	tests := []struct {
		server  string
		answers []wire.Record
		close   bool
		want    string
	}{
		{"php-fpm", []wire.Record{valuesResult(mpxs, "0")}, false, "php-fpm"},
		{"php-cgi", []wire.Record{valuesResult(mpxs, "0", reqs, "0", conns, "0")}, false, "php-cgi"},
		{"php-cgi with children", []wire.Record{valuesResult(mpxs, "0", reqs, "4", conns, "4")}, false, "php-cgi"},
		{"libfcgi-responder", libfcgi, false, libfcgiName},
		{"libfcgi-authorizer", libfcgi, false, libfcgiName},
		{"libfcgi-filter", libfcgi, false, libfcgiName},
		{"perl-FCGI", libfcgi, false, libfcgiName},
		{"fcgiwrap", libfcgi, false, libfcgiName},
		{"Net-Async-FastCGI", []wire.Record{valuesResult(mpxs, "1", conns, "1024", reqs, "1024")}, false, "Net::Async::FastCGI or fcgiscope"},
		{"Go", []wire.Record{valuesResult(mpxs, "1"), valuesResult()}, false, "Go's net/http/fcgi"},
		{"node-fastcgi", []wire.Record{valuesResult(conns, "2000", reqs, "2000", mpxs, "1")}, false, "node-fastcgi"},
		{"AnyEvent-FCGI", nil, false, silentKind.Name},
		{"uwsgi", nil, false, silentKind.Name},
		{"ruby-fcgi", nil, true, closedKind.Name},

		{"like Go, but once", []wire.Record{valuesResult(mpxs, "1")}, false, ""},
		{"like Go, but closes", []wire.Record{valuesResult(mpxs, "1")}, true, ""},
		{"like Go, and then something else", []wire.Record{valuesResult(mpxs, "1"), wire.NewRecord(wire.TypeStdout, 1, nil)}, false, ""},
		{"like php-fpm, but twice", []wire.Record{valuesResult(mpxs, "0"), valuesResult()}, false, ""},
		{"others", []wire.Record{valuesResult(mpxs, "1", conns, "10", reqs, "50")}, false, ""},
		{"nothing", []wire.Record{valuesResult()}, false, ""},
		{"no value", []wire.Record{valuesResult(mpxs, "0", reqs, "", conns, "")}, false, ""},
		{"UNKNOWN_TYPE", []wire.Record{wire.NewRecord(wire.TypeUnknownType, 0, []byte{9, 0, 0, 0, 0, 0, 0, 0})}, false, ""},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			c, a := pair(t, Options{Idle: time.Second})
			go func() {
				a.want(wire.TypeGetValues, 0)
				for _, r := range tt.answers {
					a.send(r)
				}
				if tt.close {
					a.Close()
				}
			}()
			kind := GuessKind(c.AskValues(t.Context()))
			if kind.Name != tt.want || (kind.Certainty == Unknown) != (tt.want == "") || (kind.Why == "") != (tt.want == "") {
				t.Errorf("%s: %+v, want %q", tt.server, kind, tt.want)
			}
			a.Close()
		})
	}
	for _, err := range []error{
		io.EOF, &TimeoutError{Received: 1}, &ClosedError{Received: 1, Err: io.EOF}, &ProtocolError{}, errors.New("x"),
	} {
		if kind := GuessKind(ValuesAnswer{}, err); kind != (Kind{}) {
			t.Errorf("%v: %+v", err, kind)
		}
	}
}

// TestGuessKindRealPeers: the real ones answer as it says there.
func TestGuessKindRealPeers(t *testing.T) {
	for peer, want := range map[string]string{
		"php-fpm":            "php-fpm",
		"libfcgi-responder":  libfcgiName,
		"libfcgi-authorizer": libfcgiName,
		"libfcgi-filter":     libfcgiName,
		"perl-fcgi":          libfcgiName,
		"fcgiwrap":           libfcgiName,
		"perl-async":         "Net::Async::FastCGI or fcgiscope",
		"go-fcgi":            "Go's net/http/fcgi",
	} {
		t.Run(peer, func(t *testing.T) {
			t.Parallel()
			values := wiretest.RealPeer(t, peer)
			for _, network := range []string{"tcp", "unix"} {
				if values[network] == "" {
					continue
				}
				c, err := Dial(t.Context(), transport.Addr{Network: network, Address: values[network]}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				answer, err := c.AskValues(t.Context())
				if kind := GuessKind(answer, err); kind.Name != want || kind.Certainty != Likely {
					t.Errorf("%s: %+v from %v, error %v, want %q", network, kind, answer, err, want)
				}
			}
		})
	}
}
