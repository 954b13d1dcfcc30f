package client

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// A Multiplexing is what an app does with two requests at once on a connection.
type Multiplexing uint8

// What apps do.
const (
	MultiplexUnanswered Multiplexing = iota // answers neither
	MultiplexLost                           // answers one and forgets the other
	MultiplexRefused                        // answers one and refuses the other, with CANT_MPX_CONN
	MultiplexWorks                          // answers both
)

// A MultiplexReport says how TryMultiplex came to its result.
type MultiplexReport struct {
	Result Multiplexing
	Ended  []uint16 // the ids, 1 and 2, in the order of END_REQUEST
	Closed bool     // the app closed the connection before both had ended
	Err    error    // why reading ended before that: io.EOF, a *TimeoutError …
}

// TryMultiplex sends two requests with params over c, a new connection, their
// records interleaved, and closes it. limit is how long all of it may take. Apps
// that cannot do it may run one of the requests without its params (php-fpm).
// The error is that of ctx. See FastCGI 1.0, section 3.3.
func TryMultiplex(ctx context.Context, c net.Conn, observe Observer, params []wire.Pair, limit time.Duration) (MultiplexReport, error) {
	raw := NewRaw(c, observe)
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	_ = raw.SetDeadline(time.Now().Add(limit))
	var report MultiplexReport
	if report.Err = sendInterleaved(raw, params); report.Err == nil {
		report.read(raw)
	}
	if errors.Is(report.Err, os.ErrDeadlineExceeded) {
		report.Err = &TimeoutError{Idle: limit}
	} else {
		report.Closed = report.Err != nil
	}
	return report, ctx.Err()
}

// sendInterleaved sends requests 1 and 2, a record of each in turn. They have
// KEEP_CONN, as otherwise an app may rightly close after the first.
func sendInterleaved(raw *Raw, params []wire.Pair) error {
	content := wire.AppendPairs(nil, params)
	records := func(id uint16) []wire.Record {
		return []wire.Record{
			wire.BeginRecord(id, wire.Responder, wire.KeepConn),
			wire.NewRecord(wire.TypeParams, id, content),
			wire.NewRecord(wire.TypeParams, id, nil),
			wire.NewRecord(wire.TypeStdin, id, nil),
		}
	}
	second := records(2)
	for i, rec := range records(1) {
		if err := raw.WriteRecord(rec); err != nil {
			return err
		}
		if err := raw.WriteRecord(second[i]); err != nil {
			return err
		}
	}
	return raw.Flush()
}

// read reads the answers.
func (r *MultiplexReport) read(raw *Raw) {
	answered := 0
	for len(r.Ended) < 2 {
		rec, err := raw.ReadRecord()
		if err != nil {
			r.Err = err
			break
		}
		if rec.Type != wire.TypeEndRequest || rec.RequestID < 1 || rec.RequestID > 2 || len(r.Ended) == 1 && r.Ended[0] == rec.RequestID {
			continue
		}
		r.Ended = append(r.Ended, rec.RequestID)
		if end, _ := wire.ParseEndRequest(rec.Content); end.Status == wire.CantMultiplex {
			r.Result = MultiplexRefused
		} else {
			answered++
		}
	}
	switch {
	case answered == 2:
		r.Result = MultiplexWorks
	case answered == 1 && r.Result != MultiplexRefused:
		r.Result = MultiplexLost
	}
}
