package server

import "io"

// An input is STDIN or DATA of a request. Its fields are under conn.mu.
type input struct {
	x      *Exchange
	b      []byte // b[at:] waits for the handler
	at     int
	ended  bool // by the empty record
	none   bool // the role has no such stream; what comes is ignored
	hungry bool // the handler waits in Read
}

func (in *input) waiting() int { return len(in.b) - in.at }

// put adds p to what waits.
func (in *input) put(p []byte) {
	if in.at > 0 && len(in.b)+len(p) > cap(in.b) {
		in.b = in.b[:copy(in.b, in.b[in.at:])]
		in.at = 0
	}
	in.b = append(in.b, p...)
}

// Read returns what has come, and waits if that is nothing.
func (in *input) Read(p []byte) (int, error) {
	c := in.x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for first := true; ; first = false {
		switch {
		case in.x.over:
			return 0, ErrEnded
		case len(p) == 0:
			return 0, nil
		case in.waiting() > 0:
			n := copy(p, in.b[in.at:])
			if in.at += n; in.at == len(in.b) {
				in.b, in.at = in.b[:0], 0
			}
			in.x.kept -= n
			c.srv.buffered.Add(-int64(n))
			c.changed.Broadcast()
			return n, nil
		case in.ended || in.none:
			return 0, io.EOF
		case c.dead != nil:
			return 0, io.ErrUnexpectedEOF
		}
		if in.hungry = true; first && in.other().waiting() > 0 {
			// To who waits for room there; once, or two that are hungry would wake
			// each other for ever.
			c.changed.Broadcast()
		}
		c.changed.Wait()
		in.hungry = false
	}
}

// other is the other stream of the request.
func (in *input) other() *input {
	if in == &in.x.stdin {
		return &in.x.data
	}
	return &in.x.stdin
}

// closeInput ends the input of a handler that wants no more of it.
func (x *Exchange) closeInput() {
	x.c.mu.Lock()
	defer x.c.mu.Unlock()
	x.stdin.none, x.data.none = true, true
	x.c.changed.Broadcast()
}
