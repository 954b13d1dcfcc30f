package server

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An App is a handler that is built in.
type App struct {
	Name    string
	Help    string // one line
	Handler Handler
}

var apps = []App{
	{"echo", "prints the request: its params in order, and its body (JSON with Accept: application/json or ?format=json)", echo},
	{"hello", "says hello", hello},
	{"env", "prints the params, one NAME=value a line", env},
}

// Apps returns the apps that are built in, in the order of the help.
func Apps() []App { return append([]App(nil), apps...) }

// FindApp returns the app of that name.
func FindApp(name string) (App, error) {
	var names []string
	for _, a := range apps {
		if a.Name == name {
			return a, nil
		}
		names = append(names, a.Name)
	}
	return App{}, fmt.Errorf("server: no app %q: there are %s", name, strings.Join(names, ", "))
}

// queryValue returns the value of a key in QUERY_STRING, as it is there.
func queryValue(x *Exchange, key string) string {
	for _, part := range strings.Split(x.Param("QUERY_STRING"), "&") {
		if name, value, _ := strings.Cut(part, "="); name == key {
			return value
		}
	}
	return ""
}

func hello(_ context.Context, x *Exchange) {
	io.WriteString(x.Stdout, "Content-Type: text/plain; charset=utf-8\r\n\r\nHello from fcgiscope.\n")
}

func env(_ context.Context, x *Exchange) {
	io.WriteString(x.Stdout, textHeader)
	writeParams(x.Stdout, x.Params)
}

const textHeader = "Content-Type: text/plain; charset=utf-8\r\n\r\n"

// writeParams writes the pairs as lines that can be told apart.
func writeParams(w io.Writer, pairs []wire.Pair) {
	for _, p := range pairs {
		fmt.Fprintf(w, "%s=%s\n", oneLine(p.Name), oneLine(p.Value))
	}
}
