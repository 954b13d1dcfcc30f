package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strings"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// hello starts an app to talk to, and returns its address.
func hello() (transport.Addr, func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s\n", r.Method, r.URL.Path, body)
	}))
	return transport.Addr{Network: "tcp", Address: l.Addr().String()}, func() { l.Close() }
}

// One request from beginning to end.
func Example() {
	addr, stop := hello() // or transport.ParseAddr("unix:/run/php/php-fpm.sock")
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	request := cgi.Request{Method: "POST", URL: "/hello.php", Root: "/srv/www", ContentLength: 4}
	params, err := request.Params()
	if err != nil {
		log.Fatal(err)
	}
	r, err := c.Do(ctx, client.Request{Params: params, Stdin: strings.NewReader("body")})
	if err != nil {
		log.Fatal(err)
	}
	header, err := r.Header()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("status", header.Status())
	if _, err := io.Copy(os.Stdout, r.Stdout); err != nil {
		log.Fatal(err)
	}
	end, err := r.Wait()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("appStatus", end.AppStatus, "protocolStatus", end.Status)
	// Output:
	// status 200
	// POST /hello.php body
	// appStatus 0 protocolStatus REQUEST_COMPLETE
}

// What an app can do, and a connection that makes use of it.
func ExampleConn_Values() {
	addr, stop := hello()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()

	c, err := client.Dial(ctx, addr, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	values, err := c.Values(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range values {
		fmt.Printf("%s=%s\n", v.Name, v.Value)
	}
	fmt.Println("requests at once:", client.InFlight(values, 10))
	// Output:
	// FCGI_MPXS_CONNS=1
	// requests at once: 10
}

// Many requests over few connections.
func ExamplePool() {
	addr, stop := hello()
	defer stop()
	pool := client.Pool{
		Dial:    func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, addr) },
		MaxOpen: 5,
	}
	defer pool.Close()
	for range 3 {
		params, err := (&cgi.Request{URL: "/hello.php"}).Params()
		if err != nil {
			log.Fatal(err)
		}
		r, err := pool.Do(context.Background(), client.Request{Params: params})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := r.Wait(); err != nil {
			log.Fatal(err)
		}
	}
	s := pool.Stats()
	fmt.Println(s.Dialed, "connection,", s.Reused, "times reused")
	// Output: 1 connection, 2 times reused
}

// Every record of a conversation, as it goes and comes.
func ExampleOptions_observe() {
	addr, stop := hello()
	defer stop()
	var conn flow.Conn
	show := func(e *flow.Event) {
		if e.Kind == flow.KindRecord {
			fmt.Println(e.Dir, e.Header.Type)
		}
	}
	c, err := client.Dial(context.Background(), addr, client.Options{
		Observe: func(dir wire.Direction, at time.Time, p []byte) { conn.Feed(dir, at, p, show) },
	})
	if err != nil {
		log.Fatal(err)
	}
	params, err := (&cgi.Request{URL: "/"}).Params()
	if err != nil {
		log.Fatal(err)
	}
	r, err := c.Do(context.Background(), client.Request{Params: params})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := r.Wait(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// to-app BEGIN_REQUEST
	// to-app PARAMS
	// to-app PARAMS
	// to-app STDIN
	// to-server STDOUT
	// to-server STDOUT
	// to-server STDOUT
	// to-server END_REQUEST
}

// Records of one's own, also such as nobody should send.
func ExampleRaw() {
	app, web := net.Pipe()
	go io.Copy(io.Discard, app)
	raw := client.NewRaw(web, nil)
	defer raw.Close()
	_ = raw.WriteRecord(wire.BeginRecord(1, wire.Role(99), 0))
	_ = raw.WriteRaw(wire.Header{Version: 7, Type: 200, ContentLength: 1000}, []byte("not that much"), nil)
	fmt.Println(raw.Flush())
	// Output: <nil>
}
