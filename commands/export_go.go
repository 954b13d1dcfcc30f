package commands

import (
	"bytes"
	"context"
	_ "embed"
	"io"
	texttemplate "text/template"

	"github.com/fcgiscope/fcgiscope/wire"
)

// goProgram is the program that --export go writes.
//
//go:embed export_go.tmpl
var goProgram string

// goRoles are the names of the roles in package wire.
var goRoles = map[wire.Role]string{wire.Responder: "Responder", wire.Authorizer: "Authorizer", wire.Filter: "Filter"}

// A goFile is a file that the program sends as a stream of the request.
type goFile struct{ Name, Field, File string }

// exportGo prints a program that uses the packages of this one.
func exportGo(_ context.Context, e *export, w io.Writer) error {
	network, address, err := e.address()
	if err != nil {
		return err
	}
	var files []goFile
	var text []byte
	body := e.bodyFile()
	switch {
	case body != "":
		files = append(files, goFile{"body", "Stdin", body})
	case e.request.Stdin != nil:
		if text, err = e.inline(); err != nil {
			return err
		}
	}
	if data := e.o.params.dataFile; data != "" {
		files = append(files, goFile{"data", "Data", data})
	}
	program, err := texttemplate.New("program").Parse(goProgram)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = program.Execute(&b, map[string]any{
		"Network": network, "Address": address, "Files": files,
		"HasText": body == "" && e.request.Stdin != nil, "Text": text,
		"Role": goRoles[e.request.Role], "Keep": e.request.Keep, "ID": e.request.ID, "Params": e.request.Params,
	})
	if err != nil {
		return err
	}
	if e.request.Layout != nil {
		e.warn("the program cuts and pads records as it likes: --export hex has the bytes")
	}
	return e.put(w, &b)
}
