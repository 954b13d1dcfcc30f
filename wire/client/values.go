package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An UnknownTypeError says that the app answered GET_VALUES with UNKNOWN_TYPE.
type UnknownTypeError struct {
	Type wire.Type // that the app says it does not know
}

// Error names the type.
func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("client: the app does not know %v", e.Type)
}

// A ValuesAnswer is what an app answered to GET_VALUES.
type ValuesAnswer struct {
	Pairs   []wire.Pair // as they came, in order
	Trailed bool        // a second GET_VALUES_RESULT came, empty and not asked for
}

// trailTime is how long to wait for what Trailed is about. The one app that is
// known to do it sends the two records one after the other.
const trailTime = 100 * time.Millisecond

// Values asks the app for the values of names, of wire.ValueNames if there are
// none, and closes the connection, which must be a new
// one: some apps do not survive it, and many do not answer, so ctx should be a
// short one. The pairs are as the app sent them, and may be fewer, others, or
// none. See FastCGI 1.0, section 4.1.
func (c *Conn) Values(ctx context.Context, names ...string) ([]wire.Pair, error) {
	a, err := c.askValues(ctx, names, false)
	return a.Pairs, err
}

// AskValues is Values, and finds out what GuessKind wants to know; that can
// take 0.1 s longer.
func (c *Conn) AskValues(ctx context.Context, names ...string) (ValuesAnswer, error) {
	return c.askValues(ctx, names, true)
}

func (c *Conn) askValues(ctx context.Context, names []string, trail bool) (a ValuesAnswer, err error) {
	if len(names) == 0 {
		names = wire.ValueNames()
	}
	c.mu.Lock()
	err = c.err
	if err == nil && c.used {
		err = errors.New("client: GET_VALUES needs a connection of its own")
	}
	if err == nil {
		c.err = ErrClosed
	}
	c.mu.Unlock()
	if err != nil {
		return a, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	a.Pairs, err = c.values(names)
	if err == nil && trail && len(a.Pairs) == 1 {
		a.Trailed = c.trailed()
	}
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("client: no answer to GET_VALUES: %w", ctx.Err())
	}
	return a, err
}

// trailed reports whether an empty GET_VALUES_RESULT comes. What else there is
// about it is no matter: the answer is there.
func (c *Conn) trailed() bool {
	_ = c.link.SetReadDeadline(time.Now().Add(trailTime))
	rec, err := c.rd.ReadRecord()
	return err == nil && rec.Type == wire.TypeGetValuesResult && len(rec.Content) == 0
}

func (c *Conn) values(names []string) ([]wire.Pair, error) {
	if err := c.w.WriteRecord(valuesRecord(names)); err != nil {
		return nil, err
	}
	if err := c.w.Flush(); err != nil {
		return nil, c.valuesError(err)
	}
	start := time.Now()
	c.link.armRead(start)
	rec, err := c.rd.ReadRecord()
	switch {
	case errors.Is(err, errForeign):
		return nil, foreignError(0, c.rd.Buffered())
	case err != nil:
		return nil, c.valuesError(err)
	case rec.Version != wire.Version1:
		return nil, foreignError(0, rec.Append(nil))
	case rec.Type == wire.TypeUnknownType:
		u, _ := wire.ParseUnknownType(rec.Content)
		return nil, &UnknownTypeError{Type: u.Type}
	case rec.Type != wire.TypeGetValuesResult:
		return nil, &ProtocolError{Rule: wire.RuleOutputInactive, Header: rec.Header}
	}
	return wire.ParsePairs(rec.Clone().Content)
}

func (c *Conn) valuesError(err error) error {
	received := c.link.received.Load()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &TimeoutError{Idle: c.opts.Idle, Received: received}
	}
	return &ClosedError{Received: received, Err: err}
}

// valuesRecord asks for each name once, and is padded: libfcgi has a buffer of
// 64 bytes that a repeated name overflows, and it holds the answer to a record
// without padding back until another record comes.
func valuesRecord(names []string) wire.Record {
	var content []byte
	seen := make(map[string]bool)
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			content = wire.NewPair(name, "").Append(content)
		}
	}
	rec := wire.NewRecord(wire.TypeGetValues, 0, content)
	pad := wire.PadTo8(len(content))
	if pad == 0 {
		pad = 8
	}
	rec.Padding = make([]byte, pad)
	return rec
}

// InFlight returns the Options.InFlight for an app that answered GET_VALUES
// with values: want, but not more than wire.MaxReqs, if the app takes several
// requests on a connection, else 1.
func InFlight(values []wire.Pair, want int) int {
	if v, _ := wire.Lookup(values, wire.MpxsConns); string(v) != "1" {
		return 1
	}
	if v, ok := wire.Lookup(values, wire.MaxReqs); ok {
		if n, err := strconv.Atoi(string(v)); err == nil {
			want = min(want, n)
		}
	}
	return max(1, want)
}
