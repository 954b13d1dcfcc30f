package capture

import (
	"maps"
	"slices"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// This file follows what the descriptors of traced processes stand for.

// An fdTable is what the descriptors of a process are. Threads share one.
type fdTable struct {
	fds     map[int]*traced
	threads int
}

// A traced is what a descriptor stands for. Copies of the descriptor share it.
type traced struct {
	info   *flow.ConnInfo
	file   bool    // no connection
	inside bool    // was open before the trace began
	ours   Side    // of the process that is traced
	seen   [2]bool // sides that something was seen of
	begun  bool    // a chunk was passed on
	refs   int
	socket string
}

func (s *straceSource) table(pid string) *fdTable {
	t := s.tables[pid]
	if t == nil {
		if len(s.tables) >= maxProcesses {
			for old := range s.tables { // any: their traces are that old
				s.exit(old)
				break
			}
		}
		t = &fdTable{fds: map[int]*traced{}, threads: 1}
		s.tables[pid] = t
	}
	return t
}

// get returns what a descriptor stands for. One that nothing is known of was
// open before the trace began.
func (s *straceSource) get(pid string, fd int, about string) *traced {
	t := s.table(pid)
	x := t.fds[fd]
	if x != nil && (about == "" || x.socket == about || x.socket == "") {
		if x.socket == "" && x.about(about) {
			s.sockets[about] = x
		}
		return x
	}
	if x != nil {
		s.drop(t, fd)
	}
	if x = s.sockets[about]; x == nil || about == "" {
		x = &traced{inside: true, ours: B, info: s.info(pid, fd)}
		if x.about(about) {
			s.sockets[about] = x
		}
	}
	s.set(t, fd, x)
	return x
}

// about takes what -yy says of a descriptor, and reports whether it is that of
// a socket that can be told from others by it.
func (x *traced) about(about string) bool {
	if about == "" {
		return false
	}
	kind, rest, _ := strings.Cut(about, ":[")
	x.file = !strings.HasPrefix(kind, "TCP") && !strings.HasPrefix(kind, "UNIX") && kind != "socket"
	if x.file {
		return false
	}
	if strings.HasPrefix(kind, "UNIX") {
		x.info.Network = "unix"
	}
	x.socket = about
	if local, remote, ok := strings.Cut(strings.TrimSuffix(rest, "]"), "->"); ok && strings.HasPrefix(kind, "TCP") && x.info.Client == "" && x.info.Server == "" {
		x.info.Network, x.info.Client, x.info.Server = "tcp", remote, local
		if x.ours == A {
			x.info.Client, x.info.Server = local, remote
		}
	}
	return true
}

func (s *straceSource) info(pid string, fd int) *flow.ConnInfo {
	return &flow.ConnInfo{Pid: s.pidNumber(pid), Fd: fd, Opened: s.at}
}

// set makes fd stand for x, and no more for what it stood for.
func (s *straceSource) set(t *fdTable, fd int, x *traced) {
	x.refs++
	s.drop(t, fd)
	if s.open >= maxDescriptors { // no process has so many: they are not closed in the trace
		for _, old := range slices.Sorted(maps.Keys(t.fds)) {
			s.drop(t, old)
		}
	}
	t.fds[fd] = x
	s.open++
}

func (s *straceSource) drop(t *fdTable, fd int) {
	x := t.fds[fd]
	if x == nil {
		return
	}
	delete(t.fds, fd)
	s.open--
	if x.refs--; x.refs > 0 {
		return
	}
	delete(s.sockets, x.socket)
	if x.begun {
		s.chunk(x, x.ours, Chunk{Kind: ChunkFin})
		s.chunk(x, x.ours, Chunk{Kind: ChunkEnd})
	}
}

func (s *straceSource) exit(pid string) {
	t := s.tables[pid]
	if t == nil {
		return
	}
	delete(s.tables, pid)
	if t.threads--; t.threads > 0 {
		return
	}
	for _, fd := range slices.Sorted(maps.Keys(t.fds)) {
		s.drop(t, fd)
	}
}

// chunk passes on a chunk of x. A descriptor that was open before the trace
// began may be in the middle of a record.
func (s *straceSource) chunk(x *traced, side Side, ch Chunk) {
	ch.Conn, ch.Side, ch.At, ch.Frame = x.info, side, s.at, s.lines.n
	if ch.Kind == ChunkData && x.inside && !x.seen[side] {
		gap := ch
		gap.Kind, gap.Data, gap.Lost = ChunkGap, nil, -1
		s.out = append(s.out, gap)
	}
	x.seen[side] = x.seen[side] || ch.Kind == ChunkData
	x.begun = true
	s.out = append(s.out, ch)
}
