package fpm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/fpm"
	"github.com/fcgiscope/fcgiscope/wire/gateway"
	"github.com/fcgiscope/fcgiscope/wire/server"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// A web server for the PHP files below a directory, with a php-fpm of its own
// for as long as it runs.
func ExampleLaunch() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	php, err := fpm.Launch(ctx, fpm.LaunchOptions{Root: "public", Children: 8, Log: os.Stderr})
	if err != nil {
		log.Print(err)
		return
	}
	defer php.Close()
	pool := &client.Pool{Dial: func(ctx context.Context) (net.Conn, error) { return transport.Dial(ctx, php.Addr()) }}
	defer pool.Close()
	site, err := gateway.Open("public")
	if err != nil {
		log.Print(err)
		return
	}
	defer site.Close()
	site.Scripts = &gateway.App{Pool: pool}
	s := &http.Server{Addr: "127.0.0.1:8080", Handler: &gateway.Front{Next: site}}
	go func() {
		select {
		case <-ctx.Done():
		case <-php.Done(): // it has ended by itself: php.Err says why
		}
		s.Close()
	}()
	log.Print(s.ListenAndServe())
}

// A pool is asked how it is. What is wrong with one is an *Error, whose Kind
// tells a busy pool from one that is not there.
func ExampleClient_Status() {
	// What php-fpm would answer; Dial is usually that of a net.Dialer.
	pool := &server.Server{Handler: func(_ context.Context, x *server.Exchange) {
		if path, _ := wire.Lookup(x.Params, "SCRIPT_NAME"); string(path) != "/fpm-status" {
			io.WriteString(x.Stdout, "Status: 404 Not Found\r\nContent-type: text/html; charset=UTF-8\r\n\r\nFile not found.\n")
			return
		}
		io.WriteString(x.Stdout, "Content-Type: application/json\r\n\r\n"+
			`{"pool":"www","process manager":"static","active processes":1,"idle processes":3,"total processes":4}`)
	}}
	c := &fpm.Client{StatusPath: "/fpm-status", Dial: func(context.Context) (net.Conn, error) {
		near, far := net.Pipe()
		go pool.ServeConn(context.Background(), far)
		return near, nil
	}}
	status, err := c.Status(context.Background(), false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.Pool, status.ActiveProcesses, "of", status.TotalProcesses, "workers are busy")

	c.StatusPath = "/other"
	_, err = c.Status(context.Background(), false)
	if wrong := (*fpm.Error)(nil); errors.As(err, &wrong) {
		fmt.Println(wrong.Kind, wrong.HTTPStatus)
	}
	// Output:
	// www 1 of 4 workers are busy
	// not configured 404
}
