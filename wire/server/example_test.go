package server_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
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

// ask has h answer one request and prints STDOUT.
func ask(h server.Handler, role wire.Role, params ...string) {
	near, far := net.Pipe()
	go (&server.Server{Handler: h}).ServeConn(context.Background(), far)
	w := wire.NewWriter(near)
	w.WriteRecord(wire.BeginRecord(1, role, 0))
	pairs := w.Pairs(wire.TypeParams, 1)
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		pairs.WritePair(wire.NewPair(name, value))
	}
	pairs.Close()
	w.Stream(wire.TypeStdin, 1).Close()
	if role == wire.Filter {
		data := w.Stream(wire.TypeData, 1)
		io.WriteString(data, "a file\n")
		data.Close()
	}
	w.Flush()
	r := wire.NewReader(near)
	for {
		rec, err := r.ReadRecord()
		if err != nil {
			return
		}
		if rec.Type == wire.TypeStdout {
			fmt.Print(strings.ReplaceAll(string(rec.Content), "\r", ""))
		}
	}
}

// A web application of net/http. What the web server tells beside the HTTP
// request is in HTTPParams.
func ExampleHTTP() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		user, _ := wire.Lookup(server.HTTPParams(r), "REMOTE_USER")
		fmt.Fprintf(w, "hello %s, says %s\n", r.PathValue("name"), user)
	})
	ask(server.HTTP(mux), wire.Responder, "REQUEST_METHOD=GET", "REQUEST_URI=/hello/bob", "REMOTE_USER=alice")
	// Output:
	// Status: 200 OK
	// Content-Type: text/plain; charset=utf-8
	//
	// hello bob, says alice
}

// At a signal the requests that have begun are answered, for a while.
func ExampleServer_Shutdown() {
	ln, err := net.Listen("unix", "/run/app.sock")
	if err != nil {
		log.Print(err)
		return
	}
	s := &server.Server{Handler: server.HTTP(http.NotFoundHandler()), ErrorLog: func(err error) { log.Print(err) }}
	signalled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error)
	go func() {
		<-signalled.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	if err := s.Serve(context.Background(), ln); err != nil {
		log.Print(err)
		return
	}
	log.Print(<-ended) // nil: all of them were answered
}

// Files that nobody leaves, by ".." or by a link.
func ExampleFiles() {
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, written := filepath.Join(dir, "a.txt"), time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	if err := os.WriteFile(path, []byte("a file\n"), 0o644); err != nil {
		log.Fatal(err)
	}
	if err := os.Chtimes(path, written, written); err != nil {
		log.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer root.Close()
	ask(server.Files(root.FS()), wire.Responder, "REQUEST_METHOD=GET", "REQUEST_URI=/a.txt", "HTTP_RANGE=bytes=2-")
	ask(server.Files(root.FS()), wire.Responder, "REQUEST_METHOD=GET", "REQUEST_URI=/%2e%2e/a.txt")
	// Output:
	// Status: 206 Partial Content
	// Accept-Ranges: bytes
	// Content-Length: 5
	// Content-Range: bytes 2-6/7
	// Content-Type: text/plain; charset=utf-8
	// Last-Modified: Sat, 21 Nov 2026 09:00:00 GMT
	//
	// file
	// Status: 403 Forbidden
	// Content-Type: text/plain; charset=utf-8
	// X-Content-Type-Options: nosniff
	//
	// 403 Forbidden: the path has ..
}

// Answers as they were recorded: here of an application that has just been
// watched; wire/capture reads them from files.
func ExampleMock() {
	conversation := []wire.Record{
		wire.BeginRecord(1, wire.Responder, 0),
		wire.NewRecord(wire.TypeParams, 1, wire.NewPair("REQUEST_URI", "/a").Append(nil)),
		wire.NewRecord(wire.TypeParams, 1, nil),
		wire.NewRecord(wire.TypeStdin, 1, nil),
		wire.NewRecord(wire.TypeStdout, 1, []byte("Content-Type: text/plain\r\n\r\nas recorded\n")),
		wire.NewRecord(wire.TypeStdout, 1, nil),
		wire.EndRecord(1, 0, wire.RequestComplete),
	}
	var mock server.Mock
	watched := flow.Conn{Info: &flow.ConnInfo{}, Whole: true}
	for _, rec := range conversation {
		watched.Feed(rec.Type.Spec().Dir, time.Time{}, rec.Append(nil), func(e *flow.Event) {
			if err := mock.Event(e); err != nil {
				log.Fatal(err)
			}
		})
	}
	ask(mock.Handle, wire.Responder, "REQUEST_URI=/a")
	ask(mock.Handle, wire.Responder, "REQUEST_URI=/b")
	// Output:
	// Content-Type: text/plain
	//
	// as recorded
	// Status: 404 Not Found
	// Content-Type: text/plain; charset=utf-8
	//
	// 404 Not Found: no answer was recorded for /b; the nearest, /a, differs in REQUEST_URI
}

// Some paths for everybody, some for nobody, the rest for who has a password.
func ExampleAuthorizer() {
	rules := &server.Authorizer{
		Allow: []server.PathPattern{"/public/"},
		Deny:  []server.PathPattern{"*.bak"},
		Login: server.Passwords(map[string]string{"alice": "secret"}),
	}
	ask(rules.Handle, wire.Authorizer, "REQUEST_URI=/public/a")
	ask(rules.Handle, wire.Authorizer, "REQUEST_URI=/a", "HTTP_AUTHORIZATION=Basic YWxpY2U6c2VjcmV0")
	ask(rules.Handle, wire.Authorizer, "REQUEST_URI=/public/a.bak")
	// Output:
	// Status: 200 OK
	//
	// Status: 200 OK
	// Variable-AUTH_USER: alice
	//
	// Status: 403 Forbidden
	// Content-Type: text/plain; charset=utf-8
	//
	// 403 Forbidden: nobody may see this
}

func ExampleFilter() {
	ask(server.Filter(server.Rot13), wire.Filter, "FCGI_DATA_LENGTH=7")
	// Output:
	// Content-Type: text/plain; charset=utf-8
	//
	// n svyr
}

// One function for each script.
func ExampleMux() {
	page := func(text string) server.Handler {
		return func(_ context.Context, x *server.Exchange) {
			io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\n"+text+"\n")
		}
	}
	ask(server.Mux(map[string]server.Handler{"/a": page("this is a"), "/b": page("this is b")}), wire.Responder, "SCRIPT_NAME=/b")
	// Output:
	// Content-Type: text/plain
	//
	// this is b
}
