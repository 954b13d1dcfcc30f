package server_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// An application behind a web server: one handler for all requests.
func ExampleServer() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	s := &server.Server{
		Handler: func(ctx context.Context, x *server.Exchange) {
			io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\n")
			fmt.Fprintf(x.Stdout, "Hello, %s\n", x.Param("REMOTE_USER"))
		},
		Limits: server.Limits{Requests: 100},
	}
	ctx, stop := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, stop) // until a signal comes, say
	fmt.Println(s.Serve(ctx, ln))
	// Output: context canceled
}

// An application in the same process, and one request by hand.
func ExampleServer_ServeConn() {
	near, far := net.Pipe()
	s := &server.Server{Handler: server.HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Method, r.URL)
	}))}
	done := make(chan struct{})
	go func() {
		s.ServeConn(context.Background(), far)
		close(done)
	}()
	w := wire.NewWriter(near)
	w.WriteRecord(wire.BeginRecord(1, wire.Responder, 0))
	params := w.Pairs(wire.TypeParams, 1)
	params.WritePair(wire.NewPair("REQUEST_METHOD", "GET"))
	params.WritePair(wire.NewPair("REQUEST_URI", "/a?b=c"))
	params.Close()
	w.Stream(wire.TypeStdin, 1).Close()
	w.Flush()
	r := wire.NewReader(near)
	for {
		rec, err := r.ReadRecord()
		if err != nil {
			break
		}
		fmt.Printf("%v %q\n", rec.Type, rec.Content)
	}
	<-done
	// Output:
	// STDOUT "Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGET /a?b=c\n"
	// STDOUT ""
	// END_REQUEST "\x00\x00\x00\x00\x00\x00\x00\x00"
}

// A server that breaks the protocol: its END_REQUEST is too short.
func ExampleFindFault() {
	fault, err := server.FindFault("end-short")
	if err != nil {
		log.Fatal(err)
	}
	app, err := server.FindApp("hello")
	if err != nil {
		log.Fatal(err)
	}
	_ = &server.Server{Handler: app.Handler, Fault: fault}
	fmt.Println(fault.Help)
	// Output: an END_REQUEST of 7 bytes
}
