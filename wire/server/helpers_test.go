package server

import (
	"net"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

func goexit() { runtime.Goexit() }

// An errorLog keeps what was reported.
type errorLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *errorLog) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, err.Error())
}

func (l *errorLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// A recorder keeps what an Observer of one connection is told.
type recorder struct {
	dirs   []wire.Direction
	bytes  [][]byte
	closes int
	how    flow.CloseKind
	done   chan struct{}
}

func (r *recorder) observe(net.Conn) Observer {
	r.done = make(chan struct{})
	return r
}

func (r *recorder) Bytes(dir wire.Direction, _ time.Time, p []byte) {
	r.dirs = append(r.dirs, dir)
	r.bytes = append(r.bytes, append([]byte(nil), p...))
}

func (r *recorder) Closed(_ time.Time, how flow.CloseKind, _ error) {
	r.closes++
	r.how = how
	close(r.done)
}

func (r *recorder) wait() { <-r.done }
