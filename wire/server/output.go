package server

import (
	"bytes"
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire"
)

// chunk is the most content of a record: a multiple of 8, because more than
// 65535 bytes of content and padding together are too much for some peers.
const chunk = wire.MaxContent &^ 7

type stdout Exchange

// Write gathers p, or sends it if it is large.
func (s *stdout) Write(p []byte) (n int, err error) {
	x := (*Exchange)(s)
	x.c.wmu.Lock()
	defer x.c.wmu.Unlock()
	if x.over {
		return 0, ErrEnded
	}
	for len(p) > 0 {
		if x.used == 0 && len(p) >= len(gatherBuffer{}) {
			part := p[:min(len(p), chunk)]
			if err := x.emit(wire.TypeStdout, part); err != nil {
				return n, err
			}
			p, n = p[len(part):], n+len(part)
			continue
		}
		if x.gathered == nil {
			x.gathered = gatherBuffers.Get().(*gatherBuffer)
		}
		k := copy(x.gathered[x.used:], p)
		x.used += k
		p, n = p[k:], n+k
		if x.used == len(x.gathered) {
			if err := x.sendGathered(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

type stderr Exchange

// Write sends p, after what was written to Stdout before; it is not flushed.
func (s *stderr) Write(p []byte) (n int, err error) {
	x := (*Exchange)(s)
	x.c.wmu.Lock()
	defer x.c.wmu.Unlock()
	if x.over {
		return 0, ErrEnded
	}
	if err := x.sendGathered(); err != nil {
		return 0, err
	}
	return x.writeStderr(p)
}

// What follows is called under conn.wmu.

func (x *Exchange) writeStderr(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), chunk)]
		if err := x.emit(wire.TypeStderr, part); err != nil {
			return n, err
		}
		p, n = p[len(part):], n+len(part)
	}
	return n, nil
}

// sendGathered makes a record of what was gathered.
func (x *Exchange) sendGathered() error {
	if x.gathered == nil {
		return nil
	}
	var err error
	if x.used > 0 {
		err = x.emit(wire.TypeStdout, x.gathered[:x.used])
	}
	x.dropGathered()
	return err
}

func (x *Exchange) dropGathered() {
	if x.gathered != nil {
		gatherBuffers.Put(x.gathered)
		x.gathered, x.used = nil, 0
	}
}

func (x *Exchange) emit(t wire.Type, content []byte) error {
	switch t {
	case wire.TypeStdout:
		x.stdoutSent = true
	case wire.TypeStderr:
		x.stderrSent = true
	}
	return x.c.emit(x, wire.NewRecord(t, x.ID, content))
}

// emit writes a record, or what a fault makes of it. x is nil for management
// records.
func (c *conn) emit(x *Exchange, rec wire.Record) error {
	if c.fault != nil {
		return c.fault.write(x, rec)
	}
	return c.w.WriteRecord(rec)
}

// writeEnd writes what is left of the output and END_REQUEST; why is that of
// conn.end.
func (x *Exchange) writeEnd(why error) {
	status := wire.RequestComplete
	answered := true
	switch e := why.(type) {
	case nil:
	case refusedError:
		status, answered = wire.ProtocolStatus(e), false
	case *failedError:
		x.appStatus = uint32(e.status)
		x.writeFailure(e)
	case timeLimitError:
		x.writeTimeLimit(e)
	case recordedEnd:
		x.c.emit(x, wire.Record(e))
		return
	default:
		answered = x.stdoutSent || x.used > 0
	}
	x.sendGathered()
	// "STDERR: no record, or one empty record, when there is nothing to say";
	// every other stream is ended. Section 6.1.
	if answered {
		x.emit(wire.TypeStdout, nil)
	}
	if x.stderrSent {
		x.emit(wire.TypeStderr, nil)
	}
	x.c.emit(x, wire.EndRecord(x.ID, x.appStatus, status))
}

// writeFailure answers in the place of the handler, if that has sent nothing.
func (x *Exchange) writeFailure(e *failedError) {
	if !x.stdoutSent {
		x.dropGathered()
	}
	x.writeStderr([]byte("fcgiscope: " + e.why + "\n"))
	if !x.stdoutSent {
		x.emit(wire.TypeStdout, response(e.status, e.why))
	}
}

// writeTimeLimit keeps the output of a handler that took too long. If not even
// its header is complete, that goes to STDERR.
func (x *Exchange) writeTimeLimit(late timeLimitError) {
	x.appStatus = 408
	why := late.why()
	line := "fcgiscope: " + why
	var waiting []byte
	if x.gathered != nil {
		waiting = x.gathered[:x.used]
	}
	if x.stdoutSent || headerComplete(waiting) {
		x.sendGathered()
		x.writeStderr([]byte(line + "\n"))
		return
	}
	if len(waiting) > 0 {
		line += fmt.Sprintf("; its unfinished response header was %.1000q", waiting)
	}
	x.dropGathered()
	x.writeStderr([]byte(line + "\n"))
	x.emit(wire.TypeStdout, response(408, why))
}

// headerComplete reports whether b holds the empty line that ends a header.
func headerComplete(b []byte) bool {
	return bytes.Contains(b, []byte("\n\n")) || bytes.Contains(b, []byte("\n\r\n"))
}
