package client

import (
	"errors"
	"slices"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Certainty says how far a guess can be trusted.
type Certainty uint8

// The certainties.
const (
	Unknown  Certainty = iota // no guess
	Possible                  // others behave in the same way
	Likely                    // nobody else who is known does
)

var certainties = [...]string{Unknown: "unknown", Possible: "possible", Likely: "likely"}

// String returns a word.
func (c Certainty) String() string { return certainties[c] }

// A Kind is a guess at what an app is made with, from the way in which it
// answered the question for the three values of section 4.1.
type Kind struct {
	Name      string    // such as "php-fpm"; "" where Certainty is Unknown
	Certainty Certainty //
	Why       string    // what it did
}

// kinds is how the servers that were measured answer, each value once and in
// the order sent. The first row that matches is taken.
var kinds = []struct {
	kind    Kind
	answer  []string // NAME=VALUE; a value * is any
	any     bool     // in any order
	trailed bool     // and then an empty GET_VALUES_RESULT
}{
	{kind: Kind{"php-fpm", Likely, "it tells FCGI_MPXS_CONNS=0 and nothing else"}, answer: []string{"FCGI_MPXS_CONNS=0"}},
	{kind: Kind{"php-cgi", Likely, "it tells the three values, the last one first"},
		answer: []string{"FCGI_MPXS_CONNS=0", "FCGI_MAX_REQS=*", "FCGI_MAX_CONNS=*"}},
	{kind: Kind{"libfcgi, Perl's FCGI or fcgiwrap", Likely, "it tells 1, 1 and 0"},
		answer: []string{"FCGI_MAX_CONNS=1", "FCGI_MAX_REQS=1", "FCGI_MPXS_CONNS=0"}},
	{kind: Kind{"Go's net/http/fcgi", Likely, "it tells FCGI_MPXS_CONNS=1 only, and then sends an empty GET_VALUES_RESULT"},
		answer: []string{"FCGI_MPXS_CONNS=1"}, trailed: true},
	{kind: Kind{"Net::Async::FastCGI or fcgiscope", Likely, "it tells 1024, 1024 and 1"},
		answer: []string{"FCGI_MAX_CONNS=1024", "FCGI_MAX_REQS=1024", "FCGI_MPXS_CONNS=1"}, any: true},
	{kind: Kind{"node-fastcgi", Likely, "it tells 2000, 2000 and 1"},
		answer: []string{"FCGI_MAX_CONNS=2000", "FCGI_MAX_REQS=2000", "FCGI_MPXS_CONNS=1"}},
}

// silentKinds are the apps that leave GET_VALUES without an answer.
var (
	silentKind = Kind{"uwsgi or AnyEvent::FCGI", Possible, "it takes the connection and does not answer; one whose workers are all busy does the same"}
	closedKind = Kind{"ruby-fcgi", Possible, "it closes without an answer; php-fpm does so where listen.allowed_clients does not name this machine"}
)

// GuessKind guesses what an app is made with. a and err are what AskValues
// returned, asked for the three values of the specification.
func GuessKind(a ValuesAnswer, err error) Kind {
	var late *TimeoutError
	var closed *ClosedError
	switch {
	case errors.As(err, &late) && late.Received == 0:
		return silentKind
	case errors.As(err, &closed) && closed.Received == 0:
		return closedKind
	case err != nil:
		return Kind{}
	}
	for _, row := range kinds {
		if row.trailed == a.Trailed && matches(row.answer, a.Pairs, row.any) {
			return row.kind
		}
	}
	return Kind{}
}

// matches reports whether the pairs are those of an answer.
func matches(want []string, pairs []wire.Pair, anyOrder bool) bool {
	var got []string
	for _, p := range pairs {
		got = append(got, string(p.Name)+"="+string(p.Value))
	}
	if anyOrder {
		want = slices.Sorted(slices.Values(want))
		slices.Sort(got)
	}
	return slices.EqualFunc(want, got, func(want, got string) bool {
		if n := len(want) - 1; want[n] == '*' {
			return len(got) > n && got[:n] == want[:n]
		}
		return want == got
	})
}
