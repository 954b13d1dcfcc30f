package server

import (
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// The defaults of Limits.
const (
	DefaultConns           = 1024
	DefaultRequests        = 1024
	DefaultRequestsPerConn = 64
	DefaultParamsBytes     = 1 << 20
	DefaultPairs           = 10000
	DefaultStdinBuffer     = 128 << 10
	DefaultBuffered        = 64 << 20
	DefaultHeld            = 1 << 30
	DefaultIdleTime        = 5 * time.Minute
	DefaultParamsTime      = time.Minute
	DefaultWriteTime       = time.Minute
	DefaultHandlerTime     = 5 * time.Minute
	DefaultHalfCloseTime   = 5 * time.Second
)

// lingerTime is how long a connection that is closed while its peer still
// sends is read on, so that the peer reads the answer and not a reset.
const lingerTime = 2 * time.Second

// Limits bound what peers can make a Server hold. A field that is 0 means its
// default, a negative one no limit.
type Limits struct {
	// Conns is how many connections Serve holds at once; more wait in the
	// listener's backlog. Told as FCGI_MAX_CONNS.
	Conns int
	// Requests is how many requests there are at once, those whose handler
	// still runs after an abort included; another one is answered with
	// OVERLOADED. Told as FCGI_MAX_REQS.
	Requests int
	// RequestsPerConn is Requests for one connection.
	RequestsPerConn int
	// ParamsBytes and Pairs bound the PARAMS of a request, in bytes as they are
	// on the wire and in number. A request with more is answered with 431.
	ParamsBytes, Pairs int
	// StdinBuffer is how many bytes of STDIN, and of DATA, wait for the handler
	// of a request; one record more may. When the request is alone on its
	// connection no more is read until there is room; when it is not, it fails
	// with 413, and the others go on. Where the handler waits for STDIN and DATA
	// comes, or the other way round, more is read all the same, up to Buffered.
	StdinBuffer int
	// Buffered is how many bytes of PARAMS, STDIN and DATA are kept over all
	// requests. A request that would need more is answered with OVERLOADED.
	Buffered int
	// Held is how many bytes of bodies the app echo holds over all requests, in
	// memory and in temporary files: it answers when a body has come whole. A
	// request that would need more is answered with OVERLOADED.
	Held int
	// IdleTime is how long a connection may send nothing while something is due
	// from it: a request, or the rest of one.
	IdleTime time.Duration
	// ParamsTime is how long the PARAMS of a request may take to come, from
	// BEGIN_REQUEST on, and IdleTime more. A request that is late is answered
	// with 408.
	ParamsTime time.Duration
	// WriteTime is how long one write, of at most 96 KiB, may take.
	WriteTime time.Duration
	// HandlerTime is how long a handler may run. After it the request is ended
	// with appStatus 408, and with the status 408 if there was no response
	// header yet.
	HandlerTime time.Duration
	// HalfCloseTime is how long handlers run on when the peer has closed its
	// side of a TCP connection, which may mean that it closed both. On a Unix
	// socket the two can be told apart, and handlers are cancelled at once.
	HalfCloseTime time.Duration
}

// withDefaults returns l with no field 0, and no limit as the largest value.
func (l Limits) withDefaults() Limits {
	number := func(n *int, def int) {
		if *n == 0 {
			*n = def
		} else if *n < 0 {
			*n = int(^uint(0) >> 1)
		}
	}
	duration := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		} else if *d < 0 {
			*d = 0
		}
	}
	number(&l.Conns, DefaultConns)
	number(&l.Requests, DefaultRequests)
	number(&l.RequestsPerConn, DefaultRequestsPerConn)
	number(&l.ParamsBytes, DefaultParamsBytes)
	number(&l.Pairs, DefaultPairs)
	number(&l.StdinBuffer, DefaultStdinBuffer)
	number(&l.Buffered, DefaultBuffered)
	number(&l.Held, DefaultHeld)
	duration(&l.IdleTime, DefaultIdleTime)
	duration(&l.ParamsTime, DefaultParamsTime)
	duration(&l.WriteTime, DefaultWriteTime)
	duration(&l.HandlerTime, DefaultHandlerTime)
	duration(&l.HalfCloseTime, DefaultHalfCloseTime)
	return l
}

// values is what GET_VALUES is told where Server.Values is nil.
func (l Limits) values(oneAtATime bool) []wire.Pair {
	mpxs := "1"
	if oneAtATime {
		mpxs = "0"
	}
	return []wire.Pair{
		wire.NewPair(wire.MaxConns, strconv.Itoa(l.Conns)),
		wire.NewPair(wire.MaxReqs, strconv.Itoa(l.Requests)),
		wire.NewPair(wire.MpxsConns, mpxs),
	}
}
