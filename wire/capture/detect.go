package capture

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// Bounds on the bytes of connections that are not known yet to be FastCGI.
const (
	maxUndecided    = 160 << 10 // bytes of a connection: two records of any size
	maxUndecidedAll = 8 << 20
	maxHeld         = 4096 // chunks of a connection
)

// DecodeOptions say what Decode does. The zero value is ready.
type DecodeOptions struct {
	// Ports: a connection with one of these ports is decoded whatever it
	// speaks; the end that has the port is the application.
	Ports []uint16
	// Whole passes records on in one piece, see flow.Conn.
	Whole bool
	// Warn is told of damage to the input. The error is an *InputError.
	Warn func(error)
}

// Stats count what an input held.
type Stats struct {
	Connections int   // that speak FastCGI
	Others      int   // that speak something else
	Bare        int   // of these, those that the input says nothing about: it was all one
	Silent      int   // on which nothing was sent
	Bytes       int64 // of all connections, as far as they were captured
	Frames      int   // packets or lines up to the last one that brought something
	// Hints counts what the others look like, by wire.Hint; "" where it knows
	// nothing.
	Hints map[string]int
}

// Decode reads src to its end, finds the connections that speak FastCGI, and
// passes their events to emit. Events of a connection are in order, those of
// different connections in the order of time as far as the input is. Decode
// returns early when ctx is done, with its error, after the end of all
// connections was passed on; the errors of src other than an *InputError end
// it, too.
func Decode(ctx context.Context, src Source, o DecodeOptions, emit func(*flow.Event)) (Stats, error) {
	d := detector{DecodeOptions: o, emit: emit, conns: make(map[*flow.ConnInfo]*tracked)}
	d.stats.Hints = make(map[string]int)
	err := d.run(ctx, src)
	d.endAll()
	return d.stats, err
}

// pollEvery is how many chunks are decoded between two looks at the context.
const pollEvery = 256

// A detector is Decode at work.
type detector struct {
	DecodeOptions
	emit  func(*flow.Event)
	conns map[*flow.ConnInfo]*tracked
	seq   int // connections seen so far
	last  *tracked
	held  int // bytes, of all undecided connections
	stats Stats
}

// A tracked is a connection of the input.
type tracked struct {
	src     *flow.ConnInfo
	seq     int  // by first appearance
	onPort  bool // it is FastCGI, whatever it looks like
	verdict verdict
	app     Side
	conn    flow.Conn
	info    flow.ConnInfo
	how     flow.CloseKind
	lastAt  time.Time
	spoke   bool
	hint    string
	heads   [2]head
	held    []Chunk // undecided: what came, with copies of the data
	holds   int     // bytes in held
}

// A head is the beginning of a direction of an undecided connection.
type head struct {
	buf     []byte
	unknown bool // its first bytes are not those of the connection
	broken  bool // a gap came behind buf
	scan    int  // unknown: buf[:scan] is known to hold no record
}

type verdict uint8

const (
	undecided verdict = iota
	fastCGI
	other
)

func (d *detector) run(ctx context.Context, src Source) error {
	for n := 0; ; n++ {
		if n%pollEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		ch, err := src.Next()
		var damage *InputError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &damage):
			if d.Warn != nil {
				d.Warn(err)
			}
		case err != nil:
			return err
		default:
			d.chunk(&ch)
		}
	}
}

func (d *detector) chunk(ch *Chunk) {
	t := d.last
	if t == nil || t.src != ch.Conn {
		if t = d.conns[ch.Conn]; t == nil {
			t = d.begin(ch)
		}
		d.last = t
	}
	if !ch.At.IsZero() {
		t.lastAt = ch.At
	}
	d.stats.Bytes += int64(len(ch.Data))
	d.stats.Frames = max(d.stats.Frames, ch.Frame)
	t.spoke = t.spoke || len(ch.Data) > 0
	switch t.verdict {
	case fastCGI:
		d.feed(t, ch)
	case undecided:
		d.undecided(t, ch)
	case other:
		d.reconsider(t, ch)
	}
	if ch.Kind == ChunkEnd {
		d.end(t)
	}
}

func (d *detector) begin(ch *Chunk) *tracked {
	t := &tracked{src: ch.Conn, seq: d.seq}
	t.onPort = t.hasPort(d.Ports)
	d.seq++
	d.conns[ch.Conn] = t
	return t
}

