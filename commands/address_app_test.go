package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/fcgiscope/fcgiscope/wire/server"
)

// fcgiApp is the program fcgi-app, an application that tests start:
//
//	fcgi-app            serves app:env on descriptor 0
//	fcgi-app load       serves loadHandler there
//	fcgi-app hold ADDR  holds a connection to ADDR
//	fcgi-app deaf ADDR  the same, and ignores SIGTERM
func fcgiApp() {
	if len(os.Args) == 3 {
		if os.Args[1] == "deaf" {
			signal.Ignore(syscall.SIGTERM)
		}
		c, err := net.Dial("tcp", os.Args[2])
		if err == nil {
			io.Copy(io.Discard, c)
		}
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s := &server.Server{Handler: func(_ context.Context, x *server.Exchange) {
		io.WriteString(x.Stdout, "Content-Type: text/plain\r\n\r\nenvironment: "+os.Getenv(server.WebServerAddrs)+"\n")
	}}
	if len(os.Args) == 2 && os.Args[1] == "load" {
		s.Handler = loadHandler
	}
	if err := s.ServeInherited(ctx, ""); err != nil && ctx.Err() == nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// loadHandler reads the body and answers with 64 KiB as often as the query says,
// pieces=N.
func loadHandler(_ context.Context, x *server.Exchange) {
	pieces := 0
	_, _ = fmt.Sscanf(x.Param("QUERY_STRING"), "pieces=%d", &pieces)
	if _, err := io.Copy(io.Discard, x.Stdin); err != nil {
		return
	}
	io.WriteString(x.Stdout, "Content-Type: application/octet-stream\r\n\r\n")
	piece := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	for range pieces {
		if _, err := x.Stdout.Write(piece); err != nil {
			return
		}
	}
}
