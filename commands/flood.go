package commands

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// What a floodgate lets pass of each kind of message: so many as come, and in
// each second no more than that.
const (
	floodLines  = 10
	floodPeriod = time.Second
)

// A floodgate passes messages on and counts those that are too many: who can
// make a server write a line with every request must not fill its log. Its
// methods may be called concurrently; it has to be closed.
type floodgate struct {
	say func(message string)

	mu     sync.Mutex
	kinds  map[string]*flood // those that are passed on, or were a second ago
	closed bool
}

// A flood is the messages of one kind within a second.
type flood struct {
	passed, held int
	timer        *time.Timer
}

func newFloodgate(say func(string)) *floodgate {
	return &floodgate{say: say, kinds: make(map[string]*flood)}
}

// tell passes a message on unless there were too many of its kind, which is a
// word of few: each is remembered for a second.
func (g *floodgate) tell(kind, message string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.kinds[kind]
	if f == nil && !g.closed {
		f = &flood{}
		f.timer = time.AfterFunc(floodPeriod, func() { g.over(kind) })
		g.kinds[kind] = f
	}
	if f != nil && f.passed == floodLines {
		f.held++
		return
	}
	if f != nil {
		f.passed++
	}
	g.say(message)
}

// over begins the next second of a kind, if anything came in the last one.
func (g *floodgate) over(kind string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.kinds[kind]
	if f == nil {
		return // it was closed
	}
	g.count(kind, f)
	if f.passed == 0 {
		delete(g.kinds, kind)
		return
	}
	f.passed = 0
	f.timer.Reset(floodPeriod)
}

// count tells how many messages were held back.
func (g *floodgate) count(kind string, f *flood) {
	if f.held > 0 {
		g.say(fmt.Sprintf("%s: %d more like this", kind, f.held))
	}
	f.held = 0
}

// close tells what is left to be told.
func (g *floodgate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, kind := range slices.Sorted(maps.Keys(g.kinds)) {
		f := g.kinds[kind]
		f.timer.Stop()
		g.count(kind, f)
	}
	clear(g.kinds)
}
