package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/fcgiscope/fcgiscope/wire"
)

const goHead = `package main

import (
	"context"
	"io"
	"log"
	"os"
%s	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/client"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// One FastCGI request, and its answer. To run it:
//
//	go mod init example && go mod tidy && go run .
func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := client.Dial(ctx, transport.Addr{Network: %q, Address: %q}, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
`

const goOpen = `	%[1]s, err := os.Open(%[2]q)
	if err != nil {
		log.Fatal(err)
	}
	defer %[1]s.Close()
`

const goTail = `	request.Stderr = os.Stderr
	response, err := conn.Do(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	header, err := response.Header()
	if err != nil {
		log.Fatal(err)
	}
	log.Println("status", header.Status())
	if _, err := io.Copy(os.Stdout, response.Stdout); err != nil {
		log.Fatal(err)
	}
	end, err := response.Wait()
	if err != nil {
		log.Fatal(err)
	}
	log.Println("appStatus", end.AppStatus, "protocolStatus", end.Status)
}
`

// goRoles are the names of the roles in package wire.
var goRoles = map[wire.Role]string{wire.Responder: "Responder", wire.Authorizer: "Authorizer", wire.Filter: "Filter"}

// exportGo prints a program that uses the packages of this one.
func exportGo(_ context.Context, e *export, w io.Writer) error {
	network, address, err := e.address()
	if err != nil {
		return err
	}
	file := e.bodyFile()
	var text []byte
	imports := ""
	if file == "" && e.request.Stdin != nil {
		if text, err = e.inline(); err != nil {
			return err
		}
		imports = "\t\"strings\"\n"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, goHead, imports, network, address)
	if file != "" {
		fmt.Fprintf(&b, goOpen, "body", file)
	}
	if data := e.o.params.dataFile; data != "" {
		fmt.Fprintf(&b, goOpen, "data", data)
	}
	fmt.Fprintf(&b, "\trequest := client.Request{Role: wire.%s, Keep: %t, ID: %d}\n", goRoles[e.request.Role], e.request.Keep, e.request.ID)
	b.WriteString("\trequest.Params = []wire.Pair{\n")
	for _, p := range e.request.Params {
		fmt.Fprintf(&b, "\t\twire.NewPair(%q, %q),\n", p.Name, p.Value)
	}
	b.WriteString("\t}\n")
	switch {
	case file != "":
		b.WriteString("\trequest.Stdin = body\n")
	case e.request.Stdin != nil:
		fmt.Fprintf(&b, "\trequest.Stdin = strings.NewReader(%q)\n", text)
	}
	if e.request.Data != nil {
		b.WriteString("\trequest.Data = data\n")
	}
	b.WriteString(goTail)
	if e.request.Layout != nil {
		e.warn("the program cuts and pads records as it likes: --export hex has the bytes")
	}
	return e.put(w, &b)
}
