package tap

import (
	"context"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire/capture"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// The bounds of what a Watcher holds.
const (
	// DefaultBuffer is the bytes that wait for a watcher, if its Buffer is 0.
	DefaultBuffer = 8 << 20
	// maxWatched is how many connections a watcher follows at once. What it does
	// not follow is counted only.
	maxWatched = 1 << 16
	// entryCost is what an entry of the queue counts beside its bytes.
	entryCost = 96
)

// A Watcher is told what passes over connections, and shows it, in order, in one
// goroutine: that of Run. It is told by a Proxy (Proxy.Watchers), or by who has
// connections of another kind (Open).
type Watcher struct {
	// Lossless makes the traffic wait for the watcher. Otherwise what does not
	// find room is not seen: a gap takes its place.
	Lossless bool
	// Buffer is how many bytes may wait for the watcher; 0 is DefaultBuffer.
	Buffer int

	mu      sync.Mutex
	room    sync.Cond // Lossless: signalled when entries were taken
	work    sync.Cond // signalled when there are entries
	queue   []Piece
	size    int
	watched int
	closed  bool
	missed  Missed
}

// Missed says what a watcher was too slow for.
type Missed struct {
	Bytes       int64 // of connections that it follows; a gap each
	Pieces      int64 // in which these came
	Connections int64 // that it does not follow at all
}

// A Piece is what Run shows. Side A is the web server.
type Piece struct {
	capture.Chunk
	Err error // ChunkEnd: what ended the connection; nil if nothing but its ends did
}

// A Watched is a connection that a watcher follows, or does not. Its methods may
// be called by several goroutines, for each side by one at a time.
type Watched struct {
	w    *Watcher
	info *flow.ConnInfo // nil: not followed
	lost [2]int64       // bytes that found no room, by Side; under w.mu
}

// Open begins to follow a connection. End has to be called at its end, with
// capture.ChunkEnd.
func (w *Watcher) Open(info *flow.ConnInfo) *Watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.init()
	if w.watched >= maxWatched {
		w.missed.Connections++
		return &Watched{w: w}
	}
	w.watched++
	own := *info
	return &Watched{w: w, info: &own}
}

func (w *Watcher) init() {
	if w.room.L == nil {
		w.room.L, w.work.L = &w.mu, &w.mu
		if w.Buffer <= 0 {
			w.Buffer = DefaultBuffer
		}
	}
}

// Data tells that side sends p, which is copied. It waits only if the watcher
// is lossless.
func (c *Watched) Data(side capture.Side, at time.Time, p []byte) {
	if c.info == nil {
		return
	}
	w := c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	cost := entryCost + len(p)
	// What alone is larger than the queue has to find room in an empty one.
	for w.Lossless && !w.closed && w.size > 0 && w.size+cost > w.Buffer {
		w.room.Wait()
	}
	switch {
	case w.closed:
		return
	case !w.Lossless && w.size+cost > w.Buffer:
		c.lost[side] += int64(len(p))
		w.missed.Bytes += int64(len(p))
		w.missed.Pieces++
		return
	}
	c.tellLost(side, at)
	w.push(Piece{Chunk: capture.Chunk{Conn: c.info, Side: side, Kind: capture.ChunkData, At: at, Data: copyOf(p)}})
}

// tellLost puts a gap where bytes found no room.
func (c *Watched) tellLost(side capture.Side, at time.Time) {
	if c.lost[side] == 0 {
		return
	}
	c.w.push(Piece{Chunk: capture.Chunk{Conn: c.info, Side: side, Kind: capture.ChunkGap, At: at, Lost: c.lost[side]}})
	c.lost[side] = 0
}

// End tells that side closed its direction (capture.ChunkFin), reset the
// connection (ChunkRst), or that nothing more comes (ChunkEnd), for which err
// may be the reason. There is always room for it: there are a few for each
// connection that is followed.
func (c *Watched) End(side capture.Side, kind capture.ChunkKind, at time.Time, err error) {
	if c.info == nil {
		return
	}
	w := c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	c.tellLost(side, at)
	if kind == capture.ChunkEnd {
		c.tellLost(side.Other(), at)
	}
	w.push(Piece{capture.Chunk{Conn: c.info, Side: side, Kind: kind, At: at}, err})
}

func (w *Watcher) push(p Piece) {
	w.queue = append(w.queue, p)
	w.size += entryCost + len(p.Data)
	if len(w.queue) == 1 {
		w.work.Signal()
	}
}

// Run calls show for what passes, until Close is called and all of it is shown,
// or ctx is done. Idle is called when nothing waits to be shown. The piece is
// valid during the call.
func (w *Watcher) Run(ctx context.Context, show func(*Piece), idle func()) {
	stop := context.AfterFunc(ctx, w.Close)
	defer stop()
	var batch []Piece
	for {
		w.mu.Lock()
		w.init()
		if len(w.queue) == 0 && len(batch) > 0 {
			w.mu.Unlock()
			idle()
			w.mu.Lock()
		}
		for len(w.queue) == 0 && !w.closed {
			w.work.Wait()
		}
		batch, w.queue = w.queue, batch[:0]
		w.mu.Unlock()
		if len(batch) == 0 || ctx.Err() != nil {
			return
		}
		for i := range batch {
			p := &batch[i]
			show(p)
			w.taken(p)
			*p = Piece{}
		}
		if cap(batch) > 4096 {
			batch = batch[:0:4096]
		}
	}
}

// taken makes room for what comes.
func (w *Watcher) taken(p *Piece) {
	w.mu.Lock()
	w.size -= entryCost + len(p.Data)
	if p.Kind == capture.ChunkEnd {
		w.watched--
	}
	w.mu.Unlock()
	if w.Lossless {
		w.room.Broadcast()
	}
	release(p.Data)
}

// Close ends Run when all that waits is shown. What passes later is not seen,
// and waits for nobody.
func (w *Watcher) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.init()
	w.closed = true
	w.work.Broadcast()
	w.room.Broadcast()
}

// Missed returns what was not seen so far.
func (w *Watcher) Missed() Missed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.missed
}