// undecided deals with a chunk of a connection that may be FastCGI.
func (d *detector) undecided(t *tracked, ch *Chunk) {
	if ch.Given {
		t.app, t.onPort = B, true
	}
	if t.onPort {
		if ch.Kind == ChunkData || ch.Kind == ChunkGap {
			d.decide(t)
			d.feed(t, ch)
			return
		}
	} else if h := &t.heads[ch.Side]; ch.Kind == ChunkData && len(t.held) == 0 && !h.unknown {
		// The usual case: the first bytes tell, and need not be copied.
		if g := walk(ch.Data); g.strong {
			t.app = appOf(ch.Side, g.dir)
			d.decide(t)
			d.feed(t, ch)
			return
		}
	}
	d.hold(t, ch)
	if ch.Kind == ChunkRst || ch.Kind == ChunkFin && len(t.heads[ch.Side].buf) == 0 {
		// Nothing is to be expected that says more.
		if v := t.judge(true); v == fastCGI {
			d.conclude(t, v)
		}
	}
	if ch.Kind != ChunkData {
		return
	}
	v := t.judge(false)
	if v == undecided && (t.holds > maxUndecided || len(t.held) > maxHeld || d.held > maxUndecidedAll) {
		v = t.judge(true)
	}
	d.conclude(t, v)
}

// conclude carries out a verdict.
func (d *detector) conclude(t *tracked, v verdict) {
	switch v {
	case fastCGI:
		d.decide(t)
		held := t.held
		d.release(t)
		for i := range held {
			d.feed(t, &held[i])
		}
	case other:
		t.verdict = other
		t.hint = t.looks()
		d.release(t)
	}
}

// hold keeps a copy of ch until the connection is known.
func (d *detector) hold(t *tracked, ch *Chunk) {
	h := &t.heads[ch.Side]
	c := *ch
	switch ch.Kind {
	case ChunkGap:
		h.unknown = h.unknown || len(h.buf) == 0
		h.broken = len(h.buf) > 0
	case ChunkData:
		if h.broken { // search behind the gap as well: the seam is no record
			h.buf, h.scan, h.unknown, h.broken = nil, 0, true, false
		}
		n := len(h.buf)
		h.buf = append(h.buf, ch.Data...)
		c.Data = h.buf[n:len(h.buf):len(h.buf)]
		t.holds += len(ch.Data)
		d.held += len(ch.Data)
	}
	t.held = append(t.held, c)
}

func (d *detector) release(t *tracked) {
	d.held -= t.holds
	t.held, t.holds, t.heads = nil, 0, [2]head{}
}

// reconsider looks whether a connection that was taken for something else
// begins a request: it may have been captured from the middle of a record on.
func (d *detector) reconsider(t *tracked, ch *Chunk) {
	if ch.Kind != ChunkData || !begins(ch.Data) {
		return
	}
	t.app = ch.Side.Other()
	d.decide(t)
	t.conn.Lost(wire.ToApp, -1, ch.At, d.emit)
	t.conn.Lost(wire.ToServer, -1, ch.At, d.emit)
	d.feed(t, ch)
}

// decide makes t a FastCGI connection, the next one.
func (d *detector) decide(t *tracked) {
	t.verdict = fastCGI
	t.info = *t.src
	t.info.N = d.stats.Connections
	if t.app == A {
		t.info.Client, t.info.Server = t.src.Server, t.src.Client
	}
	t.conn.Info, t.conn.Whole = &t.info, d.Whole
	d.stats.Connections++
}

// feed passes a chunk on to the observer.
func (d *detector) feed(t *tracked, ch *Chunk) {
	dir := wire.ToServer
	if ch.Side != t.app {
		dir = wire.ToApp
	}
	switch ch.Kind {
	case ChunkData:
		t.conn.Feed(dir, ch.At, ch.Data, d.emit)
	case ChunkGap:
		t.conn.Lost(dir, ch.Lost, ch.At, d.emit)
	case ChunkFin:
		if t.how == flow.CloseUnknown {
			t.how = flow.CloseByServer
			if dir == wire.ToServer {
				t.how = flow.CloseByApp
			}
		}
	case ChunkRst:
		if t.how == flow.CloseUnknown {
			t.how = flow.ResetByServer
			if dir == wire.ToServer {
				t.how = flow.ResetByApp
			}
		}
	}
}

// end ends a connection.
func (d *detector) end(t *tracked) {
	if t.verdict == undecided && t.spoke {
		d.conclude(t, t.judge(true))
	}
	switch {
	case t.verdict == fastCGI:
		t.conn.Close(t.lastAt, t.how, nil, d.emit)
	case t.spoke && t.src.Network == "" && t.src.Fd >= 0:
		// A descriptor in a trace that nobody said is a socket: a file.
	case t.spoke:
		d.stats.Others++
		if *t.src == *bareConn() {
			d.stats.Bare++
		}
		d.stats.Hints[t.hint]++
	default:
		d.stats.Silent++
	}
	d.release(t)
	delete(d.conns, t.src)
	d.last = nil
}

// endAll ends the connections that the source did not end.
func (d *detector) endAll() {
	var open []*tracked
	for _, t := range d.conns {
		open = append(open, t)
	}
	slices.SortFunc(open, func(x, y *tracked) int { return cmp.Compare(x.seq, y.seq) })
	for _, t := range open {
		d.end(t)
	}
}
