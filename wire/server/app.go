package server

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
)

// An App is a handler that is built in.
type App struct {
	Name    string  // what it is called on the command line
	Help    string  // one line
	Handler Handler // what it does
}

var apps = []App{
	{"echo", "prints the request: its params in order, and its body (JSON with Accept: application/json or ?format=json)", echo},
	{"hello", "says hello", hello},
	{"env", "prints the params, one NAME=value a line", env},
	{"upload", "reads the body and prints its size and checksum", upload},
	{"slow", "prints ?lines=5 lines with ?ms=1000 milliseconds between them", slow},
	{"big", "prints ?bytes=10485760 bytes", big},
	{"stderr", "prints a page, and writes ?lines=1 lines to STDERR before, in and after it", stderrApp},
	{"status", "answers with ?status=404, ?app=0 as appStatus, ?location=URL", statusApp},
	{"crash", "fails at once, or with ?how=late in the middle of its answer", crash},
	{"authorizer", "role AUTHORIZER: lets everything pass, but what is below a directory private only with the password \"secret\"", authorizer},
	{"filter", "role FILTER: answers with the DATA stream in upper case", Filter(Upper)},
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

// queryNumber returns the number that a key in QUERY_STRING has, def where it
// has none.
func queryNumber(x *Exchange, key string, def int64) int64 {
	n, err := strconv.ParseInt(queryValue(x, key), 10, 64)
	if err != nil || n < 0 {
		return def
	}
	return n
}

const textHeader = "Content-Type: text/plain; charset=utf-8\r\n\r\n"

// writeParams writes the pairs as lines that can be told apart.
func writeParams(w io.Writer, pairs []wire.Pair) {
	for _, p := range pairs {
		fmt.Fprintf(w, "%s=%s\n", oneLine(p.Name), oneLine(p.Value))
	}
}
