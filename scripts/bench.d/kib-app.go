//go:build ignore

// kib-app SOCKET: a FastCGI application that answers every request with 1 KiB, and does as little as possible for it: so
// that in front of it a web server is what is measured.
package main

import (
	"context"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire/server"
)

func main() {
	l, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	answer := "Content-Type: text/plain\r\n\r\n" + strings.Repeat("x", 1024)
	s := &server.Server{Handler: func(_ context.Context, x *server.Exchange) { io.WriteString(x.Stdout, answer) }}
	log.Fatal(s.Serve(context.Background(), l))
}
