package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/gateway"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// pool returns connections to an application in this process; to one elsewhere
// Dial is that of a net.Dialer, or transport.Dial.
func pool(h server.Handler) *client.Pool {
	s := &server.Server{Handler: h}
	return &client.Pool{Dial: func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		go s.ServeConn(context.Background(), far)
		return near, nil
	}}
}

// ask prints what a handler answers.
func ask(h http.Handler, url string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
	fmt.Print(w.Code, " ", w.Body)
}

// A web server for the PHP files below a directory, with a log.
func Example() {
	site, err := gateway.Open("/srv/www")
	if err != nil {
		log.Print(err)
		return
	}
	defer site.Close()
	app := transport.Addr{Network: "unix", Address: "/run/php/php-fpm.sock"}
	pool := &client.Pool{Dial: func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, app) }}
	defer pool.Close()
	site.Scripts = &gateway.App{Pool: pool, MaxBody: 8 << 20}
	site.Front = "index.php"
	front := &gateway.Front{
		Next: gateway.NewLimiter(site, 50, 200, 10*time.Second),
		Done: func(x *gateway.Exchange) { log.Print(x.Request.RequestURI, x.Status, x.Why) },
	}
	log.Print(http.ListenAndServe("127.0.0.1:8080", front))
}

// An application answers for every path.
func ExampleApp() {
	hello := pool(func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\nhello from "+x.Param("REQUEST_URI")+"\n")
	})
	defer hello.Close()
	ask(&gateway.App{Pool: hello}, "http://localhost/a?b=c")
	// Output: 200 hello from /a?b=c
}

// What an authorizer says of the user becomes a parameter of the application.
func ExampleAuthorizer() {
	guard := pool(func(_ context.Context, x *server.Exchange) {
		if x.Param("QUERY_STRING") != "token=open" {
			io.WriteString(x.Stdout, "Status: 403\r\nContent-Type: text/plain\r\n\r\nnot you\n")
			return
		}
		io.WriteString(x.Stdout, "Status: 200\r\nVariable-REMOTE_USER: alice\r\n\r\n")
	})
	defer guard.Close()
	app := pool(func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\nhello "+x.Param("REMOTE_USER")+"\n")
	})
	defer app.Close()
	h := &gateway.Authorizer{App: &gateway.App{Pool: guard}, Next: &gateway.App{Pool: app}}
	ask(h, "http://localhost/")
	ask(h, "http://localhost/?token=open")
	// Output:
	// 403 not you
	// 200 hello alice
}

// Parameters can be added, changed and left out before they are sent.
func ExampleApp_params() {
	app := pool(func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\n"+x.Param("APP_ENV")+"\n")
	})
	defer app.Close()
	ask(&gateway.App{Pool: app, Params: func(params []wire.Pair) []wire.Pair {
		return append(params, wire.NewPair("APP_ENV", "testing"))
	}}, "http://localhost/")
	// Output: 200 testing
}
