//go:build unix

package server_test

import (
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/server"
)

// Programs as a web server runs them by CGI.
func ExampleCGI() {
	dir, err := os.MkdirTemp("", "cgi-bin")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\necho \"$REQUEST_METHOD $QUERY_STRING\"\n"
	if err := os.WriteFile(filepath.Join(dir, "hello"), []byte(program), 0o755); err != nil {
		log.Fatal(err)
	}
	programs := &server.CGI{Root: dir, TimeLimit: 10 * time.Second}
	ask(programs.Handle, wire.Responder, "REQUEST_METHOD=GET", "QUERY_STRING=a=b", "DOCUMENT_ROOT="+dir, "SCRIPT_NAME=/hello")
	// Output:
	// Content-Type: text/plain
	//
	// GET a=b
}
