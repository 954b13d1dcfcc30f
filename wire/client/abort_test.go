package client

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// Nothing more of a request is sent once it was aborted.
func TestAbortEndsBody(t *testing.T) {
	for name, o := range map[string]Options{"alone": {}, "among others": {InFlight: 2}} {
		c, a := pair(t, o)
		body, rest := io.Pipe()
		types := make(chan wire.Type, 10)
		go func() {
			for {
				rec, err := a.ReadRecord()
				if err != nil {
					close(types)
					return
				}
				types <- rec.Type
				if rec.Type == wire.TypeAbortRequest {
					rest.Write([]byte("more")) // which the client takes, and keeps
					rest.Close()
				}
			}
		}()
		r := mustDo(t, c, Request{Stdin: io.MultiReader(strings.NewReader("some"), body)})
		for typ := wire.Type(0); typ != wire.TypeStdin; typ = <-types {
		}
		if err := r.Abort(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if typ := <-types; typ != wire.TypeAbortRequest {
			t.Errorf("%s: %v came instead of ABORT_REQUEST", name, typ)
		}
		<-r.sender
		r.Close()
		c.Close()
		for typ := range types {
			if typ == wire.TypeStdin {
				t.Errorf("%s: %v came after ABORT_REQUEST", name, typ)
			}
		}
	}
}

// A request is aborted after it has begun, and not when it is over.
func TestAbortInTime(t *testing.T) {
	c, a := pair(t, Options{InFlight: 2})
	c.writing <- struct{}{} // somebody else writes
	r := mustDo(t, c, Request{Stdin: io.LimitReader(zeroes{}, 1<<20)})
	aborted := make(chan error)
	go func() { aborted <- r.Abort() }()
	<-c.writing
	a.want(wire.TypeBeginRequest, 1)
	for {
		rec, err := a.ReadRecord()
		if err != nil {
			t.Fatal(err)
		}
		if rec.Type == wire.TypeAbortRequest {
			break
		}
	}
	if err := <-aborted; err != nil {
		t.Error(err)
	}
	go a.send(end(1))
	if _, err := r.Wait(); err != nil {
		t.Error(err)
	}
	if err := r.Abort(); !errors.Is(err, ErrClosed) {
		t.Errorf("aborted what is over: %v", err)
	}
}
