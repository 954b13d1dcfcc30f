package client

import (
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
)

const (
	// oneWrite is how large a request may be to be sent at once, by the caller
	// of Do: with its headers and padding it stays below what wire.Writer
	// gathers, and socket buffers take it even if the app does not read yet.
	oneWrite = 48 << 10
	// bodyPiece is how much of a larger input is read at once: as much as
	// wire.Writer gathers together with the end of the stream.
	bodyPiece = 60 << 10
)

// fitsOneWrite reports whether the whole request is one write.
func (r *Response) fitsOneWrite() bool {
	if r.req.Layout.writesEach() {
		return false
	}
	size := sizeOf(r.req.Stdin) + sizeOf(r.req.Data)
	for i := range r.req.Params {
		size += r.req.Params[i].Len()
	}
	return size <= oneWrite
}

// sizeOf is the size of what is in memory, of other readers a large one.
func sizeOf(s io.Reader) int {
	switch s := s.(type) {
	case nil:
		return 0
	case interface{ Len() int }:
		return s.Len()
	}
	return oneWrite + 1
}

// errOver ends the sending of a request whose answer is over, or that was
// aborted.
var errOver = errors.New("client: answer is over")

// send sends the request. An error of the connection is none of the request
// yet: the app may have answered before it closed.
func (r *Response) send() {
	c := r.c
	err := r.sendAll()
	var own *SendError
	switch {
	case errors.As(err, &own):
		c.mu.Lock()
		defer c.mu.Unlock()
		r.giveUp(own)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.mu.Lock()
		defer c.mu.Unlock()
		c.shut(c.silence)
	}
}

func (r *Response) sendAll() error {
	c := r.c
	if err := r.lockWriting(); err != nil {
		return err
	}
	flags := wire.Flags(0)
	if r.req.Keep {
		flags = wire.KeepConn
	}
	r.req.Layout.apply(c.w, wire.TypeParams)
	// The writer keeps its first error, and Flush returns it.
	_ = c.w.WriteRecord(wire.BeginRecord(r.id, r.req.Role, flags))
	c.mu.Lock()
	r.begun = true
	c.room.Broadcast()
	c.mu.Unlock()
	params := c.w.Pairs(wire.TypeParams, r.id)
	for _, p := range r.req.Params {
		_ = params.WritePair(p)
	}
	_ = params.Close()
	data := r.req.Data != nil || r.req.Role == wire.Filter
	if err := r.sendStream(wire.TypeStdin, r.req.Stdin, !r.req.NoStdinEnd, !data); err != nil {
		return err
	}
	if data {
		if err := r.sendStream(wire.TypeData, r.req.Data, true, true); err != nil {
			return err
		}
	}
	err := c.w.Flush()
	if err == nil {
		c.mu.Lock()
		r.times.Sent = time.Now()
		c.mu.Unlock()
	}
	<-c.writing
	return err
}

// allSent notes that the last bytes are about to go. Before they do: the answer
// to them may come at once, and with Layout.WriteEach they do not wait for Flush.
func (r *Response) allSent() {
	r.c.mu.Lock()
	r.sent = true
	r.c.mu.Unlock()
}

// sendStream sends one stream, the last one or not. It is called with the right
// to write, and gives it to others while it waits for input; after an error it
// has not got it.
func (r *Response) sendStream(t wire.Type, src io.Reader, end, last bool) error {
	c := r.c
	r.req.Layout.apply(c.w, t)
	out := c.w.Stream(t, r.id)
	switch {
	case src == nil:
	case sizeOf(src) > oneWrite || r.req.Layout.writesEach():
		return r.sendPieces(out, t, src, end, last)
	default:
		if _, err := io.Copy(keeper{out}, src); err != nil {
			_ = c.w.Flush()
			<-c.writing
			return &SendError{Stream: t, Err: err}
		}
	}
	if last {
		r.allSent()
	}
	if end {
		_ = out.Close()
	}
	return nil
}

// A keeper takes everything; the writer keeps its error until Flush.
type keeper struct{ w io.Writer }

func (k keeper) Write(p []byte) (int, error) {
	_, _ = k.w.Write(p)
	return len(p), nil
}

// sendPieces sends a stream as it comes. The end goes together with the last
// byte: php-fpm answers when it has CONTENT_LENGTH bytes, and resets a kept
// connection when the end of STDIN comes after that.
func (r *Response) sendPieces(out *wire.StreamWriter, t wire.Type, src io.Reader, end, last bool) error {
	c := r.c
	left := r.declared(t)
	size, whole := r.req.Layout.piece()
	buf := make([]byte, size+1)
	for {
		err := c.w.Flush()
		<-c.writing
		if err != nil {
			return err
		}
		n, readErr := src.Read(buf[:size])
		for whole && readErr == nil && n < size {
			var more int
			more, readErr = src.Read(buf[n:size])
			n += more
		}
		left -= int64(n)
		if left == 0 && readErr == nil {
			var more int
			more, readErr = src.Read(buf[n : n+1])
			n += more
		}
		if readErr != nil && readErr != io.EOF {
			return &SendError{Stream: t, Err: readErr}
		}
		if err := r.lockWriting(); err != nil {
			return err
		}
		r.req.Layout.apply(c.w, t)
		if last && readErr == io.EOF {
			r.allSent()
		}
		_, _ = out.Write(buf[:n])
		if readErr == io.EOF {
			if end {
				_ = out.Close()
			}
			return nil
		}
	}
}

// declared is how many bytes a stream has according to the parameters, less
// than 0 if they do not say.
func (r *Response) declared(t wire.Type) int64 {
	name := "CONTENT_LENGTH"
	if t == wire.TypeData {
		name = "FCGI_DATA_LENGTH"
	}
	value, _ := wire.Lookup(r.req.Params, name)
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// lockWriting takes the right to write, unless nothing more is to be sent.
func (r *Response) lockWriting() error {
	c := r.c
	select {
	case c.writing <- struct{}{}: // as usual
	default:
		select {
		case c.writing <- struct{}{}:
		case <-c.done:
			return errOver
		}
	}
	c.mu.Lock()
	over := r.over || r.wasAborted
	c.mu.Unlock()
	if over {
		<-c.writing
		return errOver
	}
	return nil
}
